//! Runs seeds, and prints for each that fails the line that reproduces it.

use std::process::ExitCode;

use chronos_sim::{Options, run};
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
    /// Print what happened.
    #[arg(long)]
    trace: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // What the server says goes to standard error: `RUST_LOG=info`.
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    tracing_subscriber::fmt().with_env_filter(filter).without_time().with_writer(std::io::stderr).init();
    let mut failed = 0;
    for seed in cli.seed..cli.seed.saturating_add(cli.seeds) {
        let (nodes, seconds) = (cli.nodes, cli.seconds);
        let violations = match run(Options { seed, nodes, seconds }) {
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
