//! `GET /v1/runs/{id}/events`: what happens to a run, as it happens.

use std::convert::Infallible;
use std::sync::Arc;

use aide::openapi::{MediaType, Operation, Response as ApiResponse};
use aide::transform::TransformOperation;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use runnel_domain::Services;
use runnel_domain::runs::{Follower, Heard, Place, RunEvent};
use runnel_types::RunId;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::RunResponse;
use super::logs::RunLogResponse;
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::extract::PathId;

/// What stands in an event named `status`.
#[derive(Debug, Serialize)]
struct StatusEvent {
    run_id: Uuid,
    status_code: &'static str,
    at: String,
    /// The whole run, with the last event.
    run: Option<Box<RunResponse>>,
}

/// What stands in an event named `progress`.
#[derive(Debug, Serialize)]
struct ProgressEvent {
    run_id: Uuid,
    progress: f64,
}

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("runs.events")
        .tag("Runs")
        .summary("Follow a run")
        .description(
            "Server-sent events, from the run's beginning: `status` (`run_id`, `status_code`, \
             `at`, and `run`, the whole run, with the last one), `progress` (`run_id`, \
             `progress`) and `log` (a line as `GET …/logs` shows it). The stream ends after the \
             status with which the run ends. Each event has an id; a client that sends the last \
             one as `Last-Event-ID` hears on from there, at any process of the server, and 204 \
             when it has heard of the end.",
        )
        .response_with::<204, (), _>(|response| response.description("the end has been told"))
}

pub(crate) async fn events(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId<RunId>,
    headers: HeaderMap,
) -> Result<Events, ApiError> {
    let last = headers.get("last-event-id").map(|value| {
        // What is no text is no id of an event either.
        value.to_str().unwrap_or("?")
    });
    let follower = services.follow_run(&caller, id, last).await?;
    Ok(Events { id, follower })
}

/// A stream of events on its way out; nothing when the end has been told.
pub(crate) struct Events {
    id: RunId,
    follower: Option<Follower>,
}

impl IntoResponse for Events {
    fn into_response(self) -> Response {
        let id = self.id;
        let Some(follower) = self.follower else {
            return StatusCode::NO_CONTENT.into_response();
        };
        // Asked for one event after the other: a reader that takes none costs none.
        let events = stream::unfold(follower, move |mut follower| async move {
            match follower.next().await {
                Ok(heard) => Some((Ok::<_, Infallible>(written(id, heard?)), follower)),
                Err(fault) => {
                    tracing::warn!(run.id = %id, %fault, "a stream of events ended early; its reader may go on from the last one");
                    None
                }
            }
        });
        let mut response = Sse::new(events).into_response();
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // Proxies that collect answers would hold back what is to be seen at once.
        let buffering = HeaderName::from_static("x-accel-buffering");
        headers.insert(buffering, HeaderValue::from_static("no"));
        response
    }
}

fn written(id: RunId, heard: Heard) -> Event {
    let run_id = id.as_uuid();
    match heard {
        Heard::SignOfLife => Event::default().comment("still here"),
        Heard::Event(place, RunEvent::Log(line)) => {
            event(place, "log", &RunLogResponse::from(line))
        }
        Heard::Event(place, RunEvent::Progress(progress)) => {
            event(place, "progress", &ProgressEvent { run_id, progress })
        }
        Heard::Event(place, RunEvent::Status { status, at, ended }) => {
            let data = StatusEvent {
                run_id,
                status_code: status.as_str(),
                at: at.to_rfc3339(),
                run: ended.map(|view| Box::new((*view).into())),
            };
            event(place, "status", &data)
        }
    }
}

fn event(place: Place, name: &str, data: &impl Serialize) -> Event {
    let data = serde_json::to_value(data).unwrap_or(Value::Null);
    // JSON on one line, as the format wants it.
    Event::default()
        .id(place.to_string())
        .event(name)
        .data(data.to_string())
}

impl aide::OperationOutput for Events {
    type Inner = String;

    fn operation_response(
        _: &mut aide::generate::GenContext,
        _: &mut Operation,
    ) -> Option<ApiResponse> {
        let mut response = ApiResponse {
            description: "the events".to_owned(),
            ..ApiResponse::default()
        };
        response
            .content
            .insert("text/event-stream".to_owned(), MediaType::default());
        Some(response)
    }

    fn inferred_responses(
        ctx: &mut aide::generate::GenContext,
        operation: &mut Operation,
    ) -> Vec<(Option<u16>, ApiResponse)> {
        let response = Self::operation_response(ctx, operation);
        response
            .map(|response| (Some(200), response))
            .into_iter()
            .collect()
    }
}
