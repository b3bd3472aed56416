//! The layout of the workspace itself, checked: sizes, names, arrows, doors.
//!
//! Walks the tree in milliseconds with the standard library alone, so that it
//! also runs before anything else is compiled (`scripts/house.sh`). The tables
//! at the top of each file are the law, and each failure says what to do. The
//! rules on text pass over this folder alone, because it names what it forbids.

mod arrows;
mod pages;
mod shape;
mod source;
mod text;
mod tree;
