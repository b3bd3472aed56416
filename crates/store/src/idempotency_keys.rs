//! Idempotency keys: who works on a request, that it was done, its answer.
//!
//! A row belongs to the request that made it until its lease ends, which the
//! request moves while it is at work. What a request does is written in one
//! transaction with [`IdempotencyKeys::mark_done`], so that a request whose key was
//! taken over does nothing, and one that was done is never done again, even when
//! the process died before the answer.

use runnel_types::{Answer, OrgId, RequestId, Timestamp, Used};

use crate::column::{Args, Row};
use crate::error::StoreError;
use crate::reader::{Reader, Statement, changed, optional};
use crate::tx::Tx;

const TABLE: &str = "idempotency_keys";

/// Statements on `idempotency_keys`.
#[derive(Debug)]
pub struct IdempotencyKeys<E>(pub(crate) E);

/// A request that wants a key for itself.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// Its organization.
    pub org: OrgId,
    /// The key.
    pub key: &'a str,
    /// SHA-256 over what is asked, 64 hex characters.
    pub fingerprint: &'a str,
    /// The request.
    pub owner: RequestId,
    /// The present instant.
    pub now: Timestamp,
    /// Until when the key is its own.
    pub lease_until: Timestamp,
    /// Rows older than this count as forgotten.
    pub forgotten_before: Timestamp,
}

impl<E: Reader> IdempotencyKeys<E> {
    /// What is known of a key.
    pub async fn get(&mut self, org: OrgId, key: &str) -> Result<Option<Used>, StoreError> {
        let sql = "SELECT key, fingerprint, is_done, lease_until, status, content_type, body
            FROM idempotency_keys WHERE org_id = $1 AND key = $2";
        let args = Args::new().word(org).text(key);
        optional(&mut self.0, Statement::new(TABLE, sql, args), decode).await
    }
}

impl IdempotencyKeys<&mut Tx> {
    /// Takes the key for a request; `false` when it is another's: one that is
    /// at work, was done or was answered.
    pub async fn claim(&mut self, claim: Claim<'_>) -> Result<bool, StoreError> {
        let sql = "INSERT INTO idempotency_keys
                (org_id, key, fingerprint, owner, lease_until, is_done, created_at)
            VALUES ($1, $2, $3, $4, $5, 0, $6)
            ON CONFLICT (org_id, key) DO UPDATE SET
                fingerprint = EXCLUDED.fingerprint, owner = EXCLUDED.owner,
                lease_until = EXCLUDED.lease_until, is_done = 0, status = NULL,
                content_type = NULL, body = NULL, created_at = EXCLUDED.created_at
            WHERE idempotency_keys.created_at < $7
                OR (idempotency_keys.status IS NULL AND idempotency_keys.is_done = 0
                    AND idempotency_keys.lease_until < $6)
            RETURNING key";
        let args = Args::new()
            .word(claim.org)
            .text(claim.key)
            .word(claim.fingerprint)
            .word(claim.owner)
            .time(claim.lease_until)
            .time(claim.now)
            .time(claim.forgotten_before);
        changed(&mut self.0, Statement::new(TABLE, sql, args))
            .await
            .map(|rows| rows == 1)
    }

    /// Moves the end of a request's lease; `false` when the key is no longer its
    /// own.
    pub async fn renew(
        &mut self,
        org: OrgId,
        key: &str,
        owner: RequestId,
        lease_until: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE idempotency_keys SET lease_until = $4
            WHERE org_id = $1 AND key = $2 AND owner = $3 RETURNING key";
        let args = Args::new()
            .word(org)
            .text(key)
            .word(owner)
            .time(lease_until);
        changed(&mut self.0, Statement::new(TABLE, sql, args))
            .await
            .map(|rows| rows == 1)
    }

    /// Writes that the request is being done in this transaction; `false` when
    /// the key is no longer its own and nothing may be done.
    pub async fn mark_done(
        &mut self,
        org: OrgId,
        key: &str,
        owner: RequestId,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE idempotency_keys SET is_done = 1
            WHERE org_id = $1 AND key = $2 AND owner = $3 RETURNING key";
        let args = Args::new().word(org).text(key).word(owner);
        changed(&mut self.0, Statement::new(TABLE, sql, args))
            .await
            .map(|rows| rows == 1)
    }

    /// Keeps the answer of a request, with the fingerprint as it is known at
    /// the end. Its body is sealed by the caller: it may show a secret.
    pub async fn keep_answer(
        &mut self,
        org: OrgId,
        key: &str,
        owner: RequestId,
        fingerprint: &str,
        answer: &Answer,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE idempotency_keys
            SET status = $4, content_type = $5, body = $6, fingerprint = $7
            WHERE org_id = $1 AND key = $2 AND owner = $3 RETURNING key";
        let args = Args::new()
            .word(org)
            .text(key)
            .word(owner)
            .int(i64::from(answer.status))
            .text(&answer.content_type)
            .text(&answer.body)
            .word(fingerprint);
        changed(&mut self.0, Statement::new(TABLE, sql, args))
            .await
            .map(drop)
    }

    /// Gives the key free again, unless its request was done.
    pub async fn release(
        &mut self,
        org: OrgId,
        key: &str,
        owner: RequestId,
    ) -> Result<(), StoreError> {
        let sql = "DELETE FROM idempotency_keys
            WHERE org_id = $1 AND key = $2 AND owner = $3 AND is_done = 0 RETURNING key";
        let args = Args::new().word(org).text(key).word(owner);
        changed(&mut self.0, Statement::new(TABLE, sql, args))
            .await
            .map(drop)
    }

    /// Removes at most `limit` keys of any organization that are older than
    /// `before`; says how many. Takes no tenant: it is for the sweep.
    pub async fn forget_unscoped(
        &mut self,
        before: Timestamp,
        limit: i64,
    ) -> Result<usize, StoreError> {
        let sql = "DELETE FROM idempotency_keys WHERE (org_id, key) IN
            (SELECT org_id, key FROM idempotency_keys WHERE created_at < $1
             ORDER BY created_at LIMIT $2)
            RETURNING key";
        let args = Args::new().time(before).int(limit);
        changed(&mut self.0, Statement::new(TABLE, sql, args).lengthy()).await
    }
}

fn decode(row: &Row) -> Result<Used, StoreError> {
    let status: Option<u16> = row.opt_number("status")?;
    let answer = match status {
        Some(status) => Some(Answer {
            status,
            content_type: row.opt_text("content_type")?.unwrap_or_default(),
            body: row.opt_text("body")?.unwrap_or_default(),
        }),
        None => None,
    };
    Ok(Used {
        fingerprint: row.text("fingerprint")?,
        is_done: row.int("is_done")? != 0,
        lease_until: row.time("lease_until")?,
        answer,
    })
}
