//! `GET /metrics`: what the process counts, for Prometheus and its kin.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use runnel_domain::Services;

use crate::error::ApiError;

/// What `OpenMetrics` calls its text.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(crate) async fn metrics(
    State(services): State<Arc<Services>>,
) -> Result<impl IntoResponse, ApiError> {
    let text = services.metrics().await?;
    Ok(([(CONTENT_TYPE, OPENMETRICS)], text))
}
