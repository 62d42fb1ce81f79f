//! Runs seeds, and prints for each that fails the line that reproduces it.

use std::process::ExitCode;

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
    let mut failed = 0;
    for seed in cli.seed..cli.seed.saturating_add(cli.seeds) {
        let (nodes, seconds) = (cli.nodes, cli.seconds);
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
            continue;
        }
        failed += 1;
        let bug = cli.bug.map(|bug| format!(" --bug {}", bug_name(bug))).unwrap_or_default();
        for violation in violations.iter().take(20) {
            println!("  {violation}");
        }
        println!(
            "  reproduce: cargo xtask sim --seed {seed} --seeds 1 --nodes {nodes} --seconds {seconds}{bug}"
        );
    }
    println!("{failed} of {} seeds failed", cli.seeds);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
