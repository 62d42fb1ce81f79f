//! A backup on its way out: a file in the data directory that is gone when it has been sent.

use std::path::Path;

use chronos_env::{Env, Scratch, ScratchFile};
use chronos_replica::NOTE_PREFIX;
use chronos_state::{StateError, backup};

/// How the names of backups under way begin.
pub(super) const PREFIX: &str = "backup-";

/// A whole backup. Removed when dropped.
pub struct BackupFile {
    file: ScratchFile,
    /// When it was made, in milliseconds since the Unix epoch.
    pub at: i64,
}

impl BackupFile {
    /// Where it lies.
    pub fn path(&self) -> &Path {
        self.file.path()
    }
}

/// Writes a backup of the state as it stands, beside it.
pub(super) async fn make(data_dir: &Path, scratch: &Scratch, env: &Env) -> Result<BackupFile, StateError> {
    let (state, file) = (data_dir.join("state.db"), BackupFile { file: scratch.file(), at: env.now() });
    env.blocking(move || {
        backup::write(&state, file.path(), file.at, env!("CARGO_PKG_VERSION"), NOTE_PREFIX)?;
        Ok(file)
    })
    .await
}
