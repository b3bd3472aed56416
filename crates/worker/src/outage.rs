//! Claims that fail: logged when that begins and when it ends, not at each look.

use std::sync::atomic::{AtomicBool, Ordering};

use runnel_types::Fault;

/// Whether the last claim failed.
#[derive(Debug, Default)]
pub(crate) struct Outage(AtomicBool);

impl Outage {
    /// What a claim of `what` brought; nothing when it failed.
    pub(crate) fn claimed<T: Default>(&self, what: &str, claims: Result<T, Fault>) -> T {
        let is_on = claims.is_err();
        let was_on = self.0.swap(is_on, Ordering::Relaxed);
        match claims {
            Ok(claims) => {
                if was_on {
                    tracing::info!("{what} are claimed again");
                }
                claims
            }
            Err(fault) => {
                if !was_on {
                    tracing::error!(%fault, "no {what} can be claimed; trying again until that works");
                }
                T::default()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_that_fails_brings_nothing() {
        let outage = Outage::default();
        assert_eq!(outage.claimed("jobs", Ok(Some("job"))), Some("job"));
        for _ in 0..2 {
            let failed: Result<Option<&str>, Fault> = Err(Fault::unavailable("away"));
            assert_eq!(outage.claimed("jobs", failed), None);
            assert!(outage.0.load(Ordering::Relaxed));
        }
        assert_eq!(outage.claimed("jobs", Ok(Some("job"))), Some("job"));
        assert!(!outage.0.load(Ordering::Relaxed));
    }
}
