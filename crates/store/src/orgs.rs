//! Organizations: the tenants. Their statements stand above any tenant.

use runnel_types::{IdSource, Org, OrgId, Timestamp};

use crate::column::{Args, Row};
use crate::error::StoreError;
use crate::reader::{Reader, Statement, all, changed, one, optional};
use crate::tx::Tx;

const TABLE: &str = "orgs";
/// The slug of the organization that exists without anybody asking for one.
pub const DEFAULT_SLUG: &str = "default";

/// Statements on `orgs`.
#[derive(Debug)]
pub struct Orgs<E>(pub(crate) E);

impl<E: Reader> Orgs<E> {
    /// The organization.
    pub async fn get(&mut self, id: OrgId) -> Result<Option<Org>, StoreError> {
        let sql = "SELECT id, name, slug, created_at FROM orgs WHERE id = $1";
        optional(
            &mut self.0,
            Statement::new(TABLE, sql, Args::new().word(id)),
            decode,
        )
        .await
    }

    /// Every organization, oldest first, for the operator.
    pub async fn list(&mut self) -> Result<Vec<Org>, StoreError> {
        let sql = "SELECT id, name, slug, created_at FROM orgs ORDER BY created_at, id";
        all(&mut self.0, Statement::new(TABLE, sql, Args::new()), decode).await
    }
}

impl Orgs<&mut Tx> {
    /// Keeps every other transaction that asks for this from going on until this one
    /// ends, whatever of the organization it is about to change: two moves of folders
    /// at once could close a circle, two webhooks be one too many.
    pub async fn lock(&mut self, id: OrgId) -> Result<(), StoreError> {
        let lock = self.0.dialect().for_no_key_update();
        let sql = format!("SELECT id FROM orgs WHERE id = $1{lock}");
        let args = Args::new().word(id);
        changed(&mut self.0, Statement::composed(TABLE, sql, args))
            .await
            .map(drop)
    }

    /// Adds an organization.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when its id or slug is taken.
    pub async fn insert(&mut self, org: &Org) -> Result<(), StoreError> {
        let sql = "INSERT INTO orgs (id, name, slug, created_at) VALUES ($1, $2, $3, $4)";
        changed(&mut self.0, Statement::new(TABLE, sql, args(org)))
            .await
            .map(drop)
    }

    /// The organization that has `org`'s slug, which is `org` when there was
    /// none. Of several callers at once, all get the same one.
    pub async fn get_or_insert(&mut self, org: &Org) -> Result<Org, StoreError> {
        // The update changes nothing and makes the row of another be returned.
        let sql = "INSERT INTO orgs (id, name, slug, created_at) VALUES ($1, $2, $3, $4)
            ON CONFLICT (slug) DO UPDATE SET slug = excluded.slug
            RETURNING id, name, slug, created_at";
        one(&mut self.0, Statement::new(TABLE, sql, args(org)), decode).await
    }

    /// The default organization, made when there is none.
    pub async fn default_org(&mut self, ids: &IdSource, now: Timestamp) -> Result<Org, StoreError> {
        let org = Org {
            id: ids.next(),
            name: "Default".to_owned(),
            slug: DEFAULT_SLUG.to_owned(),
            created_at: now,
        };
        self.get_or_insert(&org).await
    }
}

fn args(org: &Org) -> Args {
    Args::new()
        .word(org.id)
        .text(&org.name)
        .text(&org.slug)
        .time(org.created_at)
}

fn decode(row: &Row) -> Result<Org, StoreError> {
    Ok(Org {
        id: row.word("id")?,
        name: row.text("name")?,
        slug: row.text("slug")?,
        created_at: row.time("created_at")?,
    })
}
