//! Secrets that sign callbacks, and the form in which every operation shows them.

pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod list;

use runnel_types::{CallbackSecret, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

/// A secret that signs callbacks.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CallbackSecretResponse {
    /// The secret.
    id: Uuid,
    /// The organization.
    org_id: Uuid,
    /// Its first characters.
    key_prefix: String,
    /// Whether it is the one that makes `Runflow-Signature`.
    is_current: bool,
    /// What its owner calls it.
    label: Option<String>,
    /// When it was deleted; it signs nothing since.
    disabled_at: Option<String>,
    /// When it last signed something, to the minute.
    last_used_at: Option<String>,
    /// When it was made.
    created_at: String,
    /// When it was last changed.
    updated_at: String,
}

impl From<CallbackSecret> for CallbackSecretResponse {
    fn from(secret: CallbackSecret) -> Self {
        Self {
            id: secret.id.as_uuid(),
            org_id: secret.org_id.as_uuid(),
            key_prefix: secret.key_prefix,
            is_current: secret.is_current,
            label: secret.label,
            disabled_at: secret.disabled_at.map(Timestamp::to_rfc3339),
            last_used_at: secret.last_used_at.map(Timestamp::to_rfc3339),
            created_at: secret.created_at.to_rfc3339(),
            updated_at: secret.updated_at.to_rfc3339(),
        }
    }
}
