//! Organizations: the tenants; every record belongs to one.

use crate::id::OrgId;
use crate::time::Timestamp;

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Org {
    /// The organization.
    pub id: OrgId,
    /// Its name, for people.
    pub name: String,
    /// Its name in lower case, for URLs; unique.
    pub slug: String,
    /// When it was created.
    pub created_at: Timestamp,
}
