//! Stories that go through many routes.

mod buckets;
mod builtin;
mod pieces_in_a_bucket;
mod resume;
mod upload_to_callback;
