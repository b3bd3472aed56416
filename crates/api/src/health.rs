//! Whether the server is up, and whether it is ready.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use runnel_domain::Services;
use schemars::JsonSchema;
use serde::Serialize;

/// The server is up.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct HealthResponse {
    /// Always `ok`.
    status: &'static str,
    /// Always `true`.
    ok: bool,
    /// The server's version.
    version: &'static str,
}

pub(crate) fn health_docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("health")
        .tag("Service")
        .summary("Whether the server is up")
}

pub(crate) async fn health() -> Json<HealthResponse> {
    Json(HealthResponse {
        status: "ok",
        ok: true,
        version: env!("CARGO_PKG_VERSION"),
    })
}

/// Whether each part that the server needs is there.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ReadinessResponse {
    /// `ok`, or `unavailable` when a component is.
    status: &'static str,
    /// Whether every component is there.
    ok: bool,
    /// The components.
    components: Components,
}

/// The parts that the server needs.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Components {
    /// Where the rows are.
    database: Component,
    /// Where the objects are.
    storage: Component,
    /// What runs the models.
    engines: Component,
}

/// One part.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Component {
    /// `ok` or `unavailable`.
    status: &'static str,
}

impl Component {
    const fn of(is_there: bool) -> Self {
        Self {
            status: word(is_there),
        }
    }
}

const fn word(is_there: bool) -> &'static str {
    if is_there { "ok" } else { "unavailable" }
}

pub(crate) fn readiness_docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("readiness")
        .tag("Service")
        .summary("Whether every part that the server needs is there")
        .response::<200, Json<ReadinessResponse>>()
        .response::<503, Json<ReadinessResponse>>()
}

pub(crate) async fn readiness(
    State(services): State<Arc<Services>>,
) -> (StatusCode, Json<ReadinessResponse>) {
    let found = services.readiness().await;
    let ok = found.is_ready();
    let components = Components {
        database: Component::of(found.database),
        storage: Component::of(found.storage),
        engines: Component::of(found.engines),
    };
    let status = if ok {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (
        status,
        Json(ReadinessResponse {
            status: word(ok),
            ok,
            components,
        }),
    )
}
