//! Everything that a rule needs, built once at start and shared.

use std::sync::Arc;
use std::time::Duration;

use runnel_blobs::{Blobs, UrlSigner};
use runnel_egress::Egress;
use runnel_engines::Registry;
use runnel_store::Store;
use runnel_types::{Clock, IdSource, Timestamp};
use tokio::sync::Semaphore;

use crate::assets::Flights;

/// Limits and lifetimes that an operator may set.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The largest upload, in bytes.
    pub max_upload_bytes: u64,
    /// How long a PUT to an upload URL may begin.
    pub upload_url_ttl: Duration,
    /// How long a signed GET URL works.
    pub asset_url_ttl: Duration,
    /// How long after its URL expired an unconfirmed upload is kept.
    pub sweep_after: Duration,
    /// How long after its deletion an asset is kept, to be restored.
    pub purge_after: Duration,
}

impl Default for Limits {
    /// The contract's defaults: 50 MiB, one hour, one day, one day, seven days.
    fn default() -> Self {
        Self {
            max_upload_bytes: 52_428_800,
            upload_url_ttl: Duration::from_hours(1),
            asset_url_ttl: Duration::from_hours(24),
            sweep_after: Duration::from_hours(24),
            purge_after: Duration::from_hours(7 * 24),
        }
    }
}

/// What rules work with.
#[derive(Debug)]
pub struct Services {
    /// The rows.
    pub store: Store,
    /// The objects.
    pub blobs: Blobs,
    /// Signs the URLs of objects.
    pub signer: UrlSigner,
    /// The one door out.
    pub egress: Egress,
    /// The models.
    pub models: Registry,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Makes ids and secrets.
    pub ids: IdSource,
    /// Limits and lifetimes.
    pub limits: Limits,
    /// The address that signed URLs begin with, without a slash at the end.
    pub public_url: String,
    /// Bounds how many pictures are decoded at once, and so the memory they take.
    pub pixel_slots: Arc<Semaphore>,
    /// The transforms that are being made.
    pub flights: Flights,
}

impl Services {
    /// The present instant.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
