//! Stories that go through many routes.

mod buckets;
mod resume;
mod upload_to_callback;
