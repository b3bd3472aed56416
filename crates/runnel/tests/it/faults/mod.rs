//! What must hold when something breaks.

mod callbacks;
mod kill;
mod stores;
mod thumbnails;
mod workers;
