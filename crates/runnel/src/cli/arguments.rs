//! From the command line and the environment to the definitions: what clap does,
//! but for two of its ways.

use std::ffi::OsStr;

use clap::error::{ContextKind, ContextValue, ErrorKind};
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
    read.unwrap_or_else(|error| without_hidden_commands(error, &command).exit())
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

/// A command that is not part of this version yet is no answer to a typing error.
fn without_hidden_commands(mut error: clap::Error, command: &Command) -> clap::Error {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return error;
    }
    let is_shown = |name: &String| {
        let found = command.find_subcommand(name);
        found.is_none_or(|found| !found.is_hide_set())
    };
    if let Some(ContextValue::Strings(names)) = error.remove(ContextKind::SuggestedSubcommand) {
        let names: Vec<String> = names.into_iter().filter(is_shown).collect();
        if !names.is_empty() {
            error.insert(
                ContextKind::SuggestedSubcommand,
                ContextValue::Strings(names),
            );
        }
    }
    error
}
