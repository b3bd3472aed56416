//! The engine `comfyui`: a workflow of ComfyUI, with the inputs of a run put into
//! its nodes.
//!
//! Pictures go to the server's own folder of inputs, then the graph is queued under
//! an id made of run and execution. The WebSocket tells how far the nodes are and
//! that something has changed; what has become of the prompt, its entry in the
//! history says, which is also asked for when the socket is silent or gone. A run
//! that is called off is taken out of the queue, or interrupted if it is its turn.
//! When this process dies the prompt goes on there; the next execution first calls
//! off the one before it.

mod graph;
mod history;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use runnel_egress::{Egress, Method};
use serde_json::{Value, json};
use tokio::sync::Notify;
use toml::Table;
use uuid::Uuid;

use self::graph::Graph;
use crate::engine::{
    Engine, EngineError, Execution, InputContent, InputFile, InputForm, Probe, Product, Work,
};
use crate::remote::outputs::Shape;
use crate::remote::{CANCEL_TIME, Call, Server, refusal};
use crate::settings::{BadSetting, Fields};

const KNOWN: &[&str] = &[
    "url", "headers", "ca_file", "workflow", "nodes", "results", "output",
];

/// A workflow on a ComfyUI server.
#[derive(Debug)]
pub struct ComfyUi {
    server: Server,
    graph: Graph,
    shape: Shape,
    /// The name that the files of the output go by.
    output: String,
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
    Ok(Arc::new(ComfyUi {
        server: fields.server(door, "http://127.0.0.1:8188")?,
        graph: Graph::read(fields)?,
        shape: Shape::default(),
        output: fields.text("output")?.unwrap_or("image_urls").to_owned(),
    }))
}

impl ComfyUi {
    async fn work(&self, mut work: Work, prompt_id: &str) -> Result<Product, EngineError> {
        if work.attempt > 1 {
            self.cancel(&prompt_id_of(&work, work.attempt - 1)).await;
        }
        let input = self.input(&mut work, prompt_id).await?;
        // ORDER: the socket is open before the graph is queued, so that no news
        // of it are missed.
        let socket = self.socket(prompt_id).await;
        let body = json!({
            "prompt": self.graph.fill(&input),
            "client_id": prompt_id,
            "prompt_id": prompt_id,
        });
        let queued = self.queue(&body).await?;
        let queued = queued.as_deref().unwrap_or(prompt_id);
        let changed = Notify::new();
        let watching = watch::follow(socket, queued, self.graph.len(), &work.reporter, &changed);
        let waiting = self.end_of(queued, &changed);
        tokio::pin!(waiting);
        let entry = tokio::select! {
            entry = &mut waiting => entry?,
            () = watching => waiting.await?,
        };
        let files = history::files(&entry, self.graph.results(), &self.server)?;
        let answer = json!({ &self.output: files });
        self.shape.product(&self.server, answer)
    }

    /// The input with the names that its files have on the server.
    async fn input(&self, work: &mut Work, prompt_id: &str) -> Result<Value, EngineError> {
        let mut names = Vec::new();
        for (place, file) in &mut work.files {
            names.push((place.clone(), self.upload(place, file, prompt_id).await?));
        }
        let files = &work.files;
        let input = work.input_with(|file| {
            let mut places = files.iter().filter(|(_, known)| std::ptr::eq(*known, file));
            let place = places.next().map(|(place, _)| place);
            let name = names.iter().find(|(known, _)| Some(known) == place);
            Value::from(name.map(|(_, name)| name.clone()))
        });
        Ok(Value::Object(input))
    }

    async fn upload(
        &self,
        place: &str,
        file: &mut InputFile,
        prompt_id: &str,
    ) -> Result<String, EngineError> {
        let InputContent::Bytes(bytes) = &mut file.content else {
            return Err(EngineError::failed(
                "a file came as a URL instead of as bytes",
            ));
        };
        let kept = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let name: String = file.name.chars().filter(|c| kept(*c)).collect();
        let name = format!("runnel-{prompt_id}-{}-{name}", place.replace('.', "-"));
        // The id stands in the name and is in no picture.
        let edge = format!("runnel-{prompt_id}");
        let mut form = format!(
            "--{edge}\r\nContent-Disposition: form-data; name=\"overwrite\"\r\n\r\ntrue\r\n--{edge}\r\nContent-Disposition: form-data; name=\"image\"; filename=\"{name}\"\r\nContent-Type: {}\r\n\r\n",
            file.mime_type
        )
        .into_bytes();
        form.append(&mut std::mem::take(bytes));
        form.extend_from_slice(format!("\r\n--{edge}--\r\n").as_bytes());
        let call = Call::new(Method::POST, "upload/image").bytes(
            &format!("multipart/form-data; boundary={edge}"),
            Bytes::from(form),
        );
        let stored = self.server.json(call.however_long_it_takes()).await?;
        let Some(name) = stored["name"].as_str() else {
            return Err(EngineError::output_invalid(format!(
                "ComfyUI at {} took a picture and did not tell its name",
                self.server.name()
            )));
        };
        Ok(
            match stored["subfolder"]
                .as_str()
                .filter(|folder| !folder.is_empty())
            {
                Some(folder) => format!("{folder}/{name}"),
                None => name.to_owned(),
            },
        )
    }

    /// Queues a graph; answers with the id that it has there.
    async fn queue(&self, body: &Value) -> Result<Option<String>, EngineError> {
        let call = Call::new(Method::POST, "prompt").json(body);
        let reply = self.server.send(call).await?;
        if reply.status() == 400 {
            let body = reply.read_start(64 * 1024).await;
            let told: Value = serde_json::from_slice(&body).unwrap_or_default();
            return Err(EngineError::invalid_input(format!(
                "ComfyUI at {} does not take the workflow: {}",
                self.server.name(),
                history::refused(&told).unwrap_or_else(|| refusal::said(None, &body))
            )));
        }
        if !reply.is_success() {
            return Err(refusal::read(reply).await);
        }
        let answer = crate::remote::read_json(reply).await?;
        Ok(answer["prompt_id"].as_str().map(str::to_owned))
    }

    async fn cancel(&self, prompt_id: &str) {
        let post = |path: &str, body: &Value| {
            let call = Call::new(Method::POST, path).json(body);
            self.server.send(call.within(CANCEL_TIME))
        };
        let calling_off = async {
            let queue = self.server.json(Call::get("queue")).await?;
            let waiting = ours_in(&queue["queue_pending"], prompt_id);
            post("queue", &json!({ "delete": waiting })).await?;
            // It may have come to its turn meanwhile. An older server interrupts
            // whatever is at work: only when that is ours.
            let queue = self.server.json(Call::get("queue")).await?;
            if let Some(running) = ours_in(&queue["queue_running"], prompt_id).first() {
                post("interrupt", &json!({ "prompt_id": running })).await?;
            }
            Ok::<(), EngineError>(())
        };
        let done = tokio::time::timeout(CANCEL_TIME, calling_off).await;
        if let Err(error) = done.unwrap_or(Ok(())) {
            tracing::debug!(%error, prompt_id, "a prompt could not be called off");
        }
    }
}

/// The ids of a run's prompts in a list of the queue. Older servers give a prompt
/// an id of their own; whose it is, the client's id says, which is the run's too.
fn ours_in<'a>(queue: &'a Value, prompt_id: &str) -> Vec<&'a str> {
    let is_ours = |entry: &&Value| entry[1] == prompt_id || entry[3]["client_id"] == prompt_id;
    let entries = queue.as_array().into_iter().flatten();
    let ours = entries.filter(is_ours);
    ours.filter_map(|entry| entry[1].as_str()).collect()
}

fn prompt_id_of(work: &Work, attempt: u32) -> String {
    let run = work.run_id.as_uuid().as_u128();
    Uuid::from_u128(run ^ u128::from(attempt)).to_string()
}

impl Engine for ComfyUi {
    fn name(&self) -> &'static str {
        "comfyui"
    }

    fn input_form(&self, _model: &str) -> InputForm {
        InputForm::Bytes
    }

    fn execute(&self, work: Work) -> Execution<'_> {
        Box::pin(async move {
            let prompt_id = prompt_id_of(&work, work.attempt);
            let reporter = work.reporter.clone();
            let cancelled = tokio::select! {
                result = self.work(work, &prompt_id) => return result,
                () = reporter.cancelled() => EngineError::cancelled(),
            };
            self.cancel(&prompt_id).await;
            Err(cancelled)
        })
    }

    fn probe(&self) -> Probe<'_> {
        Box::pin(async {
            let call = Call::get("system_stats").within(Duration::from_secs(5));
            let stats = self.server.json(call).await;
            stats.map(drop).map_err(|error| error.to_string())
        })
    }
}

#[cfg(test)]
mod tests;
