//! Runs seeds, and prints for each that fails the line that reproduces it.
//!
//! Each seed gets a process of its own: libraries keep things by process, and what a seed comes to must
//! not depend on those before it.

use std::process::{Command, ExitCode};

use chronos_sim::{Bug, Options, run};
use clap::Parser;

#[derive(Parser)]
#[command(about = "The real server in a simulated world")]
struct Cli {
    /// How many seeds to run.
    #[arg(long, default_value_t = 10)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Nodes of the cluster.
    #[arg(long, default_value_t = 3)]
    nodes: usize,
    /// How long faults go on, in simulated seconds.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Plant a bug: one of durable-too-soon, forgets-unfinished, counts-from-now.
    #[arg(long, value_parser = bug)]
    bug: Option<Bug>,
    /// Print what happened.
    #[arg(long)]
    trace: bool,
}

const BUGS: [(&str, Bug); 3] = [
    ("durable-too-soon", Bug::DurableTooSoon),
    ("forgets-unfinished", Bug::ForgetsUnfinished),
    ("counts-from-now", Bug::CountsFromNow),
];

fn bug(name: &str) -> Result<Bug, String> {
    let names = BUGS.map(|(name, _)| name).join(", ");
    let found = BUGS.iter().find(|(known, _)| *known == name);
    found.map(|(_, bug)| *bug).ok_or_else(|| format!("{name:?} is no bug; expected one of {names}"))
}

fn bug_name(bug: Bug) -> &'static str {
    BUGS.iter().find(|(_, known)| *known == bug).map_or("?", |(name, _)| name)
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // What the server says goes to standard error: `RUST_LOG=info`.
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    tracing_subscriber::fmt().with_env_filter(filter).without_time().with_writer(std::io::stderr).init();
    if cli.seeds == 1 {
        return if one(&cli) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let mut failed = 0;
    for seed in cli.seed..cli.seed.saturating_add(cli.seeds) {
        failed += u64::from(!apart(&cli, seed));
    }
    println!("{failed} of {} seeds failed", cli.seeds);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs a seed in another process; says whether it passed.
fn apart(cli: &Cli, seed: u64) -> bool {
    let own = std::env::current_exe().unwrap_or_else(|_| "/proc/self/exe".into());
    let mut command = Command::new(own);
    command.args(["--seeds", "1", "--seed", &seed.to_string()]);
    command.args(["--nodes", &cli.nodes.to_string(), "--seconds", &cli.seconds.to_string()]);
    command.args(cli.bug.iter().flat_map(|bug| ["--bug", bug_name(*bug)]));
    command.args(cli.trace.then_some("--trace"));
    match command.status() {
        Ok(status) => status.success(),
        Err(error) => {
            println!("seed {seed}: no process: {error}");
            false
        }
    }
}

/// Runs the seed that is named; says whether it passed.
fn one(cli: &Cli) -> bool {
    let Cli { seed, nodes, seconds, .. } = *cli;
    let violations = match run(Options { seed, nodes, seconds, bug: cli.bug }) {
        Ok(report) => {
            if cli.trace {
                print!("{}", report.trace);
            }
            let (deliveries, digest) = (report.deliveries, &report.digest[..16]);
            println!("seed {seed}: {deliveries} deliveries, digest {digest}");
            report.violations
        }
        Err(error) => vec![error],
    };
    if violations.is_empty() {
        return true;
    }
    let bug = cli.bug.map(|bug| format!(" --bug {}", bug_name(bug))).unwrap_or_default();
    for violation in violations.iter().take(20) {
        println!("  {violation}");
    }
    println!("  reproduce: cargo xtask sim --seed {seed} --seeds 1 --nodes {nodes} --seconds {seconds}{bug}");
    false
}
