//! A backup on its way out: a file in the data directory that is gone when it has been sent.

use std::io;
use std::path::{Path, PathBuf};

use chronos_state::{StateError, backup};

use crate::env::Env;
use crate::raft::NOTES;

const PREFIX: &str = "backup-";

/// A whole backup. Removed when dropped.
pub(crate) struct BackupFile {
    path: PathBuf,
    /// When it was made, in milliseconds since the Unix epoch.
    pub(crate) at: i64,
}

impl BackupFile {
    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for BackupFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.path.display(), %error, "a backup that was sent could not be removed");
        }
    }
}

/// Removes what a crash left behind.
pub(super) fn tidy_up(data_dir: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(data_dir)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Writes a backup of the state as it stands, beside it.
pub(super) async fn make(data_dir: &Path, env: &Env) -> Result<BackupFile, StateError> {
    let name = format!("{PREFIX}{:016x}.db", u64::from_be_bytes(env.random_bytes()));
    let (state, file) = (data_dir.join("state.db"), BackupFile { path: data_dir.join(name), at: env.now() });
    env.blocking(move || {
        backup::write(&state, &file.path, file.at, env!("CARGO_PKG_VERSION"), NOTES)?;
        Ok(file)
    })
    .await
}
