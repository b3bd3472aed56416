//! From the `Authorization` header to a caller.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use runnel_domain::{Caller, Services};
use runnel_types::Fault;

use crate::error::ApiError;
use crate::rates::Counted;
use crate::request::Id;

/// The authenticated caller of a request.
#[derive(Debug)]
pub(crate) struct Authenticated(pub(crate) Caller);

impl FromRequestParts<Arc<Services>> for Authenticated {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        services: &Arc<Services>,
    ) -> Result<Self, ApiError> {
        // A layer may have looked already.
        if let Some(caller) = parts.extensions.get::<Caller>() {
            return Ok(Self(caller.clone()));
        }
        let missing = || {
            Fault::unauthorized("this needs an API key; send it as Authorization: Bearer rf_live_…")
        };
        let header = parts.headers.get(AUTHORIZATION).ok_or_else(missing)?;
        let (scheme, key) = header
            .to_str()
            .ok()
            .and_then(|text| text.split_once(' '))
            .ok_or_else(missing)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(missing().into());
        }
        let org = match parts.headers.get("x-organization-id") {
            // What is no text is no id of an organization either.
            Some(value) if !value.is_empty() => Some(value.to_str().unwrap_or("?")),
            _ => None,
        };
        // INVARIANT: the layer around every route has set the id.
        let id = parts
            .extensions
            .get::<Id>()
            .ok_or_else(|| Fault::internal("a request without an id"))?
            .0;
        let caller = services.authenticate(key.trim(), org, id).await?;
        if let Some(counted) = parts.extensions.get::<Counted>() {
            counted.count(services, &caller)?;
        }
        // For whoever reads the body, whose memory is the organization's.
        parts.extensions.insert(caller.clone());
        Ok(Self(caller))
    }
}

impl aide::OperationInput for Authenticated {
    fn operation_input(
        _: &mut aide::generate::GenContext,
        operation: &mut aide::openapi::Operation,
    ) {
        let bearer = [("bearer".to_owned(), Vec::new())].into_iter().collect();
        if !operation.security.contains(&bearer) {
            operation.security.push(bearer);
        }
    }
}
