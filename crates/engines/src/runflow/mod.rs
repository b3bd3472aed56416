//! The engine `runflow`: a hosted Runflow, or another Runnel, runs the model.
//!
//! Files go to the remote through its presigned uploads, or as signed URLs where
//! it can reach this server. The run is created with a key made of run and
//! execution, so that a request sent twice makes one run, and with the run's id as
//! its `client_ref`: an execution that follows a dead worker finds the remote run
//! by it and goes on waiting for that one instead of paying for another. Its events
//! are followed where the remote has them, and it is polled where not; what its
//! record says counts. A run that is called off here is called off there.

mod follow;
mod remote_run;
mod upload;

use std::fmt::Write;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use runnel_egress::{Egress, Method};
use serde_json::{Value, json};
use toml::Table;

use self::remote_run::RemoteRun;
use crate::engine::{Engine, EngineError, Execution, InputForm, Probe, Product, Work};
use crate::remote::outputs::Shape;
use crate::remote::{CANCEL_TIME, Call, Server, pauses, read_json, refusal};
use crate::settings::{BadSetting, Fields};

const KNOWN: &[&str] = &[
    "url",
    "api_key",
    "headers",
    "ca_file",
    "remote_model",
    "files",
    "keep",
];

/// How often a request that may be sent twice is sent.
const TRIES: usize = 3;

/// A model that another server runs.
#[derive(Debug)]
pub struct Runflow {
    server: Server,
    remote_model: Option<String>,
    form: InputForm,
    shape: Shape,
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
    let mut server = fields.server(door, "https://runnel.example.com")?;
    if server
        .origin()
        .base()
        .path()
        .trim_end_matches('/')
        .ends_with("/v1")
    {
        return Err(BadSetting::new(
            "url",
            "must be given without /v1 at its end",
        ));
    }
    if let Some(key) = fields.text("api_key")? {
        let is_plain = key.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_plain {
            let message = "is no key: it has a blank, a line break or a letter that no key has";
            return Err(BadSetting::new("api_key", message));
        }
        server = server.with_header("authorization", format!("Bearer {key}"));
    }
    let remote_model = fields.text("remote_model")?;
    if remote_model.is_some_and(|model| !model.trim_matches('/').contains('/')) {
        return Err(BadSetting::new(
            "remote_model",
            "must be of the form owner/slug",
        ));
    }
    let forms = [("upload", InputForm::Bytes), ("url", InputForm::Url)];
    Ok(Arc::new(Runflow {
        server,
        remote_model: remote_model.map(str::to_owned),
        form: fields.choice("files", &forms, InputForm::Bytes)?,
        shape: Shape {
            output: None,
            keep: fields.texts("keep")?,
        },
    }))
}

impl Runflow {
    async fn work(
        &self,
        mut work: Work,
        remote_id: &OnceLock<String>,
    ) -> Result<Product, EngineError> {
        let reference = work.run_id.to_string();
        let earlier = if work.attempt > 1 {
            match self.find(&reference).await {
                // A remote that cannot be asked that way is asked to run it again.
                Err(error) if !error.is_passing => None,
                found => found?,
            }
        } else {
            None
        };
        let run = match earlier.filter(RemoteRun::is_worth_waiting_for) {
            Some(run) => run,
            None => self.create(&mut work, &reference).await?,
        };
        let _ = remote_id.set(run.id.clone());
        let run = self.wait_for(run, &work.reporter).await?;
        let output = run.output(&self.server.name())?;
        self.shape.product(&self.server, output)
    }

    async fn create(&self, work: &mut Work, reference: &str) -> Result<RemoteRun, EngineError> {
        let input = self.input(work).await?;
        let model = self.remote_model.as_deref().unwrap_or(&work.model);
        let path = format!("v1/models/{}/runs", encoded(model));
        let key = format!("{reference}-{}", work.attempt);
        let body = json!({"input": input, "client_ref": reference});
        let create = || {
            Call::new(Method::POST, &path)
                .header("idempotency-key", &key)
                .json(&body)
        };
        let mut pauses = pauses();
        for _ in 1..TRIES {
            match self.server.send(create()).await {
                // The remote may have taken it: the key makes one run of both.
                Err(error) if error.is_passing => {
                    tracing::debug!(%error, "a run is created once more, with the same key");
                    let pause = pauses.next().unwrap_or_default();
                    tokio::time::sleep(pause).await;
                }
                Err(error) => return Err(error),
                Ok(reply) if reply.is_success() => return RemoteRun::read(read_json(reply).await?),
                Ok(reply) => return Err(refusal::read(reply).await),
            }
        }
        RemoteRun::read(self.server.json(create()).await?)
    }

    /// The latest remote run of a run of ours.
    async fn find(&self, reference: &str) -> Result<Option<RemoteRun>, EngineError> {
        let path = format!("v1/runs?q=client_ref.EQ:'{reference}'&sort_by=created_at:desc&limit=1");
        let mut list = self.server.json(Call::get(path)).await?;
        match list["items"].get_mut(0).map(Value::take) {
            Some(run) => RemoteRun::read(run).map(Some),
            None => Ok(None),
        }
    }

    /// Calls the remote run off, as far as that can be done in a few seconds.
    async fn cancel(&self, remote_id: Option<&String>, reference: &str) {
        let calling_off = async {
            let id = match remote_id {
                Some(id) => id.clone(),
                // The request that creates it may be on its way or taken.
                None => match self.find(reference).await? {
                    Some(run) => run.id,
                    None => return Ok(()),
                },
            };
            let path = format!("v1/runs/{}/cancellation", encoded(&id));
            let call = Call::new(Method::POST, path).json(&json!({}));
            self.server.send(call).await.map(drop)
        };
        let done = tokio::time::timeout(CANCEL_TIME, calling_off).await;
        if let Err(error) = done.unwrap_or(Ok(())) {
            tracing::debug!(%error, run = reference, "a remote run could not be called off");
        }
    }
}

/// A path's segments as they stand in a URL.
fn encoded(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // INVARIANT: writing to a text does not fail.
            write!(text, "%{byte:02X}").expect("a text takes anything");
        }
    }
    text
}

impl Engine for Runflow {
    fn name(&self) -> &'static str {
        "runflow"
    }

    fn input_form(&self, _model: &str) -> InputForm {
        self.form
    }

    fn execute(&self, work: Work) -> Execution<'_> {
        Box::pin(async move {
            let (reporter, reference) = (work.reporter.clone(), work.run_id.to_string());
            let remote_id = OnceLock::new();
            let cancelled = tokio::select! {
                result = self.work(work, &remote_id) => return result,
                () = reporter.cancelled() => EngineError::cancelled(),
            };
            self.cancel(remote_id.get(), &reference).await;
            Err(cancelled)
        })
    }

    fn probe(&self) -> Probe<'_> {
        Box::pin(async {
            let call = Call::get("v1/health").within(Duration::from_secs(5));
            let health = self.server.json(call).await;
            health.map(drop).map_err(|error| error.to_string())
        })
    }
}

#[cfg(test)]
mod tests;
