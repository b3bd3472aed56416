//! Stories that go through many routes.

mod buckets;
mod upload_to_callback;
