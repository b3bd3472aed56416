//! Stories that go through many routes.

mod upload_to_callback;
