//! The engine `cog`: the prediction protocol of Cog, as its servers speak it.
//!
//! A prediction is put under an id made of run and execution, so that asking twice
//! makes one. A model that streams is followed by its events, with log and progress
//! as they come; any other is waited for with the request open, since Cog tells
//! nothing about a prediction that it was not asked to stream. A server that
//! answers before the end is polled. Cog ends a prediction whose connection
//! closes: when this process dies its slot is free again, and the next execution
//! first calls off the one before it. A slot that is taken (409) sends the run
//! back to the queue.

mod prediction;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use runnel_egress::{Egress, Method, Reply};
use serde_json::{Value, json};
use toml::Table;

use self::prediction::Prediction;
use crate::engine::{Engine, EngineError, Execution, InputForm, Probe, Product, Reporter, Work};
use crate::remote::events::Events;
use crate::remote::files::{self, FileForm};
use crate::remote::logs::{self, Tail};
use crate::remote::outputs::Shape;
use crate::remote::{CANCEL_TIME, Call, Server, pauses, read_json, refusal};
use crate::settings::{BadSetting, Fields};

const KNOWN: &[&str] = &["url", "headers", "ca_file", "files", "output", "keep"];

/// A model behind a Cog server.
#[derive(Debug)]
pub struct Cog {
    server: Server,
    files: FileForm,
    shape: Shape,
    /// What the server was found not to do.
    lacks_streams: AtomicBool,
    lacks_put: AtomicBool,
}

/// Makes the engine of `settings`.
///
/// # Errors
/// The first setting with which it cannot work.
pub fn from_settings(
    _model: &str,
    settings: &Table,
    door: &Egress,
) -> Result<Arc<dyn Engine>, BadSetting> {
    let fields = Fields::new(settings, KNOWN)?;
    let files = [("data_uri", FileForm::DataUri), ("url", FileForm::Url)];
    Ok(Arc::new(Cog {
        server: fields.server(door, "http://127.0.0.1:5000")?,
        files: fields.choice("files", &files, FileForm::DataUri)?,
        shape: Shape {
            output: fields.text("output")?.map(str::to_owned),
            keep: fields.texts("keep")?,
        },
        lacks_streams: AtomicBool::new(false),
        lacks_put: AtomicBool::new(false),
    }))
}

impl Cog {
    async fn work(&self, work: &Work, id: &str) -> Result<Product, EngineError> {
        if work.attempt > 1 {
            self.cancel(&id_of(work, work.attempt - 1)).await;
        }
        let input = files::write(work, self.files)?;
        let reply = self.begin(id, &json!({ "id": id, "input": input })).await?;
        if reply.media_type().as_deref() == Some("text/event-stream") {
            return self.follow(reply, &work.reporter).await;
        }
        let prediction = Prediction::read(read_json(reply).await?)?;
        self.finish(prediction, id, &work.reporter).await
    }

    /// Asks for the prediction in the best way that the server has.
    async fn begin(&self, id: &str, body: &Value) -> Result<Reply, EngineError> {
        let put = || Call::new(Method::PUT, format!("predictions/{id}")).json(body);
        let lacks = |what: &AtomicBool| what.load(Ordering::Relaxed);
        if !lacks(&self.lacks_put) && !lacks(&self.lacks_streams) {
            let call = put().header("accept", "text/event-stream");
            let reply = self.server.send(call.however_long_it_takes()).await?;
            match reply.status() {
                406 => self.lacks_streams.store(true, Ordering::Relaxed),
                404 | 405 | 501 => self.lacks_put.store(true, Ordering::Relaxed),
                _ => return self.accepted(reply).await,
            }
        }
        if !lacks(&self.lacks_put) {
            let reply = self.server.send(put().however_long_it_takes()).await?;
            match reply.status() {
                404 | 405 | 501 => self.lacks_put.store(true, Ordering::Relaxed),
                _ => return self.accepted(reply).await,
            }
        }
        let call = Call::new(Method::POST, "predictions").json(body);
        let reply = self.server.send(call.however_long_it_takes()).await?;
        self.accepted(reply).await
    }

    async fn accepted(&self, reply: Reply) -> Result<Reply, EngineError> {
        match reply.status() {
            200..=299 => Ok(reply),
            409 => Err(EngineError::busy(format!(
                "every slot of the engine at {} is taken",
                reply.host()
            ))
            .after(reply.retry_after())),
            503 => {
                let error = refusal::read(reply).await;
                Err(self.setting_up(error).await)
            }
            _ => Err(refusal::read(reply).await),
        }
    }

    /// Tells a server that still loads its model from one that never will.
    async fn setting_up(&self, refused: EngineError) -> EngineError {
        let name = self.server.name();
        match self.health().await.as_deref() {
            Ok("STARTING") => {
                EngineError::busy(format!("the engine at {name} is still loading its model"))
                    .after(Some(Duration::from_secs(5)))
            }
            Ok("BUSY") => EngineError::busy(format!("every slot of the engine at {name} is taken")),
            Ok(status @ ("SETUP_FAILED" | "DEFUNCT" | "UNHEALTHY")) => EngineError::unavailable(
                format!("the engine at {name} says that it is {status}; its own log tells why"),
            ),
            _ => refused,
        }
    }

    async fn health(&self) -> Result<String, EngineError> {
        let call = Call::get("health-check").within(Duration::from_secs(5));
        let health = self.server.json(call).await?;
        Ok(health["status"].as_str().unwrap_or("unknown").to_owned())
    }

    /// Follows the events of a prediction to its end.
    async fn follow(&self, reply: Reply, reporter: &Reporter) -> Result<Product, EngineError> {
        // How long the model may be silent is bounded by the run's time limit.
        let mut events = Events::new(reply, Duration::MAX);
        while let Some(event) = events.next().await? {
            let data: Value = serde_json::from_str(&event.data).unwrap_or_default();
            match event.name.as_str() {
                "log" => logs::tell_lines(data["data"].as_str().unwrap_or_default(), reporter),
                "metric" if data["name"] == "progress" => {
                    if let Some(fraction) = data["value"].as_f64() {
                        reporter.progress(fraction);
                    }
                }
                "completed" => return self.end(Prediction::read(data)?),
                "error" => {
                    let words = refusal::from_json(&data).unwrap_or(event.data);
                    let message = format!(
                        "the engine at {} broke off: {}",
                        self.server.name(),
                        refusal::squeezed(&words)
                    );
                    return Err(EngineError::failed(message).passing());
                }
                _ => {}
            }
        }
        Err(EngineError::failed(format!(
            "the engine at {} ended its stream of events before the prediction was there",
            self.server.name()
        ))
        .passing())
    }

    /// Waits for the end of a prediction that was answered before it.
    async fn finish(
        &self,
        mut prediction: Prediction,
        id: &str,
        reporter: &Reporter,
    ) -> Result<Product, EngineError> {
        let mut tail = Tail::default();
        let path = prediction
            .poll_url
            .take()
            .unwrap_or_else(|| format!("predictions/{}", prediction.id.as_deref().unwrap_or(id)));
        let mut pauses = pauses();
        while !prediction.is_over() {
            tail.read(&prediction.logs, reporter);
            tokio::time::sleep(pauses.next().unwrap_or(Duration::from_secs(5))).await;
            let reply = self.server.send(Call::get(&path)).await?;
            if matches!(reply.status(), 404 | 405) {
                return Err(EngineError::failed(format!(
                    "the engine at {} does not tell how its prediction {id} goes",
                    self.server.name()
                ))
                .passing());
            }
            if !reply.is_success() {
                return Err(refusal::read(reply).await);
            }
            prediction = Prediction::read(read_json(reply).await?)?;
        }
        tail.read_all(&prediction.logs, reporter);
        self.end(prediction)
    }

    fn end(&self, prediction: Prediction) -> Result<Product, EngineError> {
        let output = prediction.output(&self.server.name())?;
        self.shape.product(&self.server, output)
    }

    /// Calls a prediction off. One that is over, or was never there, is no fault.
    async fn cancel(&self, id: &str) {
        let call = Call::new(Method::POST, format!("predictions/{id}/cancel")).within(CANCEL_TIME);
        if let Err(error) = self.server.send(call).await {
            tracing::debug!(%error, prediction = id, "a prediction could not be called off");
        }
    }
}

fn id_of(work: &Work, attempt: u32) -> String {
    format!("{}-{attempt}", work.run_id)
}

impl Engine for Cog {
    fn name(&self) -> &'static str {
        "cog"
    }

    fn input_form(&self, _model: &str) -> InputForm {
        self.files.input_form()
    }

    fn execute(&self, work: Work) -> Execution<'_> {
        Box::pin(async move {
            let id = id_of(&work, work.attempt);
            let cancelled = tokio::select! {
                result = self.work(&work, &id) => return result,
                () = work.reporter.cancelled() => EngineError::cancelled(),
            };
            self.cancel(&id).await;
            Err(cancelled)
        })
    }

    fn probe(&self) -> Probe<'_> {
        Box::pin(async {
            match self.health().await.as_deref() {
                Ok("READY" | "BUSY") => Ok(()),
                Ok(status) => Err(format!("{} says {status}", self.server.name())),
                Err(error) => Err(error.to_string()),
            }
        })
    }
}

#[cfg(test)]
mod tests;
