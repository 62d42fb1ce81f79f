//! openraft's own suite for stores, on ours.

use std::sync::Arc;
use std::time::Duration;

use chronos_env::{Env, Fault, Worker};
use chronos_state::Machine;
use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};

use super::runtime;
use crate::ReplicaError;
use crate::health::Health;
use crate::log::holds::Holds;
use crate::log::in_step::InStep;
use crate::log::store::LogStore;
use crate::log::time::LogTime;
use crate::metrics::WriteMetrics;
use crate::state::file::StateFile;
use crate::state::snapshot::outgoing::OutgoingCopies;
use crate::state::snapshot::source::SnapshotDirectory;
use crate::state::store::StateStore;
use crate::state::version::ClusterVersion;
use crate::types::Types;

struct Builder;

impl StoreBuilder<Types, LogStore, StateStore, tempfile::TempDir> for Builder {
    async fn build(&self) -> Result<(tempfile::TempDir, LogStore, StateStore), StorageError<Types>> {
        let directory = tempfile::tempdir().expect("a directory");
        let health = Arc::new(Health::new(Fault::default()));
        let time = Arc::new(LogTime::new());
        let lock = std::fs::File::create(directory.path().join("lock")).expect("a lock file");
        let path = directory.path().join("log.db");
        let log = LogStore::open(
            &Env::real(),
            &path,
            lock,
            health.clone(),
            time.clone(),
            WriteMetrics::default(),
            |_| Ok::<_, ReplicaError>(None),
        )
        .expect("a log");
        let machine = Machine::open(&directory.path().join("state.db")).expect("a state");
        let (sink, version) = (Box::new(|_| {}), ClusterVersion::default());
        let file = StateFile::new(machine, sink, health.clone(), time, version).expect("a state");
        let worker = Worker::spawn(&Env::real(), "state-machine", file, || {}).expect("a thread");
        let copies = Arc::new(SnapshotDirectory::open(directory.path(), Env::real()).expect("a directory"));
        // The suite applies entries that it never appended.
        let outgoing = Arc::new(OutgoingCopies::new(Arc::new(Holds::new(Duration::ZERO)), Env::real()));
        let state =
            StateStore::new(worker, InStep::detached(), copies, outgoing, health, WriteMetrics::default());
        Ok((directory, log, state))
    }
}

#[test]
fn the_stores_keep_what_openraft_asks_of_them() {
    runtime().block_on(Suite::test_all(Builder)).expect("the suite passes");
}
