//! `check` reads, `fix` writes, `test` tests: cargo, called with the project's own flags.

use std::process::Command;

use serde_json::Value;

use crate::Result;

/// Who may depend on whom, among our own crates: the code map of ARCHITECTURE.md. What is not listed may not.
const DIRECTION: &[(&str, &[&str])] = &[
    ("chronos-types", &[]),
    ("chronos-schedule", &[]),
    ("chronos-state", &["chronos-types"]),
    ("chronos-api", &["chronos-types"]),
    ("chronos-server", &["chronos-types", "chronos-schedule", "chronos-state", "chronos-api"]),
    ("chronos-client", &["chronos-types", "chronos-api"]),
    ("chronos-testkit", &["chronos-client", "chronos-env"]),
    ("chronos", &["chronos-server", "chronos-client"]),
    ("xtask", &["chronos-types", "chronos-schedule", "chronos-state"]),
];

/// The manifest of the simulation.
const SIM: &str = "sim/Cargo.toml";

/// Everything that can be said without running the code.
pub fn check() -> Result<()> {
    cargo(&["fmt", "--all", "--check"], &[])?;
    cargo(&["fmt", "--manifest-path", SIM, "--check"], &[])?;
    direction()?;
    cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], &[])?;
    cargo(&["clippy", "--manifest-path", SIM, "--all-targets", "--", "-D", "warnings"], &[])?;
    cargo(&["doc", "--workspace", "--no-deps", "--quiet"], &[("RUSTDOCFLAGS", "-D warnings")])
}

/// Formats, and applies what clippy suggests.
pub fn fix() -> Result<()> {
    cargo(&["clippy", "--workspace", "--all-targets", "--fix", "--allow-dirty", "--allow-staged"], &[])?;
    cargo(&["fmt", "--all"], &[])
}

/// All tests of the workspace.
pub fn test(arguments: &[String]) -> Result<()> {
    let mut line = vec!["test", "--workspace"];
    line.extend(arguments.iter().map(String::as_str));
    cargo(&line, &[])
}

/// The simulation, a workspace of its own.
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

fn program() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".into())
}

/// The manifests keep to [`DIRECTION`]. Inside `server` a test of that crate looks.
fn direction() -> Result<()> {
    let arguments = ["metadata", "--no-deps", "--format-version", "1"];
    eprintln!("$ cargo {} (who depends on whom)", arguments.join(" "));
    let output = Command::new(program()).args(arguments).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let packages = list(&metadata["packages"]);
    let ours: Vec<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let mut wrong = Vec::new();
    for package in &packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some((_, allowed)) = DIRECTION.iter().find(|(known, _)| *known == name) else {
            wrong.push(format!(
                "{name} is not in the table of xtask/src/checks.rs; say whom it may depend on"
            ));
            continue;
        };
        for dependency in list(&package["dependencies"]) {
            let on = dependency["name"].as_str().unwrap_or_default();
            let built_in = dependency["kind"].as_str() != Some("dev");
            if built_in && ours.contains(&on) && !allowed.contains(&on) {
                wrong.push(format!("{name} depends on {on}; it may depend on {allowed:?} (ARCHITECTURE.md)"));
            }
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}
