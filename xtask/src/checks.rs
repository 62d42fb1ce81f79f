//! The commands that call cargo with the project's own flags. `check` changes nothing, `fix` changes files,
//! `test` runs the tests, and `sim` runs the simulation.

mod code_map;
mod dependencies;

use std::process::Command;

use serde_json::Value;

use crate::Result;

/// The manifests of the simulation and of the fuzz targets, workspaces of their own.
const SIM: &str = "sim/Cargo.toml";
const FUZZ: &str = "fuzz/Cargo.toml";
const OURS: &str = "Cargo.toml";

/// Checks everything that can be checked without running the code.
pub fn check(locked: bool) -> Result<()> {
    let locked: &[&str] = if locked { &["--locked"] } else { &[] };
    cargo(&["fmt", "--all", "--check"], &[])?;
    for manifest in [SIM, FUZZ] {
        cargo(&["fmt", "--manifest-path", manifest, "--check"], &[])?;
    }
    eprintln!("$ the code map of ARCHITECTURE.md, and what we accept from dependencies");
    let metadata = [metadata(OURS, locked)?, metadata(SIM, locked)?, metadata(FUZZ, locked)?];
    code_map::check(&std::fs::read_to_string("ARCHITECTURE.md")?, &metadata)?;
    dependencies::check(&metadata)?;
    let clippy = |first: &[&str]| {
        let line = [&["clippy"], first, &["--all-targets"], locked, &["--", "-D", "warnings"]].concat();
        cargo(&line, &[])
    };
    clippy(&["--workspace"])?;
    clippy(&["--manifest-path", SIM])?;
    clippy(&["--manifest-path", FUZZ])?;
    let line = [&["doc", "--workspace", "--no-deps", "--quiet"], locked].concat();
    cargo(&line, &[("RUSTDOCFLAGS", "-D warnings")])
}

/// Formats, and applies what clippy suggests.
pub fn fix() -> Result<()> {
    for manifest in [OURS, SIM, FUZZ] {
        let clippy = ["clippy", "--manifest-path", manifest, "--workspace", "--all-targets"];
        cargo(&[&clippy[..], &["--fix", "--allow-dirty", "--allow-staged"]].concat(), &[])?;
        cargo(&["fmt", "--manifest-path", manifest, "--all"], &[])?;
    }
    Ok(())
}

/// Runs all tests of the workspace.
pub fn test(arguments: &[String]) -> Result<()> {
    let mut line = vec!["test", "--workspace"];
    line.extend(arguments.iter().map(String::as_str));
    cargo(&line, &[])
}

/// Runs the simulation.
pub fn sim(arguments: &[String]) -> Result<()> {
    let mut line = vec!["run", "--release", "--quiet", "--manifest-path", SIM, "--"];
    line.extend(arguments.iter().map(String::as_str));
    cargo(&line, &[])
}

/// Runs cargo, and prints the command line.
pub fn cargo(arguments: &[&str], environment: &[(&str, &str)]) -> Result<()> {
    let shown = format!("cargo {}", arguments.join(" "));
    eprintln!("$ {shown}");
    let status = Command::new(program()).args(arguments).envs(environment.iter().copied()).status()?;
    if status.success() { Ok(()) } else { Err(format!("{shown}: {status}").into()) }
}

/// What cargo knows of a workspace and of all its dependencies.
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
