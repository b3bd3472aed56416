//! What somebody with bad intentions sends.

mod images;
