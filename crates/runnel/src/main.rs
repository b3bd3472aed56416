//! The `runnel` executable.

fn main() {}
