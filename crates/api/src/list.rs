//! Lists: what a query asks for, and the envelope of the answer.

use std::marker::PhantomData;
use std::sync::Arc;

use aide::openapi::{Operation, Response as ApiResponse};
use axum::Json;
use axum::extract::{FromRequestParts, RawQuery};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use runnel_domain::Services;
use runnel_types::list::{
    BadList, FieldKind, Filter, ListRequest, Listed, Place, Sort, equals, parse_filter, parse_sort,
    quoted,
};
use runnel_types::{Fault, Page};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::error::ApiError;
use crate::extract::NO_UUID;
use crate::page::{self, ListResponse};
use crate::parameters;

/// What a query asks of the list of `T`.
#[derive(Debug)]
pub(crate) struct ListQuery<T> {
    /// Which rows, in which order, from where.
    pub(crate) request: ListRequest,
    /// What is to be told of each.
    pub(crate) shape: Shape,
    list: PhantomData<fn() -> T>,
}

/// What is to be told of each row.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    /// These fields alone.
    fields: Option<Vec<String>>,
    /// Whether each row tells who created it.
    pub(crate) embeds_creator: bool,
}

/// Which rows of a list, in which order, and what of each.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct ListParameters {
    /// Rows on the page, 1 to 500; 50 when left out.
    limit: Option<u32>,
    /// The cursor `next` or `previous` of an earlier page.
    pq: Option<String>,
    /// `true` walks towards the beginning; with the cursor `previous`.
    from_prev: Option<bool>,
    /// Which rows, such as `name:*shoe* AND created_at>2026-04-01`.
    q: Option<String>,
    /// The order, such as `size_bytes:desc,name`; the newest first when left out.
    sort_by: Option<String>,
    /// The fields to be told, such as `id,name`; all when left out.
    fields: Option<String>,
}

impl<T: Listed> FromRequestParts<Arc<Services>> for ListQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        services: &Arc<Services>,
    ) -> Result<Self, ApiError> {
        let RawQuery(query) = RawQuery::from_request_parts(parts, services)
            .await
            .map_err(|error| Fault::internal(error.to_string()))?;
        Ok(read(query.unwrap_or_default().as_str())?)
    }
}

fn read<T: Listed>(query: &str) -> Result<ListQuery<T>, Fault> {
    let mut limit = page::DEFAULT_LIMIT;
    let mut cursor = None;
    let mut backward = false;
    let mut sort = T::DEFAULT_SORT.to_owned();
    let mut filters: Vec<Filter> = Vec::new();
    let mut shape = Shape::default();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        // `?limit=` is what a form sends whose field was left empty.
        match &*name {
            _ if value.is_empty() => {}
            "limit" => limit = page::limit(&value)?,
            "pq" => cursor = Some(value.into_owned()),
            "from_prev" => backward = page::flag("from_prev", &value)?,
            "q" => filters.extend(parse_filter(&value, T::FIELDS).map_err(bad)?),
            "sort_by" => sort = value.into_owned(),
            "fields" => {
                shape.fields = Some(value.split(',').map(|f| f.trim().to_owned()).collect());
            }
            "embed" => shape.embeds_creator = embeds_creator(&value)?,
            shortcut if T::SHORTCUTS.contains(&shortcut) => {
                filters.push(plain::<T>(shortcut, &value)?);
            }
            _ => {}
        }
    }
    let sort = parse_sort(&sort, T::FIELDS).map_err(bad)?;
    let place = match cursor {
        Some(cursor) => Some(Place::from_cursor(&cursor, T::LIST, &sort).map_err(bad)?),
        None => None,
    };
    Ok(ListQuery {
        request: ListRequest {
            limit,
            sort,
            filter: (!filters.is_empty()).then_some(Filter::All(filters)),
            place,
            backward,
        },
        shape,
        list: PhantomData,
    })
}

/// The filter of the parameter `name`, which is a field of that name.
fn plain<T: Listed>(name: &str, value: &str) -> Result<Filter, Fault> {
    let field = T::FIELDS.iter().find(|field| field.name == name);
    equals(name, value, T::FIELDS).map_err(|error| match field {
        // SPEC: media.md, "Ids": what is no UUID is 422, wherever it stands.
        Some(field) if field.kind == FieldKind::Id => {
            let none = if field.nullable {
                ", or null for none"
            } else {
                ""
            };
            page::refused(name, "uuid_parsing", format!("{NO_UUID}{none}"))
        }
        _ => bad(error),
    })
}

/// What `embed` may be; anything else is refused, as an answer without it would
/// look like one in which there is nothing.
pub(crate) fn embeds_creator(value: &str) -> Result<bool, Fault> {
    match value {
        "created_by_user" => Ok(true),
        "" => Ok(false),
        other => Err(Fault::bad_request(format!(
            "embed: {} cannot be embedded; created_by_user can",
            quoted(other)
        ))),
    }
}

fn bad(error: BadList) -> Fault {
    Fault::bad_request(error.message)
}

impl<T: Listed> aide::OperationInput for ListQuery<T> {
    fn operation_input(ctx: &mut aide::generate::GenContext, operation: &mut Operation) {
        axum::extract::Query::<ListParameters>::operation_input(ctx, operation);
        for field in T::FIELDS
            .iter()
            .filter(|field| T::SHORTCUTS.contains(&field.name))
        {
            parameters::document_field(operation, field);
        }
    }
}

/// A page on its way out.
#[derive(Debug)]
pub(crate) struct Listing<R> {
    page: ListResponse<R>,
    shape: Shape,
}

impl<R: Serialize + JsonSchema> Listing<R> {
    /// The answer to `query` with `page`.
    ///
    /// # Errors
    /// `BAD_REQUEST` when `fields` names one that rows do not have.
    pub(crate) fn new<T: Listed, V>(
        query: ListQuery<T>,
        page: Page<V, Place>,
        show: impl FnMut(V) -> R,
    ) -> Result<Self, ApiError> {
        if let Some(fields) = &query.shape.fields {
            check_fields::<R>(fields)?;
        }
        let cursor = |place: Place, sort: &[Sort]| place.to_cursor(T::LIST, sort);
        let sort = &query.request.sort;
        Ok(Self {
            page: ListResponse::new(
                page.items.into_iter().map(show).collect(),
                page.next.map(|place| cursor(place, sort)),
                page.previous.map(|place| cursor(place, sort)),
            ),
            shape: query.shape,
        })
    }
}

/// The fields of a row, as its schema has them.
fn check_fields<R: JsonSchema>(fields: &[String]) -> Result<(), Fault> {
    let schema = schemars::schema_for!(R);
    let known: Vec<&String> = schema
        .get("properties")
        .and_then(Value::as_object)
        .map(|properties| properties.keys().collect())
        .unwrap_or_default();
    match fields.iter().find(|field| !known.contains(field)) {
        None => Ok(()),
        Some(unknown) => {
            let known: Vec<&str> = known.into_iter().map(String::as_str).collect();
            Err(Fault::bad_request(format!(
                "fields: there is no field {}; the fields are {}",
                quoted(unknown),
                known.join(", ")
            )))
        }
    }
}

impl<R: Serialize> IntoResponse for Listing<R> {
    fn into_response(self) -> Response {
        let Some(fields) = self.shape.fields else {
            return Json(self.page).into_response();
        };
        let projected = self.page.try_map(|row| {
            let mut row = serde_json::to_value(row)?;
            if let Some(row) = row.as_object_mut() {
                row.retain(|name, _| fields.contains(name));
            }
            Ok::<Value, serde_json::Error>(row)
        });
        match projected {
            Ok(page) => Json(page).into_response(),
            Err(error) => ApiError(Fault::internal(error)).into_response(),
        }
    }
}

impl<R: JsonSchema + Serialize> aide::OperationOutput for Listing<R> {
    type Inner = ListResponse<R>;

    fn operation_response(
        ctx: &mut aide::generate::GenContext,
        operation: &mut Operation,
    ) -> Option<ApiResponse> {
        Json::<ListResponse<R>>::operation_response(ctx, operation)
    }

    fn inferred_responses(
        ctx: &mut aide::generate::GenContext,
        operation: &mut Operation,
    ) -> Vec<(Option<u16>, ApiResponse)> {
        Json::<ListResponse<R>>::inferred_responses(ctx, operation)
    }
}
