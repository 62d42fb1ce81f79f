//! Where the bytes of a snapshot come from.
//!
//! The state file itself is the snapshot, so making one costs a sync and no copy. A copy is made only for
//! a follower that needs one. It holds the state as it stands then, which may be newer than what was asked
//! for: the copy carries its own position. While it is kept, it is the snapshot for whoever needs one: so a
//! transfer that broke goes on with the same copy, however much was written meanwhile.

use std::io;
use std::path::Path;
use std::sync::Arc;

use chronos_env::{Env, Scratch, ScratchFile, Worker};
use chronos_state::CopyBounds;
use openraft::storage::Snapshot;
use tokio_util::sync::CancellationToken;

use super::copy::OutgoingCopy;
use crate::state::fault::StateFault;
use crate::state::file::StateFile;
use crate::state::position::position_of;
use crate::types::{Member, SnapshotMeta, Types};

const PREFIX: &str = "snapshot-";

/// A snapshot as openraft hands it around.
pub(crate) type SourcedSnapshot =
    Snapshot<openraft::alias::CommittedLeaderIdOf<Types>, u64, Member, SnapshotSource>;

/// Where the bytes of a snapshot are.
#[derive(Clone)]
pub(crate) enum SnapshotSource {
    /// The state of this node, as it stands when it is asked for.
    Live(Worker<StateFile>, Arc<SnapshotDirectory>),
    /// A copy of that state which was made for another node.
    Kept(Arc<OutgoingCopy>),
    /// A copy of another node's state.
    Received(Arc<ScratchFile>),
}

impl SnapshotSource {
    /// A file with the state, and the position at which it stands: that of `meta`, or a later one.
    pub(crate) async fn into_file(self, meta: SnapshotMeta) -> io::Result<(Arc<ScratchFile>, SnapshotMeta)> {
        let (worker, directory) = match self {
            Self::Received(file) => return Ok((file, meta)),
            Self::Kept(copy) => return Ok((copy.file(), meta)),
            Self::Live(worker, directory) => (worker, directory),
        };
        let state = worker.call(|state| state.path().to_owned()).await?;
        directory.room()?;
        let file = directory.file();
        // Where nobody waits for this any more, the copying ends too, and the write-ahead log of the state is free again.
        let given_up = CancellationToken::new();
        let _wanted = given_up.clone().drop_guard();
        let bounds = CopyBounds::default().unless(move || given_up.is_cancelled());
        // Not on the state's thread: copying takes seconds, and entries are applied meanwhile.
        let copied = directory.env.blocking(move || {
            chronos_state::copy(&state, file.path(), &bounds)?;
            let meta = position_of(file.path())?;
            Ok::<_, StateFault>((Arc::new(file), meta))
        });
        copied.await.map_err(io::Error::other)
    }
}

/// Where copies lie while they travel.
pub(crate) struct SnapshotDirectory {
    files: Scratch,
    env: Env,
}

impl SnapshotDirectory {
    /// Takes over the data directory, and removes the copies that a crash left behind.
    pub(crate) fn open(path: &Path, env: Env) -> io::Result<Self> {
        Ok(Self { files: Scratch::open(path, PREFIX)?, env })
    }

    /// A name that no other copy has.
    pub(crate) fn file(&self) -> ScratchFile {
        self.files.file()
    }

    /// Whether a simulated disk has space.
    pub(super) fn room(&self) -> io::Result<()> {
        self.env.room()
    }
}
