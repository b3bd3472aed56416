//! Who asks: an organization, a key and what the key may do.
//!
//! Every rule that a request can reach takes a [`Caller`] and asks it for the
//! scope that it needs, so that a handler cannot forget to.

use runnel_types::{ApiKey, ApiKeyId, Fault, OrgId, RequestId, Scope};

/// An authenticated caller.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The organization that it acts for.
    pub org_id: OrgId,
    /// Its key.
    pub key: ApiKey,
    /// The request that it makes.
    pub request_id: RequestId,
    /// The `Idempotency-Key` that the request holds.
    pub idempotency_key: Option<String>,
}

impl Caller {
    /// The key's id.
    pub const fn key_id(&self) -> ApiKeyId {
        self.key.id
    }

    /// Asks for a scope.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`, naming the scope that is missing.
    pub fn require(&self, scope: Scope) -> Result<(), Fault> {
        if self.key.scopes.contains(&scope) {
            return Ok(());
        }
        let message = format!(
            "the key {} lacks the scope {scope}; make one that has it: runnel keys create --scopes {scope}",
            self.key.prefix
        );
        Err(Fault::permission_denied(message))
    }
}
