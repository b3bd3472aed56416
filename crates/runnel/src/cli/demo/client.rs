//! The demo's client: one line on the terminal for each request.

use std::time::Duration;

use bytes::Bytes;
use runnel_egress::{Body, Method};
use serde_json::Value;

use super::receiver::RECEIVED_AT;
use crate::cli::client::{Answer, Client as Inner, bar};
use crate::{Failure, printer};

/// A client that tells of its requests.
pub(super) struct Client(pub(super) Inner);

impl Client {
    /// A request to the API, with the key; the answer must have `status`.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        status: u16,
    ) -> Result<Value, Failure> {
        let answer = self.0.ask(method.clone(), path, body).await?;
        step(method.as_str(), path, &answer);
        answer.json(status).map_err(with_range)
    }

    /// The same without a line on the terminal, for polling.
    pub(super) async fn peek(&self, path: &str) -> Result<Value, Failure> {
        self.0.ask(Method::GET, path, None).await?.json(200)
    }

    /// Sends a file to a signed URL: no key, and a bar that shows how far it is.
    pub(super) async fn put(
        &self,
        url: &str,
        mime_type: &str,
        bytes: Bytes,
    ) -> Result<(), Failure> {
        let bar = bar("PUT  ", bytes.len() as u64);
        let answer = self.0.put(url, mime_type, bytes, &bar).await;
        bar.finish_and_clear();
        let answer = answer?;
        step("PUT", "upload_url (signed, no key)", &answer);
        answer.expect(200)
    }

    /// Fetches a file from a signed URL.
    pub(super) async fn fetch(&self, what: &str, url: &str) -> Result<Bytes, Failure> {
        let asked = self.0.exchange(Method::GET, url, Vec::new(), Body::Empty);
        let answer = asked.await?;
        step("GET", what, &answer);
        answer.expect(200)?;
        Ok(answer.body)
    }
}

/// Says what a server lacks for the demo, where the refusal speaks of it.
fn with_range(failure: Failure) -> Failure {
    if failure.to_string().contains("RUNNEL_EGRESS_ALLOW") {
        return failure.hint(format!(
            "the demo receives the callback on this machine: start that server with RUNNEL_EGRESS_ALLOW={RECEIVED_AT}"
        ));
    }
    failure
}

/// One line for one request.
fn step(method: &str, what: &str, answer: &Answer) {
    line(
        &format!("{method:<5} {what}"),
        &answer.status.to_string(),
        answer.elapsed,
    );
}

/// One line for anything that took time.
pub(super) fn line(what: &str, result: &str, elapsed: Duration) {
    printer::note(&format!(
        "  {what:<75} {result:>9} {:>8.1} ms",
        elapsed.as_secs_f64() * 1000.0
    ));
}
