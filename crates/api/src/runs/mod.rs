//! Runs, and the form in which every operation shows them.

pub(crate) mod callback;
pub(crate) mod cancel;
pub(crate) mod create;
pub(crate) mod events;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod logs;
pub(crate) mod node_runs;
pub(crate) mod redeliver;
pub(crate) mod rerun;

use runnel_domain::runs::RunView;
use runnel_types::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// One execution of a model.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RunResponse {
    /// The run.
    id: Uuid,
    /// The organization.
    org_id: Uuid,
    /// The model's id.
    model_id: Uuid,
    /// The model, `owner/slug`.
    model: String,
    /// Always `model`.
    target_type: &'static str,
    /// The model's version.
    target_version: String,
    /// Always null.
    flow_id: Option<Uuid>,
    /// Always null.
    comfyui_workflow_id: Option<Uuid>,
    /// `queued`, `running`, `succeeded`, `failed` or `canceled`.
    status_code: &'static str,
    /// `api`, `console`, `cli` or `batch`.
    source_code: &'static str,
    /// The input, references in it shown as signed URLs.
    input: Value,
    /// The output, once it has succeeded.
    output: Option<Value>,
    /// Always null.
    context: Option<Value>,
    /// Milliseconds from the start of the work to its end.
    duration_ms: Option<i64>,
    /// Always null: running your own models costs what your machine costs.
    cost: Option<f64>,
    /// Always null.
    cost_breakdown: Option<Value>,
    /// Always null.
    nodes_total: Option<u32>,
    /// Always null.
    nodes_completed: Option<u32>,
    /// The batch that it belongs to.
    batch_id: Option<Uuid>,
    /// The caller's own name for it.
    client_ref: Option<String>,
    /// The request that made it.
    request_id: Option<Uuid>,
    /// The key that made it.
    created_by: Option<Uuid>,
    /// When it was accepted.
    created_at: String,
    /// When its work began, the last time if it was put back into the queue; null
    /// while it is queued.
    started_at: Option<String>,
    /// When it ended.
    completed_at: Option<String>,
    /// The same as `completed_at`.
    finished_at: Option<String>,
    /// Where its end is told.
    callback_url: Option<String>,
    /// Whatever the caller keeps with it.
    metadata: Option<Value>,
    /// Whether its log has lines.
    has_logs: bool,
    /// Always false.
    has_node_runs: bool,
    /// Where to read on.
    links: Value,
    /// Why it failed.
    failure_code: Option<&'static str>,
    /// Why it failed, for a person.
    failure_message: Option<String>,
    /// `dispatch`, `preprocess`, `inference` or `postprocess`.
    failure_stage_code: Option<&'static str>,
    /// The failure as an object, `code` and `message`.
    error: Option<Value>,
    /// How far it is, from 0 to 1.
    progress: Option<f64>,
}

impl From<RunView> for RunResponse {
    fn from(view: RunView) -> Self {
        let run = view.run;
        let failure = run.failure.clone();
        let completed_at = run.completed_at.map(Timestamp::to_rfc3339);
        Self {
            id: run.id.as_uuid(),
            org_id: run.org_id.as_uuid(),
            model_id: run.model_id.as_uuid(),
            target_type: "model",
            target_version: run.model_version.clone(),
            flow_id: None,
            comfyui_workflow_id: None,
            status_code: run.status.as_str(),
            source_code: run.source.as_str(),
            input: view.input,
            output: view.output,
            context: None,
            duration_ms: run.duration_ms(),
            cost: None,
            cost_breakdown: None,
            nodes_total: None,
            nodes_completed: None,
            batch_id: run.batch.map(|place| place.id.as_uuid()),
            request_id: run.request_id.map(Into::into),
            created_by: run.created_by.map(Into::into),
            created_at: run.created_at.to_rfc3339(),
            started_at: run.started_at.map(Timestamp::to_rfc3339),
            finished_at: completed_at.clone(),
            completed_at,
            has_logs: run.has_logs,
            has_node_runs: false,
            links: links(&run),
            failure_code: failure.as_ref().map(|failure| failure.code.as_str()),
            failure_stage_code: failure.as_ref().map(|failure| failure.stage.as_str()),
            error: failure
                .as_ref()
                .map(|failure| json!({"code": failure.code, "message": failure.message})),
            failure_message: failure.map(|failure| failure.message),
            progress: run.progress,
            model: run.model,
            client_ref: run.client_ref,
            callback_url: run.callback_url,
            metadata: run.metadata,
        }
    }
}

fn links(run: &runnel_types::Run) -> Value {
    let at = |rest: &str| crate::routes::run_path(run.id, rest);
    json!({
        "self": at(""),
        "logs": at("/logs"),
        "events": at("/events"),
        "node_runs": at("/node-runs"),
        "callback": at("/callback"),
    })
}
