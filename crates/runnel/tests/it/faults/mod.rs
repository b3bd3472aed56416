//! What must hold when something breaks.

mod callbacks;
mod kill;
mod stores;
mod workers;
