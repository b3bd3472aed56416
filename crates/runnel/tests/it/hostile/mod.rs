//! What somebody with bad intentions sends.

mod bodies;
mod cross_org;
mod files;
mod forms;
mod fuzz;
mod http2;
mod images;
mod lists;
mod names;
mod requests;
mod signatures;
mod silence;
mod takers;
