//! `runnel run`: a run of a model on a server.

mod input;

use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use runnel_egress::Method;
use serde_json::{Value, json};

use super::client::{Client, ServerFlags, text};
use crate::{Failure, printer};

/// How long waiting pauses between two looks, at first and at most.
const LOOKS: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(1)];

/// How many looks in a row may fail: a server that starts again is waited for.
const FAILED_LOOKS: u32 = 10;

/// The flags of `runnel run`.
#[derive(Debug, Args)]
pub(super) struct RunFlags {
    /// The model, such as runflow/background-removal
    model: String,
    /// An input of the model, by its name; @FILE uploads a file
    #[arg(short, long = "input", value_name = "NAME=VALUE")]
    input: Vec<String>,
    /// Wait for the end of the run and print its output, instead of its id
    #[arg(long)]
    wait: bool,
    /// Where the server tells of the end of the run
    #[arg(long, value_name = "URL")]
    callback_url: Option<String>,
    /// Print the run as JSON, on one line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerFlags,
}

/// Makes the run, and waits for its end if that is asked for.
pub(super) async fn run(flags: RunFlags) -> Result<(), Failure> {
    let client = flags.server.client()?;
    let path = format!("/v1/models/{}", flags.model);
    let model = client.ask(Method::GET, &path, None).await?.json(200)?;
    let input = input::read(&client, &model, &flags.input).await?;
    let mut body = json!({ "input": input });
    if let Some(url) = flags.callback_url {
        body["callback_url"] = Value::String(url);
    }
    let path = format!("{path}/runs");
    let run = client
        .ask(Method::POST, &path, Some(&body))
        .await?
        .json(201)?;
    let id = text(&run, "id")?;
    if !flags.wait {
        printer::data(&if flags.json {
            run.to_string()
        } else {
            id.to_owned()
        });
        return Ok(());
    }
    let run = follow(&client, id).await?;
    let status = text(&run, "status_code")?;
    if flags.json {
        printer::data(&run.to_string());
    } else if status == "succeeded" {
        printer::data(&format!("{:#}", run["output"]));
    }
    if status == "succeeded" {
        return Ok(());
    }
    let told = |field: &str| run[field].as_str().unwrap_or_default().to_owned();
    let why = match told("failure_code").as_str() {
        "" => String::new(),
        code => format!(": {code}: {}", told("failure_message")),
    };
    Err(Failure::new(format!("the run {id} ended as {status}{why}")))
}

/// Looks at a run until it has ended. Whoever stops looking stops nothing else.
async fn follow(client: &Client, id: &str) -> Result<Value, Failure> {
    let path = format!("/v1/runs/{id}");
    let shown = spinner();
    let [mut pause, longest] = LOOKS;
    let mut failed = 0;
    loop {
        let looked = client.ask(Method::GET, &path, None).await;
        let run = match looked.and_then(|answer| answer.json(200)) {
            Ok(run) => run,
            Err(failure) if failed == FAILED_LOOKS => {
                return Err(failure.of(&format!("the run {id} was made and cannot be followed")));
            }
            Err(_) => {
                failed += 1;
                tokio::time::sleep(longest).await;
                continue;
            }
        };
        failed = 0;
        let status = text(&run, "status_code")?;
        if !matches!(status, "queued" | "running") {
            shown.finish_and_clear();
            return Ok(run);
        }
        shown.set_message(match run["progress"].as_f64() {
            Some(share) => format!("{status} {:.0} %", share * 100.0),
            None => status.to_owned(),
        });
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(longest);
    }
}

/// Shows that something goes on; nothing where nobody looks.
fn spinner() -> ProgressBar {
    let spinner = ProgressBar::new_spinner();
    // INVARIANT: the template is a constant; were it wrong, the plain one shows.
    let style = ProgressStyle::with_template("  {spinner} {msg} {elapsed}");
    spinner.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}
