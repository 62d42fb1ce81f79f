//! Snapshots. The state file itself is the snapshot; a copy is made only where one must travel.
//!
//! Making a snapshot costs a sync, not a copy of the state. A follower that needs one gets the
//! state as it stands when the copy is made, which may be newer than what was asked for: the
//! copy carries its own position.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chronos_env::{Env, Scratch, ScratchFile, Worker};
use chronos_state::StateError;
use openraft::storage::{RaftSnapshotBuilder, Snapshot};

use super::health::Health;
use super::state_file::{self, StateFault, StateFile};
use super::types::{SnapshotMeta, Types};

const PREFIX: &str = "snapshot-";

/// While the disk is full no snapshot can be made; nothing waits for it, so it is not urgent.
const RETRY: Duration = Duration::from_secs(1);

/// A snapshot as openraft hands it around.
pub(super) type LiveSnapshot =
    Snapshot<openraft::alias::CommittedLeaderIdOf<Types>, u64, super::types::Member, SnapshotSource>;

/// Where a snapshot's bytes are to be had.
#[derive(Clone)]
pub(super) enum SnapshotSource {
    /// The state of this node, as it stands when it is asked for.
    Live(Worker<StateFile>, Arc<SnapshotDirectory>),
    /// A copy of another node's state.
    Received(Arc<ScratchFile>),
}

impl SnapshotSource {
    /// A file with the state, and where it stands; `meta` is where it must stand at least.
    pub(super) async fn into_file(self, meta: SnapshotMeta) -> io::Result<(Arc<ScratchFile>, SnapshotMeta)> {
        let (worker, directory) = match self {
            Self::Received(file) => return Ok((file, meta)),
            Self::Live(worker, directory) => (worker, directory),
        };
        let state = worker.call(|state| state.path().to_owned()).await?;
        directory.env.room()?;
        let file = directory.file();
        // Away from the state's thread: it takes seconds, and the state is applied to meanwhile.
        let copied = directory.env.blocking(move || {
            chronos_state::copy(&state, file.path())?;
            let meta = state_file::standing_of(file.path())?;
            Ok::<_, StateFault>((Arc::new(file), meta))
        });
        copied.await.map_err(io::Error::other)
    }
}

/// Where copies lie while they travel.
pub(super) struct SnapshotDirectory {
    files: Scratch,
    env: Env,
}

impl SnapshotDirectory {
    /// Takes over the data directory, and removes the copies that a crash left behind.
    pub(super) fn open(path: &Path, env: Env) -> io::Result<Self> {
        Ok(Self { files: Scratch::open(path, PREFIX)?, env })
    }

    /// A name that no other copy has.
    pub(super) fn file(&self) -> ScratchFile {
        self.files.file()
    }
}

/// Makes the snapshot that the state machine was asked for.
pub(super) struct SnapshotBuilder {
    pub worker: Worker<StateFile>,
    pub directory: Arc<SnapshotDirectory>,
    pub health: Arc<Health>,
}

impl RaftSnapshotBuilder<Types> for SnapshotBuilder {
    type SnapshotData = SnapshotSource;

    async fn build_snapshot(&mut self) -> io::Result<LiveSnapshot> {
        loop {
            let made = match self.directory.env.room() {
                Ok(()) => self.worker.call(StateFile::make_snapshot).await?,
                Err(error) => Err(StateError::File { path: "state.db".into(), error }.into()),
            };
            match made {
                Ok(meta) => {
                    let snapshot = SnapshotSource::Live(self.worker.clone(), self.directory.clone());
                    return Ok(Snapshot { meta, snapshot });
                }
                Err(error) if error.is_disk_full() && !self.health.stopping() => {
                    tracing::warn!(%error, "the snapshot waits for space on the disk");
                    tokio::time::sleep(RETRY).await;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
    }
}
