//! Pages of lists: what a query asks for, and the envelope of the answer.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawQuery};
use axum::http::request::Parts;
use runnel_domain::Services;
use runnel_types::{Fault, FieldFault, Page, PageRequest};
use schemars::JsonSchema;
use serde::Serialize;

use crate::error::ApiError;

/// Rows on a page when the query does not say.
const DEFAULT_LIMIT: u32 = 50;
/// The most rows on a page.
const MAX_LIMIT: u32 = 500;

/// Which page a query asks for.
#[derive(Debug)]
pub(crate) struct Wanted(pub(crate) PageRequest);

/// The documentation of [`Wanted`].
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct PageQuery {
    /// Rows on the page, 1 to 500; 50 when left out.
    limit: Option<u32>,
    /// The cursor `next` or `previous` of an earlier page.
    pq: Option<String>,
    /// `true` walks towards newer rows.
    from_prev: Option<bool>,
}

impl FromRequestParts<Arc<Services>> for Wanted {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        services: &Arc<Services>,
    ) -> Result<Self, ApiError> {
        let RawQuery(query) = RawQuery::from_request_parts(parts, services)
            .await
            .map_err(|error| Fault::internal(error.to_string()))?;
        let mut request = PageRequest {
            limit: DEFAULT_LIMIT,
            cursor: None,
            backward: false,
        };
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match &*name {
                "limit" => request.limit = limit(&value)?,
                "pq" if value.is_empty() => {}
                "pq" => {
                    request.cursor = Some(
                        value
                            .parse()
                            .map_err(|error| Fault::bad_request(format!("{error}")))?,
                    );
                }
                "from_prev" => request.backward = flag(&value)?,
                // Refused and not passed over: an answer that ignores a filter
                // looks like a right one.
                "q" | "sort_by" | "fields" => {
                    return Err(Fault::bad_request(format!(
                        "{name} is not supported for this list yet; leave it out"
                    ))
                    .into());
                }
                _ => {}
            }
        }
        Ok(Self(request))
    }
}

fn limit(value: &str) -> Result<u32, Fault> {
    let limit = value
        .parse()
        .ok()
        .filter(|limit| (1..=MAX_LIMIT).contains(limit));
    limit.ok_or_else(|| {
        wrong(
            "limit",
            format!("must be a whole number from 1 to {MAX_LIMIT}"),
        )
    })
}

fn flag(value: &str) -> Result<bool, Fault> {
    match value {
        "true" | "1" => Ok(true),
        "false" | "0" | "" => Ok(false),
        _ => Err(wrong("from_prev", "must be true or false".to_owned())),
    }
}

fn wrong(name: &str, message: String) -> Fault {
    Fault::invalid(vec![FieldFault {
        loc: vec!["query".to_owned(), name.to_owned()],
        rule: "value",
        message,
    }])
}

impl aide::OperationInput for Wanted {
    fn operation_input(
        ctx: &mut aide::generate::GenContext,
        operation: &mut aide::openapi::Operation,
    ) {
        axum::extract::Query::<PageQuery>::operation_input(ctx, operation);
    }
}

/// A page of a list. Both sets of cursor names hold the same values.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ListResponse<T> {
    /// The rows, newest first.
    items: Vec<T>,
    /// The cursor of the first page: empty, as `pq` may be left out.
    first: String,
    /// The cursor of the page with older rows.
    next: Option<String>,
    /// The cursor of the page with newer rows, to be sent with `from_prev=true`.
    previous: Option<String>,
    /// The same as `next`.
    next_pq: Option<String>,
    /// The same as `previous`.
    prev_pq: Option<String>,
}

impl<T> From<Page<T>> for ListResponse<T> {
    fn from(page: Page<T>) -> Self {
        let next = page.next.map(|cursor| cursor.to_string());
        let previous = page.previous.map(|cursor| cursor.to_string());
        Self {
            items: page.items,
            first: String::new(),
            next_pq: next.clone(),
            prev_pq: previous.clone(),
            next,
            previous,
        }
    }
}
