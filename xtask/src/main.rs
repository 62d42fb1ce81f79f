//! The project's chores: `cargo xtask check | fix | test | sim | bench`.
//!
//! Nothing beyond cargo has to be installed. No user builds this: the workspace's default members
//! leave it out.

mod bench;
mod checks;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Whatever went wrong, for the person at the terminal.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's chores")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Reads only: format, lints, documentation, who depends on whom and under which licences.
    Check {
        /// The lock files are to be as they are.
        #[arg(long)]
        locked: bool,
    },
    /// Writes: formats, and applies what clippy suggests.
    Fix,
    /// Runs all tests; what follows is passed on to `cargo test`.
    Test {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Simulates a cluster under faults: `--seeds N`, and `--help` for more. Builds in release first.
    Sim {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Measures, against a reference in the same run. Builds in release first.
    Bench {
        #[command(subcommand)]
        bench: bench::Bench,
        /// Exit with 1 where a target is missed.
        #[arg(long, global = true)]
        assert: bool,
    },
    /// The receiver of the benchmarks, as a process of its own.
    #[command(hide = true)]
    Sink,
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Check { locked } => checks::check(locked),
        Command::Fix => checks::fix(),
        Command::Test { arguments } => checks::test(&arguments),
        Command::Sim { arguments } => checks::sim(&arguments),
        Command::Bench { bench, assert } => bench::run(&bench, assert),
        Command::Sink => bench::sink(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
