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
    keys: Vec<Vec<u8>>,
    seen: Mutex<HashSet<String>>,
}

/// The key that a secret stands for.
fn key(secret: &str) -> Option<Vec<u8>> {
    let key = STANDARD.decode(secret.strip_prefix("whsec_")?).ok()?;
    (!key.is_empty()).then_some(key)
}

impl Receiver {
    fn is_genuine(&self, headers: &HeaderMap, body: &[u8]) -> Option<bool> {
        let header = |name| headers.get(name)?.to_str().ok();
        let (id, time) = (header("webhook-id")?, header("webhook-timestamp")?);
        let signatures = header("webhook-signature")?.split(' ');
        let codes: Vec<Vec<u8>> = signatures
            .filter_map(|signature| STANDARD.decode(signature.strip_prefix("v1,")?).ok())
            .collect();
        let is_signed = self.keys.iter().any(|key| {
            let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key will do");
            for part in [id.as_bytes(), b".", time.as_bytes(), b".", body] {
                mac.update(part);
            }
            let mut codes = codes.iter();
            codes.any(|code| mac.clone().verify_slice(code).is_ok())
        });
        // The time is signed too, so that nobody can send an old message again.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
        let is_fresh = now.abs_diff(time.parse().ok()?) <= 300;
        Some(is_fresh && is_signed)
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
    let secrets = env::var("CALLBACK_SECRETS")?;
    let keys: Option<Vec<_>> = secrets.split(',').map(key).collect();
    let receiver = Receiver {
        keys: keys.ok_or("CALLBACK_SECRETS holds something that is no secret")?,
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
