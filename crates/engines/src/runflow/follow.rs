//! Waits for the end of a remote run: by its events where there are any, by
//! asking again where not.

use std::time::Duration;

use runnel_egress::Reply;
use runnel_types::LogLevel;
use serde_json::Value;

use super::remote_run::RemoteRun;
use super::{Runflow, encoded};
use crate::engine::{EngineError, Reporter};
use crate::remote::events::{Event, Events};
use crate::remote::refusal::squeezed;
use crate::remote::{Call, pauses};

/// How long a stream of events may be silent before the run is asked for: servers
/// send a comment more often than that.
const SILENCE: Duration = Duration::from_mins(1);
/// How many failures in a row are borne while the run goes on elsewhere.
const FAILURES: usize = 8;

impl Runflow {
    /// The run at its end.
    pub(super) async fn wait_for(
        &self,
        run: RemoteRun,
        reporter: &Reporter,
    ) -> Result<RemoteRun, EngineError> {
        if run.is_over() {
            return Ok(run);
        }
        if let Some(reply) = self.events(&run.id).await {
            // Events are news; what the record says is asked for afterwards.
            if let Err(error) = follow(reply, reporter).await {
                tracing::debug!(%error, run = run.id, "the events of a remote run broke off");
            }
        }
        self.poll(run, reporter).await
    }

    async fn events(&self, id: &str) -> Option<Reply> {
        let path = format!("v1/runs/{}/events", encoded(id));
        let call = Call::get(path).header("accept", "text/event-stream");
        let reply = self.server.send(call).await.ok()?;
        let is_stream = reply.media_type().as_deref() == Some("text/event-stream");
        (reply.is_success() && is_stream).then_some(reply)
    }

    async fn poll(
        &self,
        mut run: RemoteRun,
        reporter: &Reporter,
    ) -> Result<RemoteRun, EngineError> {
        let path = format!("v1/runs/{}", encoded(&run.id));
        let mut failures = 0;
        let mut pauses = pauses();
        loop {
            match self.server.json(Call::get(&path)).await {
                Ok(json) => {
                    failures = 0;
                    run = RemoteRun::read(json)?;
                    if let Some(fraction) = run.progress {
                        reporter.progress(fraction);
                    }
                }
                // The run goes on whether it can be asked for or not.
                Err(error) if error.is_passing && failures < FAILURES => failures += 1,
                Err(error) => return Err(error),
            }
            if run.is_over() {
                return Ok(run);
            }
            let pause = pauses.next().unwrap_or(Duration::from_secs(5));
            tokio::time::sleep(pause).await;
        }
    }
}

/// Passes on what a stream of events tells, to its end.
async fn follow(reply: Reply, reporter: &Reporter) -> Result<(), EngineError> {
    let mut events = Events::new(reply, SILENCE);
    while let Some(event) = events.next().await? {
        if tell(&event, reporter) {
            break;
        }
    }
    Ok(())
}

/// Passes an event on; tells whether it is the last one.
fn tell(event: &Event, reporter: &Reporter) -> bool {
    let data: Value = serde_json::from_str(&event.data).unwrap_or_default();
    match event.name.as_str() {
        "progress" => {
            if let Some(fraction) = data["progress"].as_f64().or_else(|| data.as_f64()) {
                reporter.progress(fraction);
            }
        }
        "log" => {
            let level = data["level"].as_str().and_then(|level| level.parse().ok());
            if let Some(message) = data["message"].as_str() {
                reporter.log(level.unwrap_or(LogLevel::Info), squeezed(message));
            }
        }
        "status" => {
            let status = data["status_code"]
                .as_str()
                .or_else(|| data["status"].as_str());
            return matches!(
                status,
                Some("succeeded" | "failed" | "canceled" | "cancelled")
            );
        }
        _ => {}
    }
    false
}
