//! `GET /v1/auth/me`: the caller's key and organization.

use std::sync::Arc;

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use runnel_domain::Services;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::caller::Authenticated;
use crate::error::ApiError;

/// The caller. A key has no person behind it, so what tells of one is null.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct MeResponse {
    /// The key's id.
    id: Uuid,
    /// Null for a key.
    email: Option<String>,
    /// Null for a key.
    first_name: Option<String>,
    /// Null for a key.
    last_name: Option<String>,
    /// Null for a key.
    avatar_url: Option<String>,
    /// Null for a key.
    timezone: Option<String>,
    /// Null for a key.
    locale_code: Option<String>,
    /// Null for a key.
    email_verified_at: Option<String>,
    /// The organization that the key acts for, as the only one of a list.
    memberships: Vec<Membership>,
    /// The key.
    api_key: KeyBrief,
}

/// A place in an organization.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Membership {
    /// The organization.
    org: OrgBrief,
    /// What the caller is there.
    role_code: &'static str,
    /// What the caller may do there.
    scopes: Vec<&'static str>,
}

/// An organization in brief.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct OrgBrief {
    /// Its id.
    id: Uuid,
    /// Its name.
    name: String,
    /// Its name in lower case.
    slug: String,
    /// Its plan.
    plan_code: &'static str,
}

/// A key in brief; never the key itself.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct KeyBrief {
    /// Its id.
    id: Uuid,
    /// What its owner calls it.
    name: String,
    /// Its first characters.
    prefix: String,
}

pub(crate) fn docs(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("auth.me")
        .tag("Service")
        .summary("The caller's key and organization")
}

pub(crate) async fn me(
    State(services): State<Arc<Services>>,
    Authenticated(caller): Authenticated,
) -> Result<Json<MeResponse>, ApiError> {
    let org = services.org_of(&caller).await?;
    let id = caller.key.id.as_uuid();
    Ok(Json(MeResponse {
        id,
        email: None,
        first_name: None,
        last_name: None,
        avatar_url: None,
        timezone: None,
        locale_code: None,
        email_verified_at: None,
        memberships: vec![Membership {
            org: OrgBrief {
                id: org.id.as_uuid(),
                name: org.name,
                slug: org.slug,
                plan_code: "self_hosted",
            },
            role_code: "api_key",
            scopes: caller
                .key
                .scopes
                .iter()
                .map(|scope| scope.as_str())
                .collect(),
        }],
        api_key: KeyBrief {
            id,
            name: caller.key.name,
            prefix: caller.key.prefix,
        },
    }))
}
