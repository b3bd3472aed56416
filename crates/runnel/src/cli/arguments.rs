//! From the command line and the environment to the definitions: what clap does,
//! but for what it takes an empty variable for.

use std::ffi::OsStr;

use clap::{Arg, Command, CommandFactory, FromArgMatches};

use super::{Cli, worker};

/// Reads them. Ends the process with a message when they make no sense, and
/// after `--help`.
pub(super) fn read() -> Cli {
    let command = Cli::command().mut_subcommand("worker", worker::flags);
    let mut command = without_empty_variables(command);
    let read = command.try_get_matches_from_mut(std::env::args_os());
    let read = read.and_then(|matches| {
        Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    });
    read.unwrap_or_else(|error| error.exit())
}

/// Takes a variable that is set to nothing for one that is not set. Whoever
/// writes `RUNNEL_WORKERS: ${WORKERS:-}` for a container means that.
fn without_empty_variables(command: Command) -> Command {
    let is_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    command
        .mut_args(|argument: Arg| match argument.get_env() {
            Some(name) if is_empty(name) => argument.env(clap::builder::Resettable::Reset),
            _ => argument,
        })
        .mut_subcommands(without_empty_variables)
}
