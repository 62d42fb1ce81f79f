//! `check` reads, `fix` writes, `test` tests: cargo, called with the project's own flags.

mod dependencies;
mod picture;

use std::process::Command;

use serde_json::Value;

use crate::Result;

/// The manifest of the simulation, a workspace of its own.
const SIM: &str = "sim/Cargo.toml";
const OURS: &str = "Cargo.toml";

/// Everything that can be said without running the code.
pub fn check(locked: bool) -> Result<()> {
    let locked: &[&str] = if locked { &["--locked"] } else { &[] };
    cargo(&["fmt", "--all", "--check"], &[])?;
    cargo(&["fmt", "--manifest-path", SIM, "--check"], &[])?;
    eprintln!("$ the code map of ARCHITECTURE.md, and what we accept from dependencies");
    let metadata = [metadata(OURS, locked)?, metadata(SIM, locked)?];
    picture::check(&std::fs::read_to_string("ARCHITECTURE.md")?, &metadata)?;
    dependencies::check(&metadata)?;
    let clippy = |first: &[&str]| {
        let line = [&["clippy"], first, &["--all-targets"], locked, &["--", "-D", "warnings"]].concat();
        cargo(&line, &[])
    };
    clippy(&["--workspace"])?;
    clippy(&["--manifest-path", SIM])?;
    let line = [&["doc", "--workspace", "--no-deps", "--quiet"], locked].concat();
    cargo(&line, &[("RUSTDOCFLAGS", "-D warnings")])
}

/// Formats, and applies what clippy suggests.
pub fn fix() -> Result<()> {
    for manifest in [OURS, SIM] {
        let clippy = ["clippy", "--manifest-path", manifest, "--workspace", "--all-targets"];
        cargo(&[&clippy[..], &["--fix", "--allow-dirty", "--allow-staged"]].concat(), &[])?;
        cargo(&["fmt", "--manifest-path", manifest, "--all"], &[])?;
    }
    Ok(())
}

/// All tests of the workspace.
pub fn test(arguments: &[String]) -> Result<()> {
    let mut line = vec!["test", "--workspace"];
    line.extend(arguments.iter().map(String::as_str));
    cargo(&line, &[])
}

/// The simulation.
pub fn sim(arguments: &[String]) -> Result<()> {
    let mut line = vec!["run", "--release", "--quiet", "--manifest-path", SIM, "--"];
    line.extend(arguments.iter().map(String::as_str));
    cargo(&line, &[])
}

/// Runs cargo and shows what is run.
pub fn cargo(arguments: &[&str], environment: &[(&str, &str)]) -> Result<()> {
    let shown = format!("cargo {}", arguments.join(" "));
    eprintln!("$ {shown}");
    let status = Command::new(program()).args(arguments).envs(environment.iter().copied()).status()?;
    if status.success() { Ok(()) } else { Err(format!("{shown}: {status}").into()) }
}

/// What cargo knows of a workspace and of all that it is built from.
fn metadata(manifest: &str, locked: &[&str]) -> Result<Value> {
    let line = [&["metadata", "--format-version", "1", "--manifest-path", manifest], locked].concat();
    let output = Command::new(program()).args(&line).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn program() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".into())
}
