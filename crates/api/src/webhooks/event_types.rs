//! `GET /v1/webhooks/event-types` and `/{code}`: what webhooks may hear of.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use runnel_domain::Services;
use runnel_types::EventType;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::list::{ListQuery, Listing};
use crate::path::PathNames;

/// A kind of event.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct EventTypeResponse {
    /// Its code, the `event` of the body.
    code: &'static str,
    /// What it means.
    description: &'static str,
}

impl From<EventType> for EventTypeResponse {
    fn from(event_type: EventType) -> Self {
        Self {
            code: event_type.as_str(),
            description: event_type.description(),
        }
    }
}

/// The kind of event in the path.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct EventTypePath {
    /// Its code, such as `run.completed`.
    code: String,
}

pub(crate) fn list_docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("webhooks.event_types")
        .tag("Webhooks")
        .summary("What webhooks may hear of")
}

pub(crate) fn get_docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("webhooks.event_type")
        .tag("Webhooks")
        .summary("One kind of event that webhooks may hear of")
}

pub(crate) async fn list(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    query: ListQuery<EventType>,
) -> Result<Listing<EventTypeResponse>, ApiError> {
    let page = services.list_event_types(&caller, &query.request)?;
    Listing::new(query, page, EventTypeResponse::from)
}

pub(crate) async fn get(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    PathNames(EventTypePath { code }): PathNames<EventTypePath>,
) -> Result<Json<EventTypeResponse>, ApiError> {
    let event_type = services.get_event_type(&caller, &code)?;
    Ok(Json(event_type.into()))
}
