//! Follows a prompt through ComfyUI's WebSocket: progress, and the moments at
//! which a look at the history is worth it.

use std::collections::BTreeSet;

use runnel_egress::WebSocket;
use serde_json::Value;
use tokio::sync::Notify;

use super::ComfyUi;
use crate::engine::Reporter;

impl ComfyUi {
    /// The socket for a client's news; `None` where it does not open: then the
    /// history alone is looked at.
    pub(super) async fn socket(&self, client_id: &str) -> Option<WebSocket> {
        let socket = self
            .server
            .websocket(&format!("ws?clientId={client_id}"))
            .await;
        socket
            .inspect_err(|error| tracing::debug!(%error, "no news from ComfyUI"))
            .ok()
    }
}

/// Passes on what the socket tells of a prompt, until it is over or the socket
/// closes.
pub(super) async fn follow(
    socket: Option<WebSocket>,
    prompt_id: &str,
    nodes: usize,
    reporter: &Reporter,
    changed: &Notify,
) {
    let Some(mut socket) = socket else {
        return;
    };
    let mut progress = Progress::of(nodes);
    while let Ok(Some(text)) = socket.next_text().await {
        let Ok(message) = serde_json::from_str::<Value>(&text) else {
            continue;
        };
        let data = &message["data"];
        if data["prompt_id"].as_str().is_some_and(|id| id != prompt_id) {
            continue;
        }
        match message["type"].as_str().unwrap_or_default() {
            "execution_cached" => progress.skip(data["nodes"].as_array().map_or(0, Vec::len)),
            "executing" => match data["node"].as_str() {
                Some(node) => progress.begin(node),
                None => changed.notify_one(),
            },
            "progress" => progress.within(data),
            "execution_success" | "execution_error" | "execution_interrupted" => {
                changed.notify_one();
            }
            _ => continue,
        }
        reporter.progress(progress.fraction());
    }
}

/// How far a workflow is: the nodes that began, and the one at work.
#[derive(Debug)]
struct Progress {
    nodes: usize,
    begun: BTreeSet<String>,
    skipped: usize,
    within: f64,
}

impl Progress {
    const fn of(nodes: usize) -> Self {
        Self {
            nodes,
            begun: BTreeSet::new(),
            skipped: 0,
            within: 0.0,
        }
    }

    const fn skip(&mut self, nodes: usize) {
        self.skipped = nodes;
    }

    fn begin(&mut self, node: &str) {
        if self.begun.insert(node.to_owned()) {
            self.within = 0.0;
        }
    }

    fn within(&mut self, data: &Value) {
        let max = data["max"].as_f64().filter(|max| *max > 0.0);
        if let (Some(value), Some(max)) = (data["value"].as_f64(), max) {
            self.within = (value / max).clamp(0.0, 1.0);
        }
    }

    fn fraction(&self) -> f64 {
        let done = self.skipped + self.begun.len().saturating_sub(1);
        ((done as f64 + self.within) / self.nodes.max(1) as f64).min(1.0)
    }
}
