//! The `runnel` executable; see the library of the same name.

use std::process::ExitCode;

fn main() -> ExitCode {
    runnel::cli::main()
}
