//! What this crate promises, seen through its public items where those can show it.

mod cluster;
mod damage;
mod disk_full;
mod durability;
mod fuzz;
mod golden;
mod hub;
mod newer;
mod proposals;
mod reads;
mod salvage;
mod samples;
mod slow;
mod suite;
mod version;

use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chronos_env::{Clock, Env, Loops, Timer};
use chronos_peer::{Caller, Transport};
use chronos_state::{Applied, Batch, Machine, Outcome, Reader, Refusal, VERSION};
use chronos_types::NodeName;
use prometheus_client::registry::Registry;

use crate::lock::lock;
use crate::log::handle::Log;
use crate::membership::state::MemberState;
use crate::messages::payload::Accepted;
use crate::raft::Figures;
use crate::{
    Activity, ComparePace, Dependencies, LogLimits, Metrics, ProposeError, Proposer, Replica, ReplicaConfig,
    ReplicaError, StateChange,
};
use hub::Hub;

/// A node, and all that its state machine handed on.
struct Node {
    replica: Replica,
    proposer: Proposer,
    applied: Arc<Mutex<Vec<Applied>>>,
    /// How often the state was replaced by a snapshot.
    replaced: Arc<AtomicUsize>,
    reader: Reader,
    clock: ShiftedClock,
    /// What it counts.
    registry: Registry,
}

/// The machine's own clock, and so many milliseconds. The second are those in which the machine was suspended.
#[derive(Clone, Debug, Default)]
struct ShiftedClock(Arc<AtomicI64>, Arc<AtomicI64>);

impl Clock for ShiftedClock {
    fn now_us(&self) -> i64 {
        Env::real().now_us() + self.0.load(Ordering::Relaxed) * 1_000
    }

    fn since_boot(&self) -> Duration {
        Env::real().since_boot() + Duration::from_millis(self.1.load(Ordering::Relaxed).unsigned_abs())
    }

    fn timer(&self) -> std::io::Result<Box<dyn Timer>> {
        Env::real().timer()
    }
}

impl Node {
    /// A node alone, whose cluster stays at the first version: so its log has what a test writes, and nothing else.
    async fn start(directory: &Path) -> Self {
        Self::try_start(directory, "one").await.expect("it starts")
    }

    async fn try_start(directory: &Path, name: &str) -> Result<Self, ReplicaError> {
        Self::start_in(&Hub::default(), directory, name, |config| config.follows = 1).await
    }

    /// A node of a cluster; it answers the others when this returns.
    async fn start_in(
        hub: &Hub,
        directory: &Path,
        name: &str,
        change: impl FnOnce(&mut ReplicaConfig),
    ) -> Result<Self, ReplicaError> {
        let mut config = config(directory, name);
        change(&mut config);
        let address = config.advertise.clone();
        let caller = Caller { node: name.into(), address: address.clone(), cluster: Arc::default() };
        let node = Self::start_with(config, &caller, hub.transport(&address, &caller)).await?;
        hub.serve(&address, &caller, node.replica.service());
        Ok(node)
    }

    /// A node that reaches others so, and answers nobody yet.
    async fn start_with(
        config: ReplicaConfig,
        caller: &Caller,
        transport: Arc<dyn Transport>,
    ) -> Result<Self, ReplicaError> {
        let machine = Machine::open(&config.data_dir.join("state.db")).expect("the state opens");
        let reader = machine.reader().expect("the state can be read");
        let applied = Arc::new(Mutex::new(Vec::new()));
        let replaced = Arc::new(AtomicUsize::new(0));
        let (sink, replacements) = (applied.clone(), replaced.clone());
        let clock = ShiftedClock::default();
        let env = Env::with_clock(Arc::new(clock.clone()));
        let mut registry = Registry::default();
        let activity = Arc::<Activity>::default();
        // As if it fired what it is to.
        activity.set(0, true);
        let dependencies = Dependencies {
            machine,
            sink: Box::new(move |change| match change {
                StateChange::Applied(batch) => lock(&sink).push(batch),
                StateChange::Replaced => drop(replacements.fetch_add(1, Ordering::Relaxed)),
            }),
            transport,
            caller: caller.clone(),
            activity,
            metrics: Metrics::new(&mut registry),
            loops: Loops::new(&env),
            env,
        };
        let replica = Replica::start(config, dependencies).await?;
        let proposer = Proposer::start(replica.clone());
        Ok(Self { replica, proposer, applied, replaced, reader, clock, registry })
    }

    fn log(&self) -> &Log {
        &self.replica.parts.log
    }

    /// Proposes a batch, where this node leads. Many can be under way at once.
    async fn propose(&self, batch: Batch) -> Result<Accepted, ProposeError> {
        self.replica.submit(batch).await?.applied().await
    }

    /// Waits until this node is a member of a cluster that has a leader, and has applied what was
    /// acknowledged before; or until it is known to have been removed.
    async fn joined(&self) {
        let state = &self.replica.parts.membership.joiner.state;
        let mut there = state.subscribe();
        let joined = async {
            let there = there.wait_for(|state| !matches!(state, MemberState::Joining(_))).await;
            if *there.expect("the node lives") == MemberState::Member {
                self.log().raft.wait_for_recovery(None).await.expect("raft lives");
            }
        };
        // A member that was away may have been removed meanwhile, and then never hears of a leader.
        let mut later = state.subscribe();
        tokio::select! {
            biased;
            fault = self.replica.fault() => panic!("{fault}"),
            () = joined => {}
            Ok(_) = later.wait_for(|state| *state == MemberState::Removed) => {}
        }
    }

    async fn put(&self, number: i64) -> Result<Accepted, ProposeError> {
        self.propose(put_job(number, "")).await
    }

    /// Waits until openraft's own figures say so.
    async fn until(&self, reached: impl Fn(&Figures) -> bool + Send) {
        self.log().raft.wait(None).metrics(reached, "a test").await.expect("raft lives");
    }

    /// Has the state copied, and drops the log up to this index.
    async fn drop_log(&self, last: u64) {
        self.log().raft.trigger().snapshot().await.expect("asked for");
        self.until(|now| now.snapshot.is_some()).await;
        self.log().raft.trigger().purge_log(last).await.expect("asked for");
        self.until(|now| now.purged.is_some()).await;
    }

    fn jobs(&self) -> u64 {
        let (enabled, disabled) = self.reader.count_jobs().expect("the state can be read");
        enabled.max(disabled)
    }
}

fn config(directory: &Path, name: &str) -> ReplicaConfig {
    ReplicaConfig {
        node_id: named(name),
        data_dir: directory.to_owned(),
        heartbeat_interval_ms: 100,
        election_timeout_ms: 1_000,
        advertise: format!("{name}:1"),
        http: format!("http://{name}"),
        version: "1".into(),
        tz_release: "2026a".into(),
        follows: VERSION,
        encryption_keys: Vec::new(),
        join: Vec::new(),
        bootstrap: true,
        max_voters: 3,
        reassign_after: Duration::from_secs(2),
        log: LogLimits::default(),
        compare: ComparePace::default(),
    }
}

fn named(node: &str) -> NodeName {
    NodeName::unchecked(node)
}

/// Has a thread do what never ends until what is returned is dropped. It does so when this returns: before, it might
/// take along what it is given meanwhile.
pub(crate) fn hang(hand_over: impl FnOnce(Box<dyn FnOnce() + Send>)) -> Sender<()> {
    let ((release, held), (hangs, began)) = (channel::<()>(), channel::<()>());
    hand_over(Box::new(move || {
        drop(hangs);
        while held.recv().is_ok() {}
    }));
    assert!(began.recv().is_err(), "nothing is sent");
    release
}

/// Creates the job of this number, at that instant. `text` makes it as large as one likes.
pub(crate) fn put_job(number: i64, text: &str) -> Batch {
    let json = format!(
        r#"1 {{"at":{number},"items":[{{"command":{{"put_job":{{"id":"01890a5d-ac96-774b-bcce-{number:012}",
        "from_version":null,"created_at":{number},"next_due":null,"spec":{{"name":"job-{number}","description":"{text}","schedule":"@daily",
        "timezone":"UTC","webhook":{{"url":"http://127.0.0.1/","method":null,"headers":[],"body":null,"auth":null,
        "success_codes":null,"timeout_ms":null,"tls_skip_verify":false,"max_redirects":0}},
        "retry":{{"max_attempts":3,"initial_ms":1000,"max_ms":60000,"multiplier":2.0,"jitter":0.1}},"timeout_ms":null,
        "concurrency":"allow","missed_runs":"ignore","jitter_ms":0,"start_at":null,"end_at":null,"tags":{{}},
        "enabled":true}}}}}}}}]}}"#
    );
    Batch::decode(json.as_bytes()).expect("a batch")
}

fn is_created(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Job { .. })
}

fn is_name_taken(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Refused { refusal: Refusal::NameTaken { .. } })
}

/// Makes an entry one that only a newer Chronos can read, as it would have written it.
fn make_newer(directory: &Path, index: u64) {
    write_entry(directory, index, "99 {}");
}

/// Writes an entry of the log anew, as a Chronos would have that has these bytes for it.
fn write_entry(directory: &Path, index: u64, bytes: &str) {
    use crate::log::codec::{Head, sum};
    let log = rusqlite::Connection::open(directory.join("log.db")).expect("the log");
    let sql = "SELECT idx, term, leader, kind, total, length(data) FROM log WHERE idx = ?1";
    let row = log.query_row(sql, [index], |row| {
        let head = Head { index: row.get(0)?, term: row.get(1)?, leader: row.get(2)?, kind: row.get(3)? };
        Ok((head, row.get::<_, i64>(4)?, row.get::<_, usize>(5)?))
    });
    let (head, total, length) = row.expect("a row");
    let data = format!("{bytes:length$}").into_bytes();
    let sum = sum(&head, total, &data);
    log.execute("UPDATE log SET data = ?2, sum = ?3 WHERE idx = ?1", (index, data, sum)).expect("an update");
}

/// What a power cut leaves: the files as they stand, without any goodbye.
fn copy_files(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().expect("a directory");
    for file in std::fs::read_dir(from).expect("the data directory") {
        let file = file.expect("a file");
        std::fs::copy(file.path(), to.path().join(file.file_name())).expect("a copy");
    }
    to
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}
