//! How long a claim lasts, and the heartbeat that keeps it.
//!
//! A lease is short and renewed while the work goes on, so that the work of a
//! dead worker is taken up within seconds, however long it may take. A worker
//! that cannot renew stops the work: by then another may be at it.

use std::time::Duration;

/// How long a claim lasts without a heartbeat.
pub(crate) const LEASE: Duration = Duration::from_secs(10);

/// How often a claim is renewed: three chances before it ends.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(3);
