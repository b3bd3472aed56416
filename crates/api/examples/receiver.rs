//! A receiver of callbacks, as `docs/callbacks.md` shows it.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program of its own, which prints and asks the machine's clock"
)]

use std::collections::HashSet;
use std::env;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::{Router, body::Bytes, extract::State, routing::post};
use axum::{http::HeaderMap, http::StatusCode};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use sha2::Sha256;

struct Receiver {
    secret: String,
    seen: Mutex<HashSet<String>>,
}

/// Whether `code` is the HMAC of `parts`; takes the same time wherever they differ.
fn made(key: &[u8], parts: &[&[u8]], code: &[u8]) -> bool {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key will do");
    for part in parts {
        mac.update(part);
    }
    mac.verify_slice(code).is_ok()
}

impl Receiver {
    fn is_genuine(&self, headers: &HeaderMap, body: &[u8]) -> Option<bool> {
        let header = |name| headers.get(name)?.to_str().ok();
        let plain = hex::decode(header("runflow-signature")?).ok()?;

        // The same over id, time and body, so that nobody can send it again later.
        let (id, time) = (header("webhook-id")?, header("webhook-timestamp")?);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
        let is_fresh = now.abs_diff(time.parse().ok()?) <= 300;
        let key = STANDARD.decode(self.secret.strip_prefix("whsec_")?).ok()?;
        let signed = [id.as_bytes(), b".", time.as_bytes(), b".", body];
        let mut signatures = header("webhook-signature")?.split(' ');
        let is_signed = signatures.any(|signature| {
            let code = signature
                .strip_prefix("v1,")
                .map(|code| STANDARD.decode(code));
            matches!(code, Some(Ok(code)) if made(&key, &signed, &code))
        });
        Some(is_fresh && is_signed && made(self.secret.as_bytes(), &[body], &plain))
    }
}

async fn receive(
    State(receiver): State<Arc<Receiver>>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    if receiver.is_genuine(&headers, &body) != Some(true) {
        return StatusCode::UNAUTHORIZED;
    }
    let id = headers["webhook-id"]
        .to_str()
        .unwrap_or_default()
        .to_owned();
    if receiver.seen.lock().expect("nobody panics").insert(id) {
        let message: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let word = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
        println!("{} {}", word("event"), word("run_id"));
    }
    StatusCode::NO_CONTENT
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let receiver = Receiver {
        secret: env::var("CALLBACK_SECRET")?,
        seen: Mutex::default(),
    };
    let address = format!("127.0.0.1:{}", env::var("PORT")?);
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("ready");
    let routes = Router::new()
        .fallback(post(receive))
        .with_state(Arc::new(receiver));
    Ok(axum::serve(listener, routes).await?)
}
