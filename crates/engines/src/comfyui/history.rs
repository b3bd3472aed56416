//! What has become of a prompt, by its entry in ComfyUI's history.

use std::time::Duration;

use runnel_egress::Url;
use serde_json::Value;
use tokio::sync::Notify;

use super::ComfyUi;
use crate::engine::EngineError;
use crate::remote::refusal::squeezed;
use crate::remote::{Call, Server, pauses};

/// How many failures in a row are borne while the prompt goes on.
const FAILURES: usize = 8;
/// How many looks in a row may find a prompt neither queued nor over.
const LOST_LOOKS: usize = 4;

impl ComfyUi {
    /// The entry of a prompt that is over. Looked for when something has changed,
    /// and now and then.
    pub(super) async fn end_of(
        &self,
        prompt_id: &str,
        changed: &Notify,
    ) -> Result<Value, EngineError> {
        let path = format!("history/{prompt_id}");
        let (mut failures, mut lost) = (0, 0);
        let mut pauses = pauses();
        loop {
            match self.server.json(Call::get(&path)).await {
                Ok(mut history) => {
                    failures = 0;
                    let entry = history[prompt_id].take();
                    if is_over(&entry) {
                        return judged(entry, &self.server.name());
                    }
                }
                Err(error) if error.is_passing && failures < FAILURES => failures += 1,
                Err(error) => return Err(error),
            }
            lost = if self.is_queued(prompt_id).await {
                0
            } else {
                lost + 1
            };
            if lost > LOST_LOOKS {
                let name = self.server.name();
                let message = format!(
                    "ComfyUI at {name} has lost the prompt; it was started anew or its queue was emptied"
                );
                return Err(EngineError::failed(message).passing());
            }
            let pause = pauses.next().unwrap_or(Duration::from_secs(5));
            let _ = tokio::time::timeout(pause, changed.notified()).await;
        }
    }

    /// Whether a prompt waits or is at work; one that cannot be asked for is taken
    /// to be.
    async fn is_queued(&self, prompt_id: &str) -> bool {
        let Ok(queue) = self.server.json(Call::get("queue")).await else {
            return true;
        };
        let lists = ["queue_running", "queue_pending"].map(|name| queue[name].as_array());
        let mut entries = lists.into_iter().flatten().flatten();
        entries.any(|entry| entry[1] == prompt_id)
    }
}

fn is_over(entry: &Value) -> bool {
    let status = &entry["status"];
    status["completed"] == true
        || matches!(status["status_str"].as_str(), Some("success" | "error"))
        // Servers before there was a status write the entry at the end.
        || (entry["outputs"].is_object() && status.is_null())
}

/// The entry of a prompt that succeeded.
fn judged(entry: Value, server: &str) -> Result<Value, EngineError> {
    let status = &entry["status"];
    if status["status_str"] != "error" {
        return Ok(entry);
    }
    let messages = status["messages"].as_array().into_iter().flatten();
    let mut told = messages.filter_map(|message| Some((message[0].as_str()?, &message[1])));
    Err(
        match told.find(|(name, _)| matches!(*name, "execution_error" | "execution_interrupted")) {
            Some(("execution_error", error)) => EngineError::failed(format!(
                "node {} ({}) failed on ComfyUI at {server}: {}",
                error["node_id"].as_str().unwrap_or("?"),
                error["node_type"].as_str().unwrap_or("?"),
                squeezed(
                    error["exception_message"]
                        .as_str()
                        .unwrap_or("it does not say why")
                )
            )),
            Some(_) => {
                EngineError::failed(format!("the prompt was interrupted on ComfyUI at {server}"))
            }
            None => EngineError::failed(format!(
                "the workflow failed on ComfyUI at {server}, which does not say why"
            )),
        },
    )
}

/// Why a workflow was not taken, node by node.
pub(super) fn refused(answer: &Value) -> Option<String> {
    let mut reasons = Vec::new();
    for (id, node) in answer["node_errors"].as_object().into_iter().flatten() {
        let class = node["class_type"].as_str().unwrap_or("?");
        for error in node["errors"].as_array().into_iter().flatten() {
            let message = error["message"].as_str().unwrap_or_default();
            let details = error["details"].as_str().unwrap_or_default();
            reasons.push(format!("node {id} ({class}): {message} {details}"));
        }
    }
    if reasons.is_empty() {
        let error = &answer["error"];
        reasons.push(match error.as_str().or_else(|| error["message"].as_str()) {
            Some(message) => message.to_owned(),
            None => return None,
        });
    }
    Some(squeezed(&reasons.join("; ")))
}

/// The URLs of the files that the nodes made, in the order of the nodes.
pub(super) fn files(
    entry: &Value,
    results: &[String],
    server: &Server,
) -> Result<Vec<Value>, EngineError> {
    let mut kept = Vec::new();
    let mut previews = Vec::new();
    for (node, made) in entry["outputs"].as_object().into_iter().flatten() {
        if !results.is_empty() && !results.contains(node) {
            continue;
        }
        for list in made.as_object().into_iter().flatten().map(|(_, list)| list) {
            for file in list.as_array().into_iter().flatten() {
                let Some(url) = view(file, server)? else {
                    continue;
                };
                // Previews are files too, when there is nothing else.
                if file["type"] == "temp" {
                    &mut previews
                } else {
                    &mut kept
                }
                .push(url);
            }
        }
    }
    let found = if kept.is_empty() { previews } else { kept };
    if found.is_empty() {
        return Err(EngineError::output_invalid(format!(
            "the workflow made no file on ComfyUI at {}; it needs a node that saves one, and `results` must name it if it is there",
            server.name()
        )));
    }
    Ok(found)
}

fn view(file: &Value, server: &Server) -> Result<Option<Value>, EngineError> {
    let Some(name) = file["filename"].as_str() else {
        return Ok(None);
    };
    let url: Result<Url, _> = server.origin().url("view");
    let mut url = url.map_err(|error| EngineError::failed(error.to_string()))?;
    url.query_pairs_mut()
        .append_pair("filename", name)
        .append_pair("subfolder", file["subfolder"].as_str().unwrap_or_default())
        .append_pair("type", file["type"].as_str().unwrap_or("output"));
    Ok(Some(Value::from(url.to_string())))
}
