//! The suite that both engines have to pass.
