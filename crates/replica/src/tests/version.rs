//! The members as the log has them decide how far the cluster's version may be raised.

use std::collections::BTreeMap;

use chronos_env::{Fault, Worker};
use chronos_state::{Command, CopyBounds};
use openraft::storage::RaftStateMachine as _;
use openraft::{EntryPayload, Membership};

use super::*;
use crate::health::Health;
use crate::log::holds::Holds;
use crate::log::in_step::InStep;
use crate::log::time::LogTime;
use crate::metrics::WriteMetrics;
use crate::state::fault::StateFault;
use crate::state::file::StateFile;
use crate::state::snapshot::outgoing::OutgoingCopies;
use crate::state::snapshot::source::{SnapshotDirectory, SnapshotSource};
use crate::state::store::StateStore;
use crate::state::version::ClusterVersion;
use crate::types::{Entry, LogId, LoggedBatch, Member, SnapshotMeta};

type Payload = EntryPayload<LoggedBatch, u64, Member>;

/// A version that this binary cannot follow.
const TO: u32 = VERSION + 1;

/// A state, and what it told of the commands applied.
struct State {
    file: StateFile,
    version: ClusterVersion,
    told: Arc<Mutex<Vec<Outcome>>>,
    health: Arc<Health>,
    directory: tempfile::TempDir,
}

impl State {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let machine = Machine::open(&directory.path().join("state.db")).expect("a state");
        let told = Arc::<Mutex<Vec<Outcome>>>::default();
        let sink = told.clone();
        let sink = Box::new(move |change| match change {
            StateChange::Applied(applied) => lock(&sink).extend(applied.outcomes),
            StateChange::Replaced => {}
        });
        let (health, version) = (Arc::new(Health::new(Fault::default())), ClusterVersion::default());
        let time = Arc::new(LogTime::new());
        let file = StateFile::new(machine, sink, health.clone(), time, version.clone()).expect("a state");
        Self { file, version, told, health, directory }
    }

    /// Applies entries in one step. Answers what the commands came to.
    fn apply(&mut self, payloads: Vec<Payload>) -> Result<Vec<Outcome>, StateFault> {
        let first = self.file.position().applied.map_or(0, |last| last.index + 1);
        let leader_id = openraft::impls::leader_id_adv::LeaderId { term: 1, node_id: 1 };
        let entry = |(index, payload)| (Entry { log_id: LogId { leader_id, index }, payload }, None);
        self.file.apply((first..).zip(payloads).map(entry).collect())?;
        Ok(std::mem::take(&mut *lock(&self.told)))
    }
}

/// A raise to the version that the state has already: its refusal names the highest that it could have had.
fn raise() -> Payload {
    let items = vec![Command::RaiseVersion { to: 1 }.into()];
    EntryPayload::Normal(LoggedBatch::new(Batch { at: 0, items }).expect("a batch"))
}

/// A voter and learners, which can follow these versions.
fn members(follows: &[u32]) -> Payload {
    let member = |follows: &u32| Member { follows: *follows, ..Member::default() };
    let members: BTreeMap<u64, Member> = (1..).zip(follows.iter().map(member)).collect();
    EntryPayload::Membership(Membership::new(vec![[1].into()], members).expect("members"))
}

fn refused(follows: u32) -> Outcome {
    Outcome::Refused { refusal: Refusal::VersionNotFollowed { follows } }
}

#[test]
fn the_version_rises_no_further_than_every_member_can_follow_at_that_place_of_the_log() {
    let mut state = State::new();
    assert_eq!(state.apply(vec![raise()]).expect("applied"), [refused(0)], "nobody is known");
    let one_by_one = vec![members(&[3, 0]), raise(), members(&[5, 3, 4]), raise()];
    assert_eq!(state.apply(one_by_one).expect("applied"), [refused(0), refused(3)]);
    assert_eq!(
        state.apply(vec![raise(), members(&[5]), raise()]).expect("applied"),
        [refused(3), refused(5)]
    );
    assert_eq!(state.version.get(), 1);
}

#[tokio::test]
async fn a_copy_of_a_version_that_this_node_cannot_follow_stops_it() {
    let state = State::new();
    let copies = SnapshotDirectory::open(state.directory.path(), Env::real()).expect("a directory");
    let copy = Arc::new(copies.file());
    chronos_state::copy(state.file.path(), copy.path(), &CopyBounds::default()).expect("a copy");
    let newer = rusqlite::Connection::open(copy.path()).expect("the copy");
    newer.pragma_update(None, "user_version", TO).expect("a newer version");
    drop(newer);

    let worker = Worker::spawn(&Env::real(), "state-machine", state.file, || {}).expect("a thread");
    let outgoing = Arc::new(OutgoingCopies::new(Arc::new(Holds::new(Duration::ZERO)), Env::real()));
    let (copies, health) = (Arc::new(copies), state.health.clone());
    let mut store =
        StateStore::new(worker, InStep::detached(), copies, outgoing, health, WriteMetrics::default());
    let installed = store.install_snapshot(&SnapshotMeta::default(), SnapshotSource::Received(copy)).await;
    installed.expect_err("it cannot follow");
    let fault = state.health.fault().now().expect("the node stops");
    let said = format!(
        "the state that another node sent is at cluster version {TO}, and this Chronos can follow versions up to \
         {VERSION}; start a newer Chronos on this node"
    );
    assert_eq!(fault, said);
    assert_eq!(state.version.get(), 1, "its own state stays as it was");
}
