//! One run, from a seed to a report.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use chronos_env::Bug;
use sha2::{Digest as _, Sha256};

use crate::cluster::{Member, Role};
use crate::counts::Counts;
use crate::director::{Director, Halt};
use crate::evidence::{self, Evidence, NodeState};
use crate::faults::QUICK_MS;
use crate::ledger::{Ledger, Seen};
use crate::trouble::{self, Troubles};
use crate::witness::Heard;
use crate::world::{Names, TICK};
use crate::{bulk, client, entropy, faults, invariants, outcomes, receiver, witness, world};

/// The time before the first fault. The founders have their votes by then, each of which takes three seconds of keeping up:
/// before that the first of them is the cluster, alone.
const QUIET_MS: u64 = 5_000;
/// How long the cluster may take to come to rest once the faults stop.
const REST: Duration = Duration::from_secs(120);
/// One seed of so many has a large state.
const LARGE_EVERY: u64 = 10;
/// Runs of one instant that no single command plans: each of them changes two rows at least.
const IN_PARTS: usize = chronos_state::MAX_ROWS / 2;

/// What to simulate.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The seed. Everything that is left to chance follows from it.
    pub seed: u64,
    /// Nodes of the cluster.
    pub nodes: usize,
    /// How long faults go on, in simulated seconds.
    pub seconds: u64,
    /// A bug to plant into the server.
    pub bug: Option<Bug>,
}

/// The result of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// What happened, one line each.
    pub trace: String,
    /// A hash of the trace, and of the state in which the run ended.
    pub digest: String,
    /// The invariants that were violated, and how. Empty after a good run.
    pub violations: Vec<String>,
    /// How many requests were received.
    pub deliveries: usize,
    /// How often each fault really happened, and what came of them.
    pub counts: Counts,
}

/// Runs a simulation on a thread of its own, so that what libraries keep by thread begins anew.
///
/// # Errors
/// No directory or thread could be made, or the simulator itself failed.
pub fn run(options: Options) -> Result<Report, String> {
    let thread = std::thread::Builder::new().name(format!("seed-{}", options.seed));
    let running = thread.spawn(move || simulate(options)).map_err(|error| error.to_string())?;
    running.join().unwrap_or_else(|_| Err("the simulation panicked".to_owned()))
}

fn simulate(options: Options) -> Result<Report, String> {
    let Options { seed, nodes, seconds, .. } = options;
    entropy::seed(seed);
    world::obey();
    let root = tempfile::tempdir().map_err(|error| error.to_string())?;
    let ledger = Ledger::default();
    let (end_ms, is_large) = (QUIET_MS + seconds * 1_000, seed.is_multiple_of(LARGE_EVERY));
    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .epoch(SystemTime::UNIX_EPOCH)
        .tick_duration(TICK)
        .min_message_latency(Duration::ZERO)
        .max_message_latency(Duration::from_millis(QUICK_MS))
        .tcp_capacity(1 << 10)
        .simulation_duration(Duration::from_millis(end_ms) + REST * 2)
        .build();
    let hosts = (1..=nodes + 1).map(|number| format!("n{number}")).chain(["receiver".to_owned()]);
    let names: Names = Names::new(hosts.map(|host| (host.clone(), sim.lookup(host))).collect());
    let members = (1..=nodes + 1).map(|number| {
        let role = match number {
            1 => Role::Founder,
            _ if number <= nodes => Role::Joins,
            _ => Role::Guest,
        };
        Member::add(&mut sim, number, role, &options, Names::clone(&names), root.path())
    });
    let members = members.collect();
    let own = ledger.clone();
    sim.host("receiver", move || receiver::serve(own.clone()));
    for number in 1..=2 {
        sim.client(format!("client{number}"), client::work(ledger.clone(), number, seed, nodes));
    }
    if is_large {
        sim.client("bulk", bulk::work(ledger.clone(), nodes));
    }
    let plan = faults::plan(seed, nodes, is_large, QUIET_MS, end_ms);
    let plan = trouble::spare_the_others(seed, nodes, plan);
    let (backups, restart_last) = (root.path().join("backups"), trouble::victim(seed, nodes));
    let mut director = Director::new(members, ledger.clone(), backups, plan, end_ms, restart_last);
    let mut violations = Vec::new();
    director.begin(&mut sim)?;
    while sim.elapsed() < Duration::from_millis(end_ms) + REST {
        match director.step(&mut sim) {
            Ok(()) => {}
            Err(Halt::Wrong(what)) => {
                violations.push(what);
                break;
            }
            Err(Halt::Failed(error)) => return Err(error),
        }
        match sim.step() {
            Ok(false) => {}
            Ok(true) => break,
            Err(error) => return Err(error.to_string()),
        }
    }
    // Where a node did what it must not do, the others are in the middle of something, or may have no files.
    let is_over = violations.is_empty();
    if is_over {
        director.end(&mut sim)?;
    }
    ledger.with(|seen| {
        let read = |member: &Member| evidence::read(&member.name, &member.files());
        let members = if is_over { &director.members[..nodes] } else { &[] };
        let states = members.iter().map(read).collect::<Result<Vec<_>, _>>();
        let states = states.map_err(|error| error.to_string())?;
        let mut hash = Sha256::new();
        hash.update(&seen.trace);
        for state in &states {
            hash.update(&state.hash);
        }
        let digest = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        violations.append(&mut seen.wrong);
        count(seen, &states, is_large);
        let troubles = Troubles::of(&seen.faults, nodes, Duration::from_millis(end_ms));
        let evidence = Evidence { seen, troubles, states };
        if is_over {
            violations.extend(invariants::check(&evidence));
        }
        let outcomes = outcomes::counts(&evidence);
        outcomes.into_iter().for_each(|(kind, count)| seen.counts.add(kind, count));
        let (deliveries, trace, counts) = (seen.deliveries.len(), seen.trace.clone(), seen.counts.clone());
        Ok(Report { trace, digest, violations, deliveries, counts })
    })
}

/// Counts what only the whole of a run shows.
fn count(seen: &mut Seen, states: &[NodeState], is_large: bool) {
    let deliveries = u64::try_from(seen.deliveries.len()).unwrap_or(u64::MAX);
    seen.counts.add("delivery", deliveries);
    let Heard { counts: heard, mut differences } = witness::heard();
    seen.counts.add_all(&heard);
    seen.differences.append(&mut differences);
    if !is_large {
        return;
    }
    seen.counts.add("snapshot_of_a_large_state", heard.get("snapshot_installed"));
    let mut runs = BTreeMap::<_, usize>::new();
    for execution in states.first().into_iter().flat_map(|state| &state.executions) {
        *runs.entry(execution.scheduled_time).or_default() += 1;
    }
    let in_parts = runs.values().filter(|runs| **runs > IN_PARTS).count();
    seen.counts.add("plan_in_parts", u64::try_from(in_parts).unwrap_or(u64::MAX));
}
