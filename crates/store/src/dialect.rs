//! The few places where SQLite and PostgreSQL differ.
//!
//! Statements are written once, for both. What cannot be written once asks the
//! [`Dialect`]. Notifications are in `signal.rs`, what an engine calls its
//! errors beside its connections.

/// Which engine speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// A file of our own.
    Sqlite,
    /// A server.
    Postgres,
}

impl Dialect {
    /// Ends a `SELECT` whose row is to stay as it is until the commit. SQLite
    /// has one writer at a time, so there every row stays as it is anyway.
    pub(crate) const fn for_update(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE",
        }
    }

    /// As [`Self::for_update`], while rows that refer to the row may be added.
    pub(crate) const fn for_no_key_update(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR NO KEY UPDATE",
        }
    }

    /// As [`Self::for_update`], passing over rows that another transaction holds.
    pub(crate) const fn for_update_skip_locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE SKIP LOCKED",
        }
    }

    /// Holds a lane of jobs, `$1`, until the commit, unless another transaction
    /// does. SQLite has one writer at a time, so there no lane needs to be held.
    pub(crate) const fn lock_lane(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            // The first number keeps these locks apart from others. Of two names
            // that share a hash one is passed over for a moment.
            Self::Postgres => Some(
                "SELECT CASE WHEN pg_try_advisory_xact_lock(788564, hashtext($1))
                    THEN 1::BIGINT ELSE 0::BIGINT END AS held",
            ),
        }
    }
}
