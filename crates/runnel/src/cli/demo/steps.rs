//! The story that the demo tells, each chapter checked.

use std::time::{Duration, Instant};

use bytes::Bytes;
use runnel_egress::Method;
use serde_json::{Value, json};

use super::client::{Client, line};
use super::outcome::Outcome;
use super::receiver::Receiver;
use crate::Failure;
use crate::cli::client::text;

/// The model that the demo runs.
const MODEL: &str = "runflow/background-replace";

/// How long polling waits between two looks.
const POLL: Duration = Duration::from_millis(100);

/// What the story needs.
pub(super) struct Story<'a> {
    pub(super) client: &'a Client,
    pub(super) receiver: &'a Receiver,
    pub(super) prompt: &'a str,
    pub(super) patience: Duration,
}

impl Story<'_> {
    pub(super) async fn tell(&self, name: &str, photo: Vec<u8>) -> Result<Outcome, Failure> {
        let asset = self.upload(name, photo).await?;
        let id = text(&asset, "id")?;
        let read = self
            .client
            .call(Method::GET, &format!("/v1/assets/{id}"), None, 200)
            .await?;
        let thumbnail = self
            .client
            .fetch("thumbnail_url (signed)", text(&read, "thumbnail_url")?)
            .await?;
        let (run, callback) = self.run(id).await?;
        let picture = run["output"]["image_urls"][0].as_str().ok_or_else(|| {
            Failure::new(format!(
                "the run's output has no picture: {}",
                run["output"]
            ))
        })?;
        let result = self
            .client
            .fetch("output.image_urls[0] (signed)", picture)
            .await?;
        Ok(Outcome {
            asset: read,
            run,
            thumbnail,
            result,
            callback,
        })
    }

    async fn upload(&self, name: &str, photo: Vec<u8>) -> Result<Value, Failure> {
        let mime_type = mime_type(&photo)?;
        let body = json!({"filename": name, "mime_type": mime_type, "size_bytes": photo.len()});
        let session = self
            .client
            .call(Method::POST, "/v1/asset-uploads", Some(&body), 201)
            .await?;
        let photo = Bytes::from(photo);
        self.client
            .put(text(&session, "upload_url")?, mime_type, photo)
            .await?;
        let confirm = format!(
            "/v1/asset-uploads/{}/confirmations",
            text(&session, "asset_id")?
        );
        let asset = self.client.call(Method::POST, &confirm, None, 201).await?;
        if asset["id"] != session["asset_id"] {
            return Err(Failure::new(
                "the confirmed asset has another id than its upload",
            ));
        }
        Ok(asset)
    }

    /// The run when it has ended, and its callback.
    async fn run(&self, asset_id: &str) -> Result<(Value, Bytes), Failure> {
        let body = json!({
            "input": {"asset_id": asset_id, "prompt": self.prompt},
            "callback_url": self.receiver.url(),
            "metadata": {"from": "runnel demo"},
        });
        let run = self
            .client
            .call(
                Method::POST,
                &format!("/v1/models/{MODEL}/runs"),
                Some(&body),
                201,
            )
            .await?;
        let id = text(&run, "id")?;
        let accepted = Instant::now();
        // Both at once: the callback may come before the next look at the run.
        let (run, (callback, took)) =
            tokio::try_join!(self.end(id, accepted), self.callback(id, accepted))?;
        line("POST  callback_url, received here", "received", took);
        Ok((run, callback))
    }

    /// Looks at a run until it has ended.
    async fn end(&self, id: &str, accepted: Instant) -> Result<Value, Failure> {
        let path = format!("/v1/runs/{id}");
        loop {
            let run = self.client.peek(&path).await?;
            match run["status_code"].as_str() {
                Some("succeeded") => {
                    line(
                        &format!("GET   {path} until it ends"),
                        "succeeded",
                        accepted.elapsed(),
                    );
                    return Ok(run);
                }
                Some("failed" | "canceled") => {
                    return Err(Failure::new(format!(
                        "the run ended as {}: {}",
                        run["status_code"], run["failure_message"]
                    )));
                }
                _ if accepted.elapsed() > self.patience => {
                    return Err(Failure::new("the run did not end in time"));
                }
                _ => tokio::time::sleep(POLL).await,
            }
        }
    }

    /// Waits for the callback of a run; says how long after its acceptance it came.
    async fn callback(
        &self,
        run_id: &str,
        accepted: Instant,
    ) -> Result<(Bytes, Duration), Failure> {
        let waiting = tokio::time::timeout(self.patience, self.receiver.next());
        let body = waiting
            .await
            .map_err(|_| Failure::new("the callback did not arrive").hint("GET /v1/runs/{id}/callback shows why; the server must run on this machine, with RUNNEL_EGRESS_ALLOW=127.0.0.1/32"))??;
        let took = accepted.elapsed();
        let callback: Value = serde_json::from_slice(&body)
            .map_err(|error| Failure::new(format!("the callback is no JSON: {error}")))?;
        if callback["event"] != "run.completed" || callback["run_id"] != run_id {
            return Err(Failure::new(format!(
                "the callback is not the one promised: {callback}"
            )));
        }
        Ok((body, took))
    }
}

fn mime_type(photo: &[u8]) -> Result<&'static str, Failure> {
    match photo {
        [0xFF, 0xD8, 0xFF, ..] => Ok("image/jpeg"),
        [0x89, b'P', b'N', b'G', ..] => Ok("image/png"),
        [b'G', b'I', b'F', ..] => Ok("image/gif"),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => Ok("image/webp"),
        _ => Err(Failure::new("the file is no JPEG, PNG, WebP or GIF")
            .hint("give a photo of one of these types")),
    }
}
