//! Stories that go through many routes.

mod buckets;
mod builtin;
mod clouds;
mod pieces_in_a_bucket;
mod receivers;
mod resume;
mod signatures;
mod upload_to_callback;
