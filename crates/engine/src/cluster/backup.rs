//! A backup on its way out: a file in the data directory, which is removed when it has been sent.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use chronos_env::{Env, Scratch, ScratchFile};
use chronos_replica::NOTE_PREFIX;
use chronos_state::{StateError, backup};
use chronos_types::Millis;
use tokio::sync::OwnedSemaphorePermit;

/// How the names of backups under way begin.
pub(super) const PREFIX: &str = "backup-";

/// Bytes read at once.
const CHUNK: usize = 256 * 1024;

/// A whole backup, to be read once from its beginning to its end. Dropping it removes the file.
#[derive(Debug)]
pub struct Backup {
    /// When it was made.
    pub at: Millis,
    /// Its length in bytes.
    pub length: u64,
    reading: File,
    /// Removes the file when it is dropped.
    _scratch: ScratchFile,
    /// Its place among those that are under way at a time.
    _place: OwnedSemaphorePermit,
    env: Env,
}

impl Backup {
    /// Writes a backup of the state as it stands, beside it.
    pub(super) async fn make(
        data_dir: &Path,
        scratch: &Scratch,
        place: OwnedSemaphorePermit,
        env: &Env,
    ) -> Result<Self, StateError> {
        let (state, file, at) = (data_dir.join("state.db"), scratch.file(), env.now());
        let kept = env.clone();
        env.blocking(move || {
            backup::write(&state, file.path(), at, env!("CARGO_PKG_VERSION"), NOTE_PREFIX)?;
            let opened = File::open(file.path()).and_then(|file| Ok((file.metadata()?.len(), file)));
            let (length, reading) = opened
                .map_err(|error| StateError::File { path: file.path().display().to_string(), error })?;
            Ok(Self { at, length, reading, _scratch: file, _place: place, env: kept })
        })
        .await
    }

    /// Reads the next part. It is empty at the end.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn chunk(self) -> io::Result<(Self, Vec<u8>)> {
        let env = self.env.clone();
        env.blocking(move || {
            let mut chunk = Vec::with_capacity(CHUNK);
            (&self.reading).take(CHUNK as u64).read_to_end(&mut chunk)?;
            Ok((self, chunk))
        })
        .await
    }
}
