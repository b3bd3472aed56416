//! Upload sessions: created and confirmed with a key; the PUT is in `storage`.

pub(crate) mod confirm;
pub(crate) mod create;
