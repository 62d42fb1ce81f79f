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

fn bug(name: &str) -> Result<Bug, String> {
    match name {
        "durable-too-soon" => Ok(Bug::DurableTooSoon),
        "forgets-unfinished" => Ok(Bug::ForgetsUnfinished),
        "counts-from-now" => Ok(Bug::CountsFromNow),
        _ => Err(format!(
            "{name:?} is no bug; expected durable-too-soon, forgets-unfinished or counts-from-now"
        )),
    }
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
        for violation in violations.iter().take(20) {
            println!("  {violation}");
        }
        println!("  reproduce: cargo xtask sim --seed {seed} --seeds 1 --nodes {nodes} --seconds {seconds}");
    }
    println!("{failed} of {} seeds failed", cli.seeds);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
