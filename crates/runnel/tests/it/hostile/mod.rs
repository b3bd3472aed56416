//! What somebody with bad intentions sends.

mod cross_org;
mod files;
mod images;
mod names;
mod requests;
mod signatures;
