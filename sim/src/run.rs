//! One run, from a seed to a report.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use chronos_server::env::Bug;
use hyper::Method;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use turmoil::Sim;

use crate::cluster::Member;
use crate::evidence::{self, Evidence};
use crate::faults::{self, Fault};
use crate::ledger::Ledger;
use crate::web::ask;
use crate::{client, entropy, invariants, receiver};

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
    let mut director = Director { members, ledger: ledger.clone(), up: vec![true; nodes], asked: 0 };
    let mut plan: VecDeque<_> = faults::plan(seed, nodes, QUIET_MS, end_ms).into();
    let mut violations = Vec::new();
    let mut over = false;
    while sim.elapsed() < Duration::from_millis(end_ms) + REST {
        let now_ms = sim.elapsed().as_millis();
        while let Some((_, fault)) = plan.pop_front_if(|(at, _)| u128::from(*at) <= now_ms) {
            if now_ms < u128::from(end_ms) {
                director.act(&mut sim, fault)?;
            }
        }
        if !over && now_ms >= u128::from(end_ms) {
            over = true;
            director.heal(&mut sim);
        }
        match sim.step() {
            Ok(false) => {}
            Ok(true) => break,
            Err(error) => {
                violations.push(format!("a node ended of itself: {error}"));
                break;
            }
        }
    }
    for (member, up) in director.members.iter().zip(director.up) {
        if up && violations.is_empty() {
            member.crash(&mut sim).map_err(|error| error.to_string())?;
        }
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
        Ok(Report { trace: seen.trace.clone(), digest, violations, deliveries: seen.deliveries.len() })
    })
}

/// Does to the cluster what the plan says.
struct Director {
    members: Vec<Member>,
    ledger: Ledger,
    up: Vec<bool>,
    asked: usize,
}

impl Director {
    fn act(&mut self, sim: &mut Sim<'_>, fault: Fault) -> Result<(), String> {
        let name = |node: usize| self.members[node].name.as_str();
        let others = |node: usize| (0..self.members.len()).filter(move |other| *other != node);
        match fault {
            Fault::Crash { node } if self.up[node] => {
                self.members[node].crash(sim).map_err(|error| error.to_string())?;
                self.up[node] = false;
            }
            Fault::Restart { node } if !self.up[node] => {
                sim.bounce(name(node));
                self.up[node] = true;
            }
            Fault::PowerCut => {
                for (member, up) in self.members.iter().zip(&mut self.up).filter(|(_, up)| **up) {
                    member.crash(sim).map_err(|error| error.to_string())?;
                    *up = false;
                }
            }
            Fault::Crash { .. } | Fault::Restart { .. } => return Ok(()),
            Fault::Hold { node } => others(node).for_each(|other| sim.hold(name(node), name(other))),
            Fault::Release { node } => others(node).for_each(|other| sim.release(name(node), name(other))),
            Fault::Cut { from, to } => sim.partition_oneway(name(from), name(to)),
            Fault::Mend { from, to } => sim.repair_oneway(name(from), name(to)),
            Fault::Clock { node, off_ms } => self.members[node].clock.set_off_ms(off_ms),
            Fault::Disk { node, slow_ms } => self.members[node].disk.set_slow_ms(slow_ms),
            Fault::Latency { max_ms } => sim.set_max_message_latency(Duration::from_millis(max_ms)),
            Fault::Transfer { to } => {
                let body = Some(serde_json::json!({"to": name(to)}));
                let at = name((to + 1) % self.members.len()).to_owned();
                let path = "/api/v1/cluster/transfer-leadership".to_owned();
                self.operate(sim, at, Method::POST, path, body);
            }
        }
        self.ledger.note_at(sim.elapsed(), format_args!("{fault:?}"));
        Ok(())
    }

    /// Has a node asked by somebody who waits for the answer, and does not care for it.
    fn operate(&mut self, sim: &mut Sim<'_>, at: String, method: Method, path: String, body: Option<Value>) {
        self.asked += 1;
        let ledger = self.ledger.clone();
        sim.client(format!("operator{}", self.asked), async move {
            let answer = ask(&at, method, &path, body.as_ref()).await;
            ledger.note(format_args!("{path} at {at}: {:?}", answer.map(|(status, _)| status)));
            Ok(())
        });
    }

    /// Ends all faults.
    fn heal(&mut self, sim: &mut Sim<'_>) {
        for (node, member) in self.members.iter().enumerate() {
            for other in self.members.iter().filter(|other| other.name != member.name) {
                sim.release(member.name.as_str(), other.name.as_str());
                sim.repair(member.name.as_str(), other.name.as_str());
            }
            member.disk.set_slow_ms(0);
            member.clock.set_off_ms(0);
            if !std::mem::replace(&mut self.up[node], true) {
                sim.bounce(member.name.as_str());
            }
        }
        sim.set_max_message_latency(Duration::from_millis(2));
        self.ledger.note_at(sim.elapsed(), "the faults are over");
        self.ledger.with(|seen| seen.calm = true);
    }
}
