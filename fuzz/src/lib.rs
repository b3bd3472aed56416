//! What must hold of every input that a stranger sends, one function a reader.
//!
//! Each takes arbitrary bytes, hands them to a reader and panics when something
//! does not hold. libFuzzer calls them with what it finds by coverage; the
//! black-box tests call the same functions with mutated seeds, on every change.

mod readers;

pub use readers::{archive, cursor, filter, order, picture, signed, signed_url, thumbnail};
