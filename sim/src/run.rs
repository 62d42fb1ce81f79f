//! One run, from a seed to a report.

use std::time::{Duration, SystemTime};

use chronos_env::Bug;
use sha2::{Digest as _, Sha256};

use crate::cluster::Member;
use crate::counts::Counts;
use crate::director::Director;
use crate::evidence::{self, Evidence};
use crate::ledger::Ledger;
use crate::{client, entropy, faults, invariants, receiver, witness};

/// Until the cluster stands, and nothing is done to it.
const QUIET_MS: u64 = 3_000;
/// How long it may take to come to rest once the faults stop.
const REST: Duration = Duration::from_secs(120);
/// What simulated time is cut into.
const TICK: Duration = Duration::from_millis(1);

/// What is simulated.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Everything that is left to chance follows from it.
    pub seed: u64,
    /// Nodes of the cluster.
    pub nodes: usize,
    /// How long faults go on, in simulated seconds.
    pub seconds: u64,
    /// A bug that the server is to have.
    pub bug: Option<Bug>,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// What happened, a line each.
    pub trace: String,
    /// A hash of that, and of the state in which the run ended.
    pub digest: String,
    /// What must not be; empty after a good run.
    pub violations: Vec<String>,
    /// Requests that were received.
    pub deliveries: usize,
    /// How often each fault was really there, and what came of them.
    pub counts: Counts,
}

/// Runs on a thread of its own: what libraries keep by thread begins anew.
///
/// # Errors
/// The machine gave no directory or thread, or the simulator itself failed.
pub fn run(options: Options) -> Result<Report, String> {
    let thread = std::thread::Builder::new().name(format!("seed-{}", options.seed));
    let running = thread.spawn(move || simulate(options)).map_err(|error| error.to_string())?;
    running.join().unwrap_or_else(|_| Err("the simulation panicked".to_owned()))
}

fn simulate(options: Options) -> Result<Report, String> {
    let Options { seed, nodes, seconds, .. } = options;
    entropy::seed(seed);
    let root = tempfile::tempdir().map_err(|error| error.to_string())?;
    let ledger = Ledger::default();
    let end_ms = QUIET_MS + seconds * 1_000;
    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .epoch(SystemTime::UNIX_EPOCH)
        .tick_duration(TICK)
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(2))
        .tcp_capacity(1 << 14)
        .simulation_duration(Duration::from_millis(end_ms) + REST * 2)
        .build();
    let members: Vec<_> =
        (1..=nodes).map(|number| Member::add(&mut sim, number, &options, root.path())).collect();
    let own = ledger.clone();
    sim.host("receiver", move || receiver::serve(own.clone()));
    for number in 1..=2 {
        sim.client(format!("client{number}"), client::work(ledger.clone(), number, seed, nodes));
    }
    let plan = faults::plan(seed, nodes, QUIET_MS, end_ms);
    let mut director = Director::new(members, ledger.clone(), plan, end_ms);
    let mut violations = Vec::new();
    while sim.elapsed() < Duration::from_millis(end_ms) + REST {
        director.direct(&mut sim)?;
        match sim.step() {
            Ok(false) => {}
            Ok(true) => break,
            Err(error) => {
                violations.push(format!("a node ended of itself: {error}"));
                break;
            }
        }
    }
    if violations.is_empty() {
        director.end(&mut sim)?;
    }
    ledger.with(|seen| {
        let read = |member: &Member| evidence::read(&member.name, &member.files());
        let states = director.members.iter().map(read).collect::<Result<Vec<_>, _>>();
        let states = states.map_err(|error| error.to_string())?;
        let mut hash = Sha256::new();
        hash.update(&seen.trace);
        for state in &states {
            hash.update(&state.hash);
        }
        let digest = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        violations.extend(invariants::check(&Evidence { seen, states }));
        let deliveries = seen.deliveries.len();
        seen.counts.add("delivery", u64::try_from(deliveries).unwrap_or(u64::MAX));
        seen.counts.add_all(&witness::heard());
        let (trace, counts) = (seen.trace.clone(), seen.counts.clone());
        Ok(Report { trace, digest, violations, deliveries, counts })
    })
}
