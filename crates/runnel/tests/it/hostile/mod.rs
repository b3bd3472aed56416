//! What somebody with bad intentions sends.

mod cross_org;
mod fuzz;
mod images;
mod lists;
mod names;
mod requests;
mod signatures;
