//! [`OutgoingCopy`]: a copy of this node's state that goes to others.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chronos_env::ScratchFile;
use tokio::time::Instant;

use crate::lock::lock;
use crate::messages::payload::CopyId;
use crate::types::SnapshotMeta;

/// How long a copy is kept after its last use, for a node whose connection broke.
const KEEP: Duration = Duration::from_secs(300);

/// A copy of the state. Its file goes with it.
pub(crate) struct OutgoingCopy {
    pub id: CopyId,
    /// Where the state in it stands.
    pub meta: SnapshotMeta,
    file: Arc<ScratchFile>,
    used: Mutex<Instant>,
}

impl OutgoingCopy {
    pub(super) fn new(id: CopyId, meta: SnapshotMeta, file: Arc<ScratchFile>) -> Self {
        Self { id, meta, file, used: Mutex::new(Instant::now()) }
    }

    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    /// The file itself.
    pub(super) fn file(&self) -> Arc<ScratchFile> {
        self.file.clone()
    }

    pub(super) fn use_now(&self) {
        *lock(&self.used) = Instant::now();
    }

    /// Whether nobody has used it lately.
    pub(super) fn is_idle(&self) -> bool {
        lock(&self.used).elapsed() > KEEP
    }
}
