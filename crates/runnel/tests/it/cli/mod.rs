//! The command line: what is printed where, and how it ends.

mod demo;
mod descriptors;
mod doctor;
mod keys;
mod listen;
mod models;
mod orgs;
mod run;
mod serve;
mod start;
mod tls;
mod upload;
mod worker;

use std::process::{Command, Output};

/// Runs the executable to its end, without any variable of the test's own.
fn runnel(arguments: &[&str]) -> Output {
    runnel_with(arguments, &[])
}

/// The same with `variables`.
fn runnel_with(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_runnel"));
    for (name, _) in std::env::vars()
        .filter(|(name, _)| name.starts_with("RUNNEL_") || name.starts_with("RUNFLOW_"))
    {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied());
    command.args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
