//! Draws the thumbnails that a confirmation did not wait for.
//!
//! The work is done without a transaction. Then the object is written, under a
//! key of this attempt's own, and one commit names it on the asset's row and
//! ends the job. *A crash before that commit leaves the job leased, and perhaps
//! an object that no row names; the next worker draws again.* A worker that
//! lost its lease, or whose asset was deleted meanwhile, removes its object.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

use runnel_blobs::Key;
use runnel_media::{MediaError, Thumbnail};
use runnel_types::{Asset, AssetId, Fault, OrgId, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::runs::Lease;
use crate::{Services, faults};

/// How often a thumbnail is tried, workers that died included.
const MAX_ATTEMPTS: u32 = 3;
/// How long after a failure that may pass the next try is due.
const RETRY: Duration = Duration::from_mins(1);
/// How long a job steps aside at least while other thumbnails are drawn.
const STEP_ASIDE: Duration = Duration::from_secs(1);
/// How far the turns of jobs that step aside lie apart.
const BETWEEN_TURNS: Duration = Duration::from_millis(250);

/// When jobs that found no place to draw in come again: one after the other.
///
/// They do not wait in hand, so that a hundred films do not keep a worker from
/// its runs; and since each gets a later turn than the one before, ten thousand
/// of them ask the database no more often than ten do.
#[derive(Debug, Default)]
pub struct Turns(AtomicI64);

impl Turns {
    fn next(&self, now: Timestamp) -> Timestamp {
        let soonest = now.plus(STEP_ASIDE);
        let after = |last: i64| {
            Timestamp::from_micros(last)
                .plus(BETWEEN_TURNS)
                .max(soonest)
        };
        let update = |last: i64| Some(after(last).as_micros());
        // INVARIANT: the closure always has a value, so this never fails.
        let last = self.0.fetch_update(Relaxed, Relaxed, update);
        after(last.unwrap_or_default())
    }
}

/// How a derivation went, for whoever keeps the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Derivation {
    /// The job is settled, with whatever came of it.
    Recorded,
    /// There is nothing to be done any more; only the job is left to be removed.
    Stale,
    /// The work was stopped before its end and can be done again.
    Interrupted,
}

impl Services {
    /// Draws the thumbnail of an asset that has none, on behalf of a job.
    ///
    /// # Errors
    /// When the database or the storage fails; the job is then tried again.
    ///
    /// # Cancel safety
    /// Dropping the future, or cancelling `stop`, leaves the asset as it is and
    /// its job leased.
    pub async fn derive_thumbnail(
        &self,
        org: OrgId,
        id: AssetId,
        lease: &Lease,
        stop: &CancellationToken,
    ) -> Result<Derivation, Fault> {
        if lease.attempt > MAX_ATTEMPTS {
            tracing::warn!(asset.id = %id, attempts = MAX_ATTEMPTS, "an asset stays without a thumbnail: each attempt was cut off or failed");
            return Ok(Derivation::Stale);
        }
        let found = self.store.read().assets().get_live(org, id).await;
        let found = found.map_err(faults::store)?;
        let Some(asset) = found.filter(|asset| asset.thumbnail_key.is_none()) else {
            return Ok(Derivation::Stale);
        };
        let Some(slot) = self.frame_slots.try_take() else {
            return self.step_aside(lease).await;
        };
        let key: Key = asset.storage_key.parse().map_err(Fault::internal)?;
        let file = self.blobs.open_std(&key).await.map_err(faults::blob)?;
        let drawn = tokio::select! {
            () = stop.cancelled() => return Ok(Derivation::Interrupted),
            drawn = self.draw(slot, file) => drawn?,
        };
        match drawn {
            Ok(thumbnail) => self.keep_later(&asset, &thumbnail, lease).await,
            Err(error) => self.give_up_or_retry(id, &error, lease).await,
        }
    }

    /// Stores a thumbnail and names it on its asset's row.
    async fn keep_later(
        &self,
        asset: &Asset,
        thumbnail: &Thumbnail,
        lease: &Lease,
    ) -> Result<Derivation, Fault> {
        let key = Key::later_thumbnail(asset.org_id, asset.id, self.ids.next());
        let name = key.to_string();
        // ORDER: the object first, then the row that names it.
        self.put_thumbnail(&key, thumbnail).await?;
        let named = self.name_thumbnail(asset, &name, thumbnail, lease).await?;
        if !named {
            self.discard(&name).await;
        }
        Ok(Derivation::Recorded)
    }

    /// Names a thumbnail on its asset's row and ends the job; says whether the
    /// row took it. After a failure nobody knows, so the object stays.
    async fn name_thumbnail(
        &self,
        asset: &Asset,
        name: &str,
        thumbnail: &Thumbnail,
        lease: &Lease,
    ) -> Result<bool, Fault> {
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        // ORDER: the lease first; a worker that lost it must not write.
        let held = tx.jobs().complete(lease.job_id, &lease.worker).await;
        if !held.map_err(faults::store)? {
            return Ok(false);
        }
        let (org, id, blurhash) = (asset.org_id, asset.id, &thumbnail.blurhash);
        let mut assets = tx.assets();
        let named = assets
            .record_thumbnail(org, id, name, blurhash, self.now())
            .await
            .map_err(faults::store)?;
        tx.commit().await.map_err(faults::store)?;
        Ok(named)
    }

    /// Ends the job of a file that cannot be drawn; what may be the machine's
    /// fault is tried again first.
    async fn give_up_or_retry(
        &self,
        id: AssetId,
        error: &MediaError,
        lease: &Lease,
    ) -> Result<Derivation, Fault> {
        let may_pass = matches!(
            error,
            MediaError::Read(_) | MediaError::ToolMissing { .. } | MediaError::Unusable { .. }
        );
        if !may_pass || lease.attempt >= MAX_ATTEMPTS {
            tracing::warn!(asset.id = %id, attempt = lease.attempt, %error, "an asset stays without a thumbnail: it cannot be drawn");
            return Ok(Derivation::Stale);
        }
        tracing::info!(asset.id = %id, attempt = lease.attempt, %error, "a thumbnail could not be drawn and is tried again");
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        let due = self.now().plus(RETRY);
        let given_back = tx.jobs().retry_at(lease.job_id, &lease.worker, due).await;
        given_back.map_err(faults::store)?;
        tx.commit().await.map_err(faults::store)?;
        Ok(Derivation::Recorded)
    }

    /// Gives the job back for a moment; the attempt does not count.
    async fn step_aside(&self, lease: &Lease) -> Result<Derivation, Fault> {
        let mut tx = self.store.begin().await.map_err(faults::store)?;
        let due = self.thumbnail_turns.next(self.now());
        let given_back = tx.jobs().hand_back(lease.job_id, &lease.worker, due).await;
        given_back.map_err(faults::store)?;
        tx.commit().await.map_err(faults::store)?;
        Ok(Derivation::Recorded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_lie_apart_and_never_in_the_past() {
        let turns = Turns::default();
        let now = Timestamp::from_micros(1_790_000_000_000_000);
        let first = turns.next(now);
        assert_eq!(first, now.plus(STEP_ASIDE));
        assert_eq!(turns.next(now), first.plus(BETWEEN_TURNS));
        let later = now.plus(Duration::from_hours(1));
        assert_eq!(turns.next(later), later.plus(STEP_ASIDE));
    }
}
