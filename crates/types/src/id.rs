//! Ids: one newtype for each kind of record, all of them UUIDv7.
//!
//! [`IdSource`] makes them from the injected clock and entropy, so that a test
//! with a seeded source sees the same ids on every run. Ids from one source
//! ascend strictly, even within one microsecond.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::time::Clock;

/// Where random bytes come from.
pub trait Entropy: Send + Sync + fmt::Debug {
    /// Fills `bytes` with random bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's random numbers.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the machine"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        // INVARIANT: Linux's getrandom cannot fail once the machine has booted;
        // going on without randomness would hand out guessable keys.
        getrandom::fill(bytes).expect("the operating system has random numbers");
    }
}

/// A repeatable source for tests; never for keys that guard anything.
#[derive(Debug)]
pub struct SeededEntropy(Mutex<u64>);

impl SeededEntropy {
    /// Makes a source whose whole sequence follows from `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in bytes.chunks_mut(8) {
            // SplitMix64: full period, and every seed is as good as another.
            *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = *state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^= z >> 31;
            chunk.copy_from_slice(&z.to_le_bytes()[..chunk.len()]);
        }
    }
}

/// Makes ids and secrets from the injected clock and entropy.
#[derive(Debug, Clone)]
pub struct IdSource {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    last: Arc<Mutex<u64>>,
}

impl IdSource {
    /// Makes a source over `clock` and `entropy`.
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            clock,
            entropy,
            last: Arc::new(Mutex::new(0)),
        }
    }

    /// Makes the next id; greater than every one made before by this source.
    pub fn next<T: From<Uuid>>(&self) -> T {
        let micros = u64::try_from(self.clock.now().as_micros()).unwrap_or(0);
        // RFC 9562, method 3: the 12 bits after the milliseconds hold the
        // fraction of the millisecond, which keeps ids in order of creation.
        let wanted = ((micros / 1000) << 12) | ((micros % 1000) * 4096 / 1000);
        let ticks = {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            *last = wanted.max(*last + 1);
            *last
        };
        let mut random = [0_u8; 8];
        self.entropy.fill(&mut random);
        let high = (u128::from(ticks >> 12) << 80) | (7 << 76) | (u128::from(ticks & 0xFFF) << 64);
        let low = (u64::from_be_bytes(random) >> 2) | (0b10 << 62);
        T::from(Uuid::from_u128(high | u128::from(low)))
    }

    /// Fills `bytes` with random bytes, for keys and secrets.
    pub fn fill(&self, bytes: &mut [u8]) {
        self.entropy.fill(bytes);
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// The id with this value.
            pub const fn from_u128(value: u128) -> Self {
                Self(Uuid::from_u128(value))
            }

            /// The id as the UUID it is.
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )*};
}

ids! {
    /// An organization: the tenant everything belongs to.
    OrgId;
    /// An API key.
    ApiKeyId;
    /// An asset, and the upload it came from.
    AssetId;
    /// A folder of assets.
    FolderId;
    /// A model of the catalogue.
    ModelId;
    /// A run of a model.
    RunId;
    /// A line of a run's log.
    LogId;
    /// A batch of runs.
    BatchId;
    /// A callback to be delivered.
    DeliveryId;
    /// One attempt to deliver a callback.
    AttemptId;
    /// A secret that signs callbacks.
    CallbackSecretId;
    /// A webhook of an organization.
    WebhookId;
    /// A deletion of many assets at once.
    DeletionId;
    /// A piece of background work.
    JobId;
    /// One HTTP request.
    RequestId;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{ManualClock, Timestamp};

    #[test]
    fn ids_ascend_within_one_instant_and_say_version_7() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(
            1_790_000_000_123_456,
        )));
        let ids = IdSource::new(clock, Arc::new(SeededEntropy::new(1)));
        let made: Vec<AssetId> = (0..5000).map(|_| ids.next()).collect();
        assert!(made.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(made.iter().all(|id| id.as_uuid().get_version_num() == 7));
    }

    #[test]
    fn seeded_sources_repeat() {
        let make = || {
            let clock = Arc::new(ManualClock::at(Timestamp::from_micros(
                1_790_000_000_000_000,
            )));
            IdSource::new(clock, Arc::new(SeededEntropy::new(7))).next::<RunId>()
        };
        assert_eq!(make(), make());
    }
}
