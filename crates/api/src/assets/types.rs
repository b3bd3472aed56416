//! `GET /v1/assets/types` and `/v1/assets/source-types`: what assets there may be.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use runnel_domain::Services;
use runnel_domain::assets::AcceptedType;
use runnel_types::{Fault, Scope, SourceType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::caller::Authenticated;
use crate::error::ApiError;
use crate::path::PathNames;

/// Everything of a short list, on one page.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AllOf<T> {
    /// All of them.
    items: Vec<T>,
}

/// A type that uploads may have.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TypeResponse {
    /// The type, such as `image/jpeg`.
    mime_type: &'static str,
    /// `image`, `video`, `audio`, `document`, `archive` or `other`.
    asset_type: &'static str,
    /// The endings of names that it usually has.
    extensions: Vec<&'static str>,
    /// The largest upload in one piece, in bytes. A resumable one may be larger, but
    /// for JPEG, WebP, TIFF, AVIF, HEIC (64 MiB) and SVG (16 MiB).
    max_size_bytes: u64,
    /// Whether its assets have a thumbnail.
    thumbnail: bool,
}

impl From<AcceptedType> for TypeResponse {
    fn from(accepted: AcceptedType) -> Self {
        Self {
            mime_type: accepted.mime_type,
            asset_type: accepted.asset_type,
            extensions: accepted.extensions.to_vec(),
            max_size_bytes: accepted.max_size_bytes,
            thumbnail: accepted.has_thumbnail,
        }
    }
}

/// A way in which assets come to be.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SourceTypeResponse {
    /// `upload`, `inline`, `run_output` or `url_import`.
    name: &'static str,
    /// What it means.
    description: &'static str,
}

impl From<SourceType> for SourceTypeResponse {
    fn from(source: SourceType) -> Self {
        Self {
            name: source.as_str(),
            description: match source {
                SourceType::Upload => "sent by a client",
                SourceType::Inline => "sent within a run's input as a data: URI",
                SourceType::RunOutput => "made by a run",
                SourceType::UrlImport => "fetched from a URL",
            },
        }
    }
}

/// The source type in the path.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct SourceTypePath {
    /// `upload`, `inline`, `run_output` or `url_import`.
    name: String,
}

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("assets.types")
        .tag("Assets")
        .summary("The types that uploads may have")
}

pub(crate) fn sources_docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("assets.source_types")
        .tag("Assets")
        .summary("The ways in which assets come to be")
}

pub(crate) fn source_docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("assets.source_type")
        .tag("Assets")
        .summary("One way in which assets come to be")
}

pub(crate) async fn types(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
) -> Result<Json<AllOf<TypeResponse>>, ApiError> {
    caller.require(Scope::AssetsRead)?;
    let items = services.accepted_types();
    Ok(Json(AllOf {
        items: items.into_iter().map(TypeResponse::from).collect(),
    }))
}

pub(crate) async fn sources(
    Authenticated(caller): Authenticated,
) -> Result<Json<AllOf<SourceTypeResponse>>, ApiError> {
    caller.require(Scope::AssetsRead)?;
    let items = SourceType::ALL.iter().copied();
    Ok(Json(AllOf {
        items: items.map(SourceTypeResponse::from).collect(),
    }))
}

pub(crate) async fn source(
    Authenticated(caller): Authenticated,
    PathNames(SourceTypePath { name }): PathNames<SourceTypePath>,
) -> Result<Json<SourceTypeResponse>, ApiError> {
    caller.require(Scope::AssetsRead)?;
    let source: Result<SourceType, _> = name.parse();
    let source = source.map_err(|_| {
        let message = format!(
            "there is no source type {name:?}; there are {}",
            SourceType::WORDS.join(", ")
        );
        Fault::not_found("NOT_FOUND", message)
    })?;
    Ok(Json(source.into()))
}
