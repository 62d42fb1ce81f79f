//! Runs seeds, and prints for each that fails the line that reproduces it.
//!
//! Each seed gets a process of its own. Libraries keep state by process, and the result of a seed must not
//! depend on the seeds before it.

mod seeds;

use std::process::{Command, ExitCode};

use chronos_sim::{Bug, Options, SimTime, run, witness};
use clap::Parser;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;

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
    /// How many seeds to run at once; by default as many as there are processors.
    #[arg(long)]
    jobs: Option<usize>,
    /// Plant a bug, by its name.
    #[arg(long, value_parser = bug)]
    bug: Option<Bug>,
    /// Print what happened.
    #[arg(long)]
    trace: bool,
}

const BUGS: [(&str, Bug); 7] = [
    ("durable-too-soon", Bug::DurableTooSoon),
    ("forgets-unfinished", Bug::ForgetsUnfinished),
    ("counts-from-now", Bug::CountsFromNow),
    ("never-fences", Bug::NeverFences),
    ("takes-a-lost-node's-word", Bug::TakesALostNodesWord),
    ("skips-the-barrier", Bug::SkipsTheBarrier),
    ("forgets-nothing-about-leaving", Bug::ForgetsNothingAboutLeaving),
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
    // The server's logs go to standard error. `RUST_LOG` turns them on.
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::OFF.into()).from_env_lossy();
    let lines = tracing_subscriber::fmt::layer().with_timer(SimTime).with_writer(std::io::stderr);
    tracing_subscriber::registry().with(lines.with_filter(filter)).with(witness()).init();
    if cli.seeds == 1 {
        return if one(&cli) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = cli.jobs.unwrap_or_else(processors).max(1);
    let passed = seeds::run(cli.seed, cli.seeds, jobs, |seed| apart(&cli, seed));
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The command that runs a seed in another process.
fn apart(cli: &Cli, seed: u64) -> Command {
    let own = std::env::current_exe().unwrap_or_else(|_| "/proc/self/exe".into());
    let mut command = Command::new(own);
    command.args(["--seeds", "1", "--seed", &seed.to_string()]);
    command.args(["--nodes", &cli.nodes.to_string(), "--seconds", &cli.seconds.to_string()]);
    command.args(cli.bug.iter().flat_map(|bug| ["--bug", bug_name(*bug)]));
    command.args(cli.trace.then_some("--trace"));
    command
}

/// Runs the seed that the command line names. Returns whether it passed.
fn one(cli: &Cli) -> bool {
    let Cli { seed, nodes, seconds, .. } = *cli;
    let violations = match run(Options { seed, nodes, seconds, bug: cli.bug }) {
        Ok(report) => {
            if cli.trace {
                print!("{}", report.trace);
            }
            println!("seed {seed}: {} deliveries, digest {}", report.deliveries, &report.digest[..16]);
            println!("{}{}", seeds::COUNTS, report.counts);
            report.violations
        }
        Err(error) => vec![error],
    };
    if violations.is_empty() {
        return true;
    }
    // In quotes, since one of the names has an apostrophe.
    let bug = cli.bug.map(|bug| format!(" --bug {:?}", bug_name(bug))).unwrap_or_default();
    for violation in violations.iter().take(20) {
        println!("  {violation}");
    }
    println!("  reproduce: cargo xtask sim --seed {seed} --seeds 1 --nodes {nodes} --seconds {seconds}{bug}");
    false
}
