//! Objects and signed URLs.
