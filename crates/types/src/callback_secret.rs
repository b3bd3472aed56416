//! Callback secrets: by what a receiver knows that a callback is genuine. The
//! secret itself is kept encrypted, apart from its record.

use crate::id::{ApiKeyId, CallbackSecretId, OrgId};
use crate::list::{Field, FieldKind, Listed};
use crate::time::Timestamp;

/// A secret that signs callbacks, without the secret itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackSecret {
    /// The secret.
    pub id: CallbackSecretId,
    /// The organization.
    pub org_id: OrgId,
    /// Its first characters, by which a person recognises it.
    pub key_prefix: String,
    /// What its owner calls it.
    pub label: Option<String>,
    /// Whether it is the one that makes `Runflow-Signature`; of an
    /// organization's live secrets one at most is.
    pub is_current: bool,
    /// The key that made it.
    pub created_by: Option<ApiKeyId>,
    /// When it was retired; it signs nothing since.
    pub disabled_at: Option<Timestamp>,
    /// When it last signed something, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Listed for CallbackSecret {
    const LIST: &'static str = "callback-secrets";
    const FIELDS: &'static [Field] = &[
        Field::new("id", FieldKind::Id).unsortable(),
        Field::new("label", FieldKind::Text).nullable().unsortable(),
        Field::new("key_prefix", FieldKind::Text).unsortable(),
        Field::new("created_at", FieldKind::Time),
        Field::new("disabled_at", FieldKind::Time)
            .nullable()
            .unsortable(),
        Field::new("last_used_at", FieldKind::Time)
            .nullable()
            .unsortable(),
    ];
    const SHORTCUTS: &'static [&'static str] = &[];
}
