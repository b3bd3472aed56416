//! API keys. The key itself never comes here, only its hash.

use runnel_types::{ApiKey, ApiKeyId, OrgId, Scope, Timestamp};

use crate::column::{Args, Row};
use crate::error::StoreError;
use crate::reader::{Reader, Statement, all, changed, one, optional};
use crate::tx::Tx;

const TABLE: &str = "api_keys";

macro_rules! columns {
    () => {
        "id, org_id, name, prefix, scopes, created_at, revoked_at"
    };
}

/// Statements on `api_keys`.
#[derive(Debug)]
pub struct ApiKeys<E>(pub(crate) E);

impl<E: Reader> ApiKeys<E> {
    /// The key that has this hash, revoked or not. Takes no tenant: it is by
    /// the key that the tenant becomes known.
    pub async fn get_by_hash(&mut self, hash: &str) -> Result<Option<ApiKey>, StoreError> {
        let sql = concat!("SELECT ", columns!(), " FROM api_keys WHERE hash = $1");
        optional(
            &mut self.0,
            Statement::new(TABLE, sql, Args::new().text(hash)),
            decode,
        )
        .await
    }

    /// The organization's keys, oldest first, revoked ones too.
    pub async fn list(&mut self, org: OrgId) -> Result<Vec<ApiKey>, StoreError> {
        // Index: api_keys_by_org.
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM api_keys WHERE org_id = $1 ORDER BY created_at, id"
        );
        all(
            &mut self.0,
            Statement::new(TABLE, sql, Args::new().word(org)),
            decode,
        )
        .await
    }

    /// How many keys there are in all organizations, revoked ones too: 0 on the
    /// very first start.
    pub async fn count_all(&mut self) -> Result<i64, StoreError> {
        let sql = "SELECT COUNT(*) AS n FROM api_keys";
        one(
            &mut self.0,
            Statement::new(TABLE, sql, Args::new()),
            |row| row.int("n"),
        )
        .await
    }
}

impl ApiKeys<&mut Tx> {
    /// Adds a key under the hash of its text.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when its id or hash is taken.
    pub async fn insert(&mut self, key: &ApiKey, hash: &str) -> Result<(), StoreError> {
        let sql = concat!(
            "INSERT INTO api_keys (",
            columns!(),
            ", hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
        );
        changed(&mut self.0, Statement::new(TABLE, sql, args(key, hash)))
            .await
            .map(drop)
    }

    /// Adds a key, or gives the one that has this hash already all that `key`
    /// says but its id and its time of creation. Returns it as it is then.
    pub async fn upsert_by_hash(&mut self, key: &ApiKey, hash: &str) -> Result<ApiKey, StoreError> {
        let sql = concat!(
            "INSERT INTO api_keys (",
            columns!(),
            ", hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            ON CONFLICT (hash) DO UPDATE SET
                org_id = excluded.org_id,
                name = excluded.name,
                prefix = excluded.prefix,
                scopes = excluded.scopes,
                revoked_at = excluded.revoked_at
            RETURNING ",
            columns!()
        );
        one(
            &mut self.0,
            Statement::new(TABLE, sql, args(key, hash)),
            decode,
        )
        .await
    }

    /// Revokes a key; one that was revoked before keeps its time. `None` when
    /// the organization has no such key.
    pub async fn revoke(
        &mut self,
        org: OrgId,
        id: ApiKeyId,
        at: Timestamp,
    ) -> Result<Option<ApiKey>, StoreError> {
        let sql = concat!(
            "UPDATE api_keys SET revoked_at = COALESCE(revoked_at, $3)
            WHERE org_id = $1 AND id = $2
            RETURNING ",
            columns!()
        );
        let args = Args::new().word(org).word(id).time(at);
        optional(&mut self.0, Statement::new(TABLE, sql, args), decode).await
    }
}

fn args(key: &ApiKey, hash: &str) -> Args {
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
    Args::new()
        .word(key.id)
        .word(key.org_id)
        .text(&key.name)
        .text(&key.prefix)
        .text(&scopes.join(" "))
        .time(key.created_at)
        .opt_time(key.revoked_at)
        .text(hash)
}

fn decode(row: &Row) -> Result<ApiKey, StoreError> {
    Ok(ApiKey {
        id: row.word("id")?,
        org_id: row.word("org_id")?,
        name: row.text("name")?,
        prefix: row.text("prefix")?,
        scopes: row.words::<Scope>("scopes")?,
        created_at: row.time("created_at")?,
        revoked_at: row.opt_time("revoked_at")?,
    })
}
