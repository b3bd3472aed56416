//! Why a request did not get an answer.

use std::time::Duration;

use crate::policy::Refused;

/// Why a request did not get an answer, for whoever gave the URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// The URL cannot be used.
    #[error("the URL cannot be used: {reason}")]
    InvalidUrl {
        /// What is wrong with it.
        reason: String,
    },
    /// The address may not be reached.
    #[error("{purpose} to {host} refused: {refused}")]
    Refused {
        /// What the request was for.
        purpose: &'static str,
        /// The host in the URL.
        host: String,
        /// Why.
        refused: Refused,
    },
    /// The name has no address.
    #[error("{host} cannot be resolved: {reason}")]
    Resolve {
        /// The host in the URL.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// No connection came about.
    #[error("no connection to {host}: {reason}")]
    Connect {
        /// The host in the URL.
        host: String,
        /// What went wrong.
        reason: String,
    },
    /// A connection that is not secure: a certificate that does not hold, or
    /// no TLS at the other end.
    #[error("no secure connection to {host}: {reason}")]
    Tls {
        /// The host in the URL.
        host: String,
        /// What went wrong.
        reason: String,
    },
    /// The time limit passed.
    #[error("no answer from {host} within {} s", .limit.as_secs_f64())]
    Timeout {
        /// The host in the URL.
        host: String,
        /// The limit.
        limit: Duration,
    },
    /// The connection broke, or what came back is no HTTP.
    #[error("the exchange with {host} failed: {reason}")]
    Protocol {
        /// The host in the URL.
        host: String,
        /// What went wrong.
        reason: String,
    },
}

impl EgressError {
    /// A stable word for the kind of failure.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidUrl { .. } => "INVALID_URL",
            Self::Refused { .. } => "ADDRESS_REFUSED",
            Self::Resolve { .. } => "NAME_NOT_RESOLVED",
            Self::Connect { .. } => "CONNECTION_FAILED",
            Self::Tls { .. } => "TLS_FAILED",
            Self::Timeout { .. } => "TIMEOUT",
            Self::Protocol { .. } => "PROTOCOL_ERROR",
        }
    }
}
