//! Stories that go through many routes.

mod resume;
mod upload_to_callback;
