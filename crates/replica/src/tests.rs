//! The promises of this module, through its public door where that can show them.

mod cluster;
mod disk_full;
mod durability;
mod hub;
mod salvage;
mod suite;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chronos_env::Env;
use chronos_peer::Caller;
use chronos_state::{Applied, Batch, Machine, Outcome, Readers, Refusal};
use chronos_types::NodeName;

use super::lock::lock;
use super::propose::Accepted;
use super::types::Types;
use super::{Handed, LogLimits, ProposeError, Raft, RaftConfig, RaftError, Told};
use crate::proposer::Proposer;
use hub::Hub;

/// A node, and all that its state machine handed on.
struct Node {
    raft: Raft,
    proposer: Proposer,
    applied: Arc<Mutex<Vec<Applied>>>,
    /// How often the state was replaced by a snapshot.
    replaced: Arc<AtomicUsize>,
    readers: Readers,
}

impl Node {
    async fn start(directory: &Path) -> Self {
        Self::try_start(directory, "one").await.expect("it starts")
    }

    async fn try_start(directory: &Path, name: &str) -> Result<Self, RaftError> {
        Self::start_in(&Hub::default(), directory, name, |_| {}).await
    }

    /// A node of a cluster; it answers the others when this returns.
    async fn start_in(
        hub: &Hub,
        directory: &Path,
        name: &str,
        change: impl FnOnce(&mut RaftConfig),
    ) -> Result<Self, RaftError> {
        let mut config = RaftConfig {
            node_id: named(name),
            data_dir: directory.to_owned(),
            heartbeat_interval_ms: 100,
            election_timeout_ms: 1_000,
            advertise: format!("{name}:1"),
            http: format!("http://{name}"),
            version: "1".into(),
            tz_release: "2026a".into(),
            join: Vec::new(),
            bootstrap: true,
            max_voters: 3,
            reassign_after: Duration::from_secs(2),
            log: LogLimits::default(),
        };
        change(&mut config);
        let machine = Machine::open(&directory.join("state.db")).expect("the state opens");
        let readers = machine.readers(1).expect("the state can be read");
        let applied = Arc::new(Mutex::new(Vec::new()));
        let replaced = Arc::new(AtomicUsize::new(0));
        let (sink, replacements) = (applied.clone(), replaced.clone());
        let caller = Caller { node: name.into(), cluster: Arc::default() };
        let address = config.advertise.clone();
        let raft = Raft::start(
            config,
            machine,
            Box::new(move |handed| match handed {
                Handed::Applied(batch) => lock(&sink).push(batch),
                Handed::Replaced => drop(replacements.fetch_add(1, Ordering::Relaxed)),
            }),
            hub.transport(&address, &caller),
            caller.clone(),
            Told::default(),
            &Env::real(),
        )
        .await?;
        let proposer = Proposer::start(raft.clone(), Env::real());
        hub.serve(&address, &caller, raft.service());
        Ok(Self { raft, proposer, applied, replaced, readers })
    }

    async fn put(&self, number: i64) -> Result<Accepted, ProposeError> {
        self.raft.propose(put_job(number, "")).await
    }

    /// Waits until openraft's own figures say so.
    async fn until(&self, reached: impl Fn(&openraft::RaftMetrics<Types>) -> bool + Send) {
        self.raft.shared.raft.wait(None).metrics(reached, "a test").await.expect("raft lives");
    }

    /// Has the state copied, and drops the log up to this index.
    async fn drop_log(&self, last: u64) {
        self.raft.shared.raft.trigger().snapshot().await.expect("asked for");
        self.until(|now| now.snapshot.is_some()).await;
        self.raft.shared.raft.trigger().purge_log(last).await.expect("asked for");
        self.until(|now| now.purged.is_some()).await;
    }

    fn jobs(&self) -> u64 {
        let (enabled, disabled) =
            self.readers.with(|reader| reader.count_jobs()).expect("the state can be read");
        enabled.max(disabled)
    }
}

fn named(node: &str) -> NodeName {
    NodeName::unchecked(node)
}

/// Creates the job of this number, at that instant. `text` makes it as large as one likes.
fn put_job(number: i64, text: &str) -> Batch {
    let json = format!(
        r#"1 {{"at":{number},"items":[{{"command":{{"kind":"put_job","id":"01890a5d-ac96-774b-bcce-{number:012}",
        "from_version":null,"created_at":{number},"next_due":null,"spec":{{"name":"job-{number}","description":"{text}","schedule":"@daily",
        "timezone":"UTC","webhook":{{"url":"http://127.0.0.1/","method":null,"headers":[],"body":null,"auth":null,
        "success_codes":null,"timeout_ms":null,"tls_skip_verify":false,"max_redirects":0}},
        "retry":{{"max_attempts":3,"initial_ms":1000,"max_ms":60000,"multiplier":2.0,"jitter":0.1}},"timeout_ms":null,
        "concurrency":"allow","missed_runs":"ignore","jitter_ms":0,"start_at":null,"end_at":null,"tags":{{}},
        "enabled":true}}}}}}]}}"#
    );
    Batch::decode(json.as_bytes()).expect("a batch")
}

fn is_created(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Job { .. })
}

fn is_name_taken(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Refused { refusal: Refusal::NameTaken { .. } })
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
