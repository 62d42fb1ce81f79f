//! The project's development commands: `cargo xtask check | fix | test | sim | bench`.
//!
//! They need nothing beyond cargo. Users never build this crate, because it is not among the workspace's
//! default members.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

mod bench;
mod checks;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A result whose error is only printed.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's chores")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Checks format, lints, documentation, the code map, and licences of dependencies. Changes nothing.
    Check {
        /// Fail where the lock files would change.
        #[arg(long)]
        locked: bool,
    },
    /// Formats, and applies what clippy suggests.
    Fix,
    /// Runs all tests. Further arguments are passed on to `cargo test`.
    Test {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Simulates a cluster under faults: `--seeds N`, and `--help` for more. Builds in release first.
    Sim {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Measures, against a reference from the same run. Builds in release first.
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
    /// What disturbs in a benchmark, as a process of its own.
    #[command(hide = true)]
    Generate {
        /// What it does.
        kind: bench::Kind,
    },
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Check { locked } => checks::check(locked),
        Command::Fix => checks::fix(),
        Command::Test { arguments } => checks::test(&arguments),
        Command::Sim { arguments } => checks::sim(&arguments),
        Command::Bench { bench, assert } => bench::run(&bench, assert),
        Command::Sink => bench::sink(),
        Command::Generate { kind } => bench::generate(kind),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
