//! One file for each kind of job; no rules here, only the way to them.

pub(crate) mod derive_thumbnail;
pub(crate) mod end_deliveries;
pub(crate) mod execute_run;
pub(crate) mod forget_answers;
pub(crate) mod purge_assets;
pub(crate) mod remove_objects;
pub(crate) mod sweep_uploads;
pub(crate) mod tell_deletion;
