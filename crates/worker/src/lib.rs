//! Jobs in, outcomes out.
