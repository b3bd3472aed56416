//! `runnel listen`: a receiver of callbacks for development.
//!
//! Every event is printed as it arrives, with what its signatures are worth. It
//! is answered with a chosen status, to see what the sender does then, or sent on
//! to a server of one's own, whose status is the answer.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use runnel_api::receiver::{Received, Receiver};
use runnel_domain::signatures::{Message, Verdict};
use runnel_egress::{Egress, Post};
use runnel_types::{Clock, SystemClock, Timestamp};
use serde_json::{Value, json};

use crate::config::listen_address;
use crate::lifecycle::Signals;
use crate::{Failure, printer};

/// How long the server that events are sent on to may take; a sender waits 10 s.
const FORWARD_TIME: Duration = Duration::from_secs(9);

/// Headers that belong to one connection or to its length, and are made anew.
const HOP_HEADERS: [&str; 6] = [
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "transfer-encoding",
    "user-agent",
];

/// The flags of `runnel listen`.
#[derive(Debug, Args)]
pub(super) struct ListenFlags {
    /// Address and port to listen on; port 0 picks a free one
    #[arg(
        long,
        default_value = "127.0.0.1:9000",
        value_name = "ADDRESS",
        value_parser = listen_address
    )]
    listen: SocketAddr,
    /// The callback secrets that may have signed, comma-separated
    #[arg(
        long = "secret",
        env = "RUNNEL_CALLBACK_SECRETS",
        value_delimiter = ',',
        value_name = "SECRETS",
        hide_env_values = true
    )]
    secrets: Vec<String>,
    /// Answer every event with this status, such as 500 to see it tried again
    #[arg(
        long,
        default_value_t = 200,
        value_name = "STATUS",
        value_parser = clap::value_parser!(u16).range(200..=599),
        conflicts_with = "forward_to"
    )]
    answer: u16,
    /// Send every event on to this URL, and answer as it does
    #[arg(long, value_name = "URL")]
    forward_to: Option<String>,
    /// Print the whole body, not a line alone
    #[arg(long, conflicts_with = "json")]
    body: bool,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    /// End after so many events
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

pub(super) async fn run(flags: ListenFlags) -> Result<(), Failure> {
    let mut signals = Signals::catch()
        .map_err(|error| Failure::new(format!("signals cannot be caught: {error}")))?;
    let egress = Egress::open_for_cli(None).map_err(|error| Failure::new(error.to_string()))?;
    if let Some(url) = &flags.forward_to {
        egress
            .check_url(url, "callback")
            .map_err(|error| Failure::new(format!("--forward-to {url}: {error}")))?;
    }
    // Not by clap, which would repeat the value.
    let is_secret = |text: &String| text.starts_with("whsec_") && text.len() > "whsec_".len();
    if !flags.secrets.iter().all(is_secret) {
        return Err(
            Failure::new("--secret: a callback secret begins with whsec_").hint(
                "give it as POST /v1/callback-secrets showed it; several with commas between them",
            ),
        );
    }
    let mut receiver = Receiver::listen(flags.listen).await.map_err(|error| {
        Failure::new(format!("cannot listen on {}: {error}", flags.listen))
            .hint("choose another address with --listen; port 0 picks a free port")
    })?;
    let address = receiver.address();
    let url = format!("http://{address}");
    if flags.json {
        printer::data(&json!({"listening_on": url}).to_string());
    } else {
        printer::data(&format!("listening on {url}"));
        printer::note(&advice(address, &flags.secrets));
    }
    let mut seen = 0;
    loop {
        let event = tokio::select! {
            () = signals.asked_to_stop() => break,
            event = receiver.next() => event,
        };
        let Some(event) = event else {
            return Err(Failure::new("the receiver has stopped"));
        };
        handle(&flags, &egress, event).await;
        seen += 1;
        if flags.count.is_some_and(|count| seen >= count) {
            break;
        }
    }
    receiver.close().await;
    Ok(())
}

fn advice(address: SocketAddr, secrets: &[String]) -> String {
    let verified = if secrets.is_empty() {
        "signatures are not verified: give the secret with --secret whsec_…"
    } else {
        "signatures are verified"
    };
    format!(
        "use http://{address}/ as callback_url, on a server started with RUNNEL_EGRESS_ALLOW={}; {verified}; ctrl-c ends it",
        address.ip()
    )
}

/// Prints one event and answers it.
async fn handle(flags: &ListenFlags, egress: &Egress, event: Received) {
    let now = SystemClock.now();
    let text = String::from_utf8_lossy(&event.body).into_owned();
    let message = Message {
        id: event.header("webhook-id"),
        timestamp: event.header("webhook-timestamp"),
        standard: event.header("webhook-signature"),
        plain: event.header("runflow-signature"),
        body: &text,
    };
    let verdicts = (
        message.verify_plain(&flags.secrets),
        message.verify_standard(&flags.secrets, now.as_seconds()),
    );
    let answer = match &flags.forward_to {
        Some(url) => forward(egress, url, &event).await,
        None => Ok(flags.answer),
    };
    let line = if flags.json {
        as_json(flags, &event, &text, verdicts, &answer, now)
    } else {
        as_text(flags, &event, &text, verdicts, &answer, now)
    };
    printer::data(&line);
    // What the server behind does not take is to be sent again.
    event.answer(answer.unwrap_or(502));
}

async fn forward(egress: &Egress, url: &str, event: &Received) -> Result<u16, String> {
    let kept = |(name, _): &&(String, String)| !HOP_HEADERS.contains(&name.as_str());
    let sent = egress
        .post(Post {
            url: url.to_owned(),
            headers: event.headers.iter().filter(kept).cloned().collect(),
            body: Bytes::clone(&event.body),
            timeout: FORWARD_TIME,
            max_response_bytes: 0,
            purpose: "forwarded event",
        })
        .await;
    sent.map(|answer| answer.status)
        .map_err(|error| error.to_string())
}

const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Genuine => "genuine",
        Verdict::Wrong => "wrong",
        Verdict::Stale => "stale",
        Verdict::Unsigned => "unsigned",
    }
}

fn as_json(
    flags: &ListenFlags,
    event: &Received,
    text: &str,
    (plain, standard): (Verdict, Verdict),
    answer: &Result<u16, String>,
    now: Timestamp,
) -> String {
    let body = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
    let headers: serde_json::Map<String, Value> = event
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    // Without a secret nothing is known of a signature but that it is there.
    let told = |verdict| match verdict {
        Verdict::Unsigned => word(verdict),
        _ if flags.secrets.is_empty() => "unchecked",
        _ => word(verdict),
    };
    json!({
        "received_at": now.to_rfc3339(),
        "signature": told(plain),
        "webhook_signature": told(standard),
        "answer": answer.as_ref().ok(),
        "error": answer.as_ref().err(),
        "headers": headers,
        "body": body,
    })
    .to_string()
}

fn as_text(
    flags: &ListenFlags,
    event: &Received,
    text: &str,
    (plain, standard): (Verdict, Verdict),
    answer: &Result<u16, String>,
    now: Timestamp,
) -> String {
    let body: Value = serde_json::from_str(text).unwrap_or_default();
    let field = |name: &str| body[name].as_str();
    let what = field("event").unwrap_or("(no event)");
    let of = field("run_id").or(field("batch_id")).or(field("asset_id"));
    let time = now.to_rfc3339();
    let signature = match (flags.secrets.is_empty(), plain, standard) {
        (_, Verdict::Unsigned, Verdict::Unsigned) => "unsigned".to_owned(),
        (true, ..) => "signed, unchecked".to_owned(),
        (_, plain, standard) if plain == standard => format!("signature {}", word(plain)),
        (_, plain, standard) => format!(
            "Runflow-Signature {}, webhook-signature {}",
            word(plain),
            word(standard)
        ),
    };
    let answered = match answer {
        Ok(status) => format!("answered {status}"),
        Err(error) => format!("answered 502: {error}"),
    };
    let mut line = format!(
        "{}  {what:<24} {:<36}  {:>7} bytes  {signature}  {answered}",
        time.get(11..19).unwrap_or(&time),
        of.unwrap_or(event.header("webhook-id").unwrap_or("-")),
        event.body.len(),
    );
    if flags.body {
        let pretty = serde_json::to_string_pretty(&body).unwrap_or_default();
        line.push('\n');
        line.push_str(if body.is_null() { text } else { &pretty });
    }
    line
}
