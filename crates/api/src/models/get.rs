//! `GET /v1/models/{owner}/{slug…}`: a model of the catalogue.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use runnel_domain::Services;

use super::ModelResponse;
use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::model_path::ModelPath;
use crate::path::PathNames;

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("models.get")
        .tag("Models")
        .summary("A model, with what it takes and what it makes")
}

pub(crate) async fn get(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
    PathNames(path): PathNames<ModelPath>,
) -> Result<Json<ModelResponse>, ApiError> {
    let view = services.get_model(&caller, &path.model()).await?;
    Ok(Json(view.into()))
}
