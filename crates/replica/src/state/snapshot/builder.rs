//! Makes the snapshot of this node's state.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use chronos_env::Worker;
use chronos_state::StateError;
use openraft::storage::{RaftSnapshotBuilder, Snapshot};

use super::source::{SnapshotDirectory, SnapshotSource, SourcedSnapshot};
use crate::health::Health;
use crate::state::file::StateFile;
use crate::types::Types;

/// Between tries while the disk is full. Nothing waits for a snapshot, so it is not urgent.
const RETRY: Duration = Duration::from_secs(1);

/// Makes the state as it stands the snapshot, when openraft asks for one.
pub(crate) struct SnapshotBuilder {
    pub worker: Worker<StateFile>,
    pub directory: Arc<SnapshotDirectory>,
    pub health: Arc<Health>,
}

impl RaftSnapshotBuilder<Types> for SnapshotBuilder {
    type SnapshotData = SnapshotSource;

    async fn build_snapshot(&mut self) -> io::Result<SourcedSnapshot> {
        loop {
            let made = match self.directory.room() {
                Ok(()) => self.worker.call(StateFile::make_snapshot).await?,
                Err(error) => Err(StateError::File { path: "state.db".into(), error }.into()),
            };
            match made {
                Ok(meta) => {
                    let snapshot = SnapshotSource::Live(self.worker.clone(), self.directory.clone());
                    return Ok(Snapshot { meta, snapshot });
                }
                Err(error) if !self.health.stopping() && self.health.lacks_space(&error) => {
                    tracing::warn!(%error, "the snapshot waits for space on the disk");
                    tokio::time::sleep(RETRY).await;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
    }
}
