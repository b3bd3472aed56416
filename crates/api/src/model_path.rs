//! The model in a path. Its slug may have several segments, after which more
//! may follow: `/v1/models/topaz/upscale/image/runs`. No route can say that, so
//! the slashes within a slug are written as `%2F` before a route is looked for,
//! and every operation on models has its plain line in the table.

use axum::extract::Request;
use axum::http::uri::{PathAndQuery, Uri};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::routes::MODELS;

/// What may follow a model. No model's name ends in one of these.
const BELOW: [&str; 2] = ["runs", "batches"];

/// The model in the path.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ModelPath {
    /// The owner, such as `runflow`.
    owner: String,
    /// The slug, such as `background-replace`; it may have several segments.
    slug: String,
}

impl ModelPath {
    /// The model's name, `owner/slug`.
    pub(crate) fn model(&self) -> String {
        format!("{}/{}", self.owner, self.slug)
    }
}

/// Makes one segment of the slug in the request's path.
pub(crate) fn fold(mut request: Request) -> Request {
    if let Some(folded) = folded(request.uri()) {
        *request.uri_mut() = folded;
    }
    request
}

/// The same address with the slug as one segment; `None` when it is one.
fn folded(uri: &Uri) -> Option<Uri> {
    let (owner, rest) = uri.path().strip_prefix(MODELS)?.split_once('/')?;
    let (slug, below) = match rest.rsplit_once('/') {
        Some((slug, word)) if BELOW.contains(&word) => (slug, Some(word)),
        _ => (rest, None),
    };
    if !slug.contains('/') {
        return None;
    }
    let mut path = format!("{MODELS}{owner}/{}", slug.replace('/', "%2F"));
    for (sign, part) in [("/", below), ("?", uri.query())] {
        if let Some(part) = part {
            path.push_str(sign);
            path.push_str(part);
        }
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(path).ok()?);
    Uri::from_parts(parts).ok()
}
