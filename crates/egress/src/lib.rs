//! The one door out: the guarded HTTP client.
