//! API keys: who may do what. The key itself is never kept, only its hash.

use std::fmt;
use std::str::FromStr;

use crate::id::{ApiKeyId, OrgId};
use crate::time::Timestamp;

/// A key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The key's id.
    pub id: ApiKeyId,
    /// The organization that it acts for.
    pub org_id: OrgId,
    /// What its owner calls it.
    pub name: String,
    /// Its first characters, by which a person recognises it.
    pub prefix: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was revoked; such a key is refused.
    pub revoked_at: Option<Timestamp>,
}

macro_rules! scopes {
    ($($name:ident = $text:literal,)*) => {
        /// A permission, `<resource>:<action>`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Scope {
            $(
                #[doc = concat!("`", $text, "`")]
                $name,
            )*
        }

        impl Scope {
            /// Every scope there is.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The scope as it is written.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

scopes! {
    AssetsCreate = "assets:create",
    AssetsRead = "assets:read",
    AssetsEdit = "assets:edit",
    AssetsDelete = "assets:delete",
    RunsCreate = "runs:create",
    RunsRead = "runs:read",
    RunsEdit = "runs:edit",
    RunsExecute = "runs:execute",
    WebhooksCreate = "webhooks:create",
    WebhooksRead = "webhooks:read",
    WebhooksEdit = "webhooks:edit",
    WebhooksDelete = "webhooks:delete",
    WebhooksExecute = "webhooks:execute",
    CallbackSecretsCreate = "callback-secrets:create",
    CallbackSecretsRead = "callback-secrets:read",
    CallbackSecretsEdit = "callback-secrets:edit",
    CallbackSecretsDelete = "callback-secrets:delete",
    ApiKeysCreate = "api-keys:create",
    ApiKeysRead = "api-keys:read",
    ApiKeysEdit = "api-keys:edit",
    ApiKeysDelete = "api-keys:delete",
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A scope that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no scope {0:?}; the scopes are {all}", all = all_scopes())]
pub struct UnknownScope(pub String);

fn all_scopes() -> String {
    Scope::ALL
        .iter()
        .map(|scope| scope.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().find(|scope| scope.as_str() == text);
        found.copied().ok_or_else(|| UnknownScope(text.to_owned()))
    }
}
