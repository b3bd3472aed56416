//! What must hold when something breaks.

mod callbacks;
mod kill;
mod thumbnails;
mod workers;
