//! Models and the ways to run them.
