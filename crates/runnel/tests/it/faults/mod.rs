//! What must hold when something breaks.

mod batches;
mod callbacks;
mod clouds;
mod database;
mod fetches;
mod halfway;
mod kill;
mod lost_thumbnails;
mod queue;
mod removals;
mod stores;
mod strays;
mod thumbnails;
mod uncertain;
mod workers;
