//! Everything that a rule needs, built once at start and shared.

use std::sync::Arc;
use std::time::Duration;

use runnel_blobs::{Blobs, UrlSigner};
use runnel_egress::{Egress, Pace};
use runnel_engines::Registry;
use runnel_media::subprocess::Programs;
use runnel_store::Store;
use runnel_types::{Clock, Fault, IdSource, OrgId, Timestamp};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::assets::{Flights, Transforms};
use crate::deliveries::Circuits;
use crate::runs::{MemoryLine, Streams};
use crate::slots::Full;
use crate::thread_slots::ThreadSlots;
use crate::{BodyMemory, FairSlots, Memory, Meters, Rates, Sealer, models, thumbnails, uploads};

/// Limits and lifetimes: those that an operator may set, and some that tests do.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The largest upload, in bytes.
    pub max_upload_bytes: u64,
    /// The largest upload whose bytes arrive in pieces, in bytes.
    pub max_resumable_bytes: u64,
    /// How long a PUT to an upload URL may begin.
    pub upload_url_ttl: Duration,
    /// How long an upload whose bytes arrive in pieces may begin.
    pub resumable_url_ttl: Duration,
    /// How long a signed GET URL works.
    pub asset_url_ttl: Duration,
    /// How long after its URL expired an unconfirmed upload is kept.
    pub sweep_after: Duration,
    /// How long after its deletion an asset is kept, to be restored.
    pub purge_after: Duration,
    /// How long a confirmation waits for the thumbnail of a video or a
    /// document; it is drawn by a job when it is not there by then.
    pub thumbnail_wait: Duration,
    /// The largest file that is fetched from a URL in a run's input, in bytes.
    pub max_fetch_bytes: u64,
    /// How fast whoever sends such a file must be.
    pub fetch_pace: Pace,
    /// How long all such files of one run may take, together.
    pub inputs_within: Duration,
    /// How long the receiver of a callback may take to answer.
    pub callback_timeout: Duration,
    /// The largest file of a run's output, in bytes.
    pub max_output_bytes: u64,
    /// How long an `Idempotency-Key` belongs to a request of which nothing is
    /// heard; one at work is heard of three times as often.
    pub key_lease: Duration,
    /// How long a stored file stays open while its client takes nothing of it; it
    /// is opened again when the client goes on.
    pub open_file_idle: Duration,
}

impl Default for Limits {
    /// The contract's defaults: 50 MiB, one hour, one day, one day, seven days,
    /// two seconds, 2 GiB, ten seconds; and one day to begin a resumable upload,
    /// one minute for a key to be taken over from the dead,
    /// one hour for all files of a run, one minute for a file that nobody takes.
    fn default() -> Self {
        Self {
            max_upload_bytes: 52_428_800,
            max_resumable_bytes: 5 * 1024 * 1024 * 1024,
            upload_url_ttl: Duration::from_hours(1),
            resumable_url_ttl: Duration::from_hours(24),
            asset_url_ttl: Duration::from_hours(24),
            sweep_after: Duration::from_hours(24),
            purge_after: Duration::from_hours(7 * 24),
            thumbnail_wait: Duration::from_secs(2),
            max_fetch_bytes: 2 * 1024 * 1024 * 1024,
            fetch_pace: Pace::default(),
            inputs_within: Duration::from_hours(1),
            max_output_bytes: 2 * 1024 * 1024 * 1024,
            callback_timeout: Duration::from_secs(10),
            key_lease: Duration::from_mins(1),
            open_file_idle: Duration::from_mins(1),
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
    /// Encrypts the secrets that are kept.
    pub sealer: Sealer,
    /// The one door out.
    pub egress: Egress,
    /// The models.
    pub models: Registry,
    /// What engines answered when they were asked last.
    pub availability: models::Availability,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Makes ids and secrets.
    pub ids: IdSource,
    /// Limits and lifetimes.
    pub limits: Limits,
    /// The address that signed URLs begin with, without a slash at the end.
    pub public_url: String,
    /// Which uploads this process is appending to.
    pub turns: uploads::Turns,
    /// The bodies of uploads that are arriving at this process.
    pub arrivals: uploads::Arrivals,
    /// The uploads that this process is confirming.
    pub confirmations: uploads::Confirmations,
    /// Bounds how many uploads are made assets at once, whether or not their
    /// clients still wait for it.
    pub adoption_slots: FairSlots,
    /// Bounds how many pictures are decoded at once, and so the memory they take.
    pub pixel_slots: ThreadSlots,
    /// The programs that read what is not read in this process.
    pub programs: Programs,
    /// Bounds how many of them work at once while a request waits for them:
    /// apart from `pixel_slots`, so that no film holds up a picture.
    pub program_slots: ThreadSlots,
    /// Bounds how many films and documents are drawn at once. That may take
    /// long, so nothing else stands in this line, and no request stands in it
    /// for longer than [`Limits::thumbnail_wait`].
    pub frame_slots: ThreadSlots,
    /// Bounds how many files are fetched at once for the inputs of runs, in all
    /// and for one organization.
    pub fetch_slots: FairSlots,
    /// Bounds the files that engines take as bytes.
    pub input_memory: Arc<Memory>,
    /// The runs that wait for some of it.
    pub memory_line: MemoryLine,
    /// Bounds how many requests an organization may make.
    pub rates: Rates,
    /// Bounds the bodies of requests that are kept in memory.
    pub body_memory: BodyMemory,
    /// When thumbnails that found no slot are tried again.
    pub thumbnail_turns: thumbnails::Turns,
    /// The transforms that are being made.
    pub flights: Flights,
    /// Where they wait for their turn, and which of them are known to fail.
    pub transforms: Transforms,
    /// Which receivers of callbacks are away.
    pub circuits: Circuits,
    /// What this process counts of its work.
    pub meters: Meters,
    /// The streams of runs' events that are open.
    pub streams: Streams,
    /// Cancelled when the server stops: whoever waits for a run then answers.
    pub stopping: CancellationToken,
}

impl Services {
    /// The present instant.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Does what a client that goes away must not stop halfway, on a task of its
    /// own.
    ///
    /// # Errors
    /// `SERVICE_UNAVAILABLE` when too much of that is to be done already: whoever
    /// never waits for an answer must not pile work up.
    pub(crate) async fn to_the_end<T: Send + 'static>(
        &self,
        org: OrgId,
        work: impl Future<Output = Result<T, Fault>> + Send + 'static,
    ) -> Result<T, Fault> {
        let slot = self.adoption_slots.take(org).await.map_err(|Full| {
            Fault::unavailable(
                "too many uploads wait to be made assets already; ask again in some seconds",
            )
        })?;
        let working = async move {
            let _slot = slot;
            work.await
        };
        let working = tokio::spawn(working.in_current_span());
        working.await.map_err(Fault::internal)?
    }
}
