//! Pages: what a query asks of a log, and the envelope that every list answers in.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawQuery};
use axum::http::request::Parts;
use runnel_domain::Services;
use runnel_types::{Fault, FieldFault, Page, PageRequest};
use schemars::JsonSchema;
use serde::Serialize;

use crate::error::ApiError;

/// Rows on a page when the query does not say.
pub(crate) const DEFAULT_LIMIT: u32 = 50;
/// The most rows on a page.
const MAX_LIMIT: u32 = 500;

/// Which page of a log a query asks for.
#[derive(Debug)]
pub(crate) struct Wanted(pub(crate) PageRequest);

/// Which page of a log.
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
            // `?limit=` is what a form sends whose field was left empty.
            match &*name {
                _ if value.is_empty() => {}
                "limit" => request.limit = limit(&value)?,
                "pq" => {
                    request.cursor = Some(
                        value
                            .parse()
                            .map_err(|error| Fault::bad_request(format!("{error}")))?,
                    );
                }
                "from_prev" => request.backward = flag("from_prev", &value)?,
                // Refused and not passed over: an answer that ignores a filter
                // looks like a right one.
                "q" | "sort_by" | "fields" => {
                    return Err(Fault::bad_request(format!(
                        "a log has one order and no filter; leave {name} out"
                    ))
                    .into());
                }
                _ => {}
            }
        }
        Ok(Self(request))
    }
}

/// Reads how many rows are wanted.
pub(crate) fn limit(value: &str) -> Result<u32, Fault> {
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

/// Reads the parameter `name`, which is true or false in any case: Python's
/// requests sends `True`.
pub(crate) fn flag(name: &str, value: &str) -> Result<bool, Fault> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" | "" => Ok(false),
        _ => Err(wrong(name, "must be true or false".to_owned())),
    }
}

fn wrong(name: &str, message: String) -> Fault {
    refused(name, "value", message)
}

/// What is wrong with the parameter `name`.
pub(crate) fn refused(name: &str, rule: &'static str, message: String) -> Fault {
    Fault::invalid(vec![FieldFault {
        loc: vec!["query".to_owned(), name.to_owned()],
        rule,
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
    /// The rows.
    items: Vec<T>,
    /// The cursor of the first page: empty, as `pq` may be left out.
    first: String,
    /// The cursor of the page that follows.
    next: Option<String>,
    /// The cursor of the page before, to be sent with `from_prev=true`.
    previous: Option<String>,
    /// The same as `next`.
    next_pq: Option<String>,
    /// The same as `previous`.
    prev_pq: Option<String>,
}

impl<T> ListResponse<T> {
    /// The envelope around `items`.
    pub(crate) fn new(items: Vec<T>, next: Option<String>, previous: Option<String>) -> Self {
        Self {
            items,
            first: String::new(),
            next_pq: next.clone(),
            prev_pq: previous.clone(),
            next,
            previous,
        }
    }

    /// The same envelope with each row turned into something else.
    pub(crate) fn try_map<U, E>(
        self,
        change: impl FnMut(T) -> Result<U, E>,
    ) -> Result<ListResponse<U>, E> {
        let items = self
            .items
            .into_iter()
            .map(change)
            .collect::<Result<_, E>>()?;
        Ok(ListResponse::new(items, self.next, self.previous))
    }
}

impl<T> From<Page<T>> for ListResponse<T> {
    fn from(page: Page<T>) -> Self {
        let text = |cursor: Option<runnel_types::Cursor>| cursor.map(|cursor| cursor.to_string());
        Self::new(page.items, text(page.next), text(page.previous))
    }
}
