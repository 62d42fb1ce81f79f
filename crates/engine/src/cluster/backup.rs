//! Backups: files in the data directory, which are sent and then removed.
//!
//! One is taken at a time on each node, since each is a copy of the whole state on its disk. It is written as fast as
//! the disk allows (see [`CopyBounds`]); only the sending of it is held back, so that the rest of what the node sends
//! has room beside it.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chronos_env::{Env, Scratch, ScratchFile};
use chronos_replica::NOTE_PREFIX;
use chronos_state::space::shown;
use chronos_state::{CopyBounds, StateError, backup};
use chronos_types::Millis;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::{ReadError, Unavailable};

/// How the names of backups under way begin.
const PREFIX: &str = "backup-";
/// Bytes read and sent at once.
const CHUNK: usize = 256 * 1024;
/// From one chunk to the next, at least: 64 MiB a second, about a half of what a gigabit carries. 10 GiB take three
/// minutes.
const PACE: Duration = Duration::from_micros(3_900);

/// Takes backups of the state of this node, one at a time.
#[derive(Debug)]
pub(super) struct Backups {
    /// The state.
    state: PathBuf,
    scratch: Scratch,
    under_way: Arc<Mutex<Option<Arc<Progress>>>>,
    env: Env,
}

/// How far a backup is.
#[derive(Debug)]
struct Progress {
    begun: Instant,
    /// Bytes of the whole; none until it is written.
    length: AtomicU64,
    sent: AtomicU64,
}

/// The place of the one backup. Dropping it makes room for the next.
#[derive(Debug)]
pub(super) struct Place {
    under_way: Arc<Mutex<Option<Arc<Progress>>>>,
    progress: Arc<Progress>,
}

impl Drop for Place {
    fn drop(&mut self) {
        *lock(&self.under_way) = None;
    }
}

impl Backups {
    /// Of the state in a data directory. What a crash left of backups there is removed.
    ///
    /// # Errors
    /// The directory cannot be read, or a backup not removed.
    pub(super) fn open(data_dir: &Path, env: Env) -> io::Result<Self> {
        let scratch = Scratch::open(data_dir, PREFIX)?;
        Ok(Self { state: data_dir.join("state.db"), scratch, under_way: Arc::default(), env })
    }

    /// Takes the place of the one backup.
    ///
    /// # Errors
    /// Another one is under way.
    pub(super) fn begin(&self) -> Result<Place, Unavailable> {
        let mut under_way = lock(&self.under_way);
        if let Some(other) = &*under_way {
            return Err(Unavailable::Busy(format!(
                "a backup is being taken from this node already: {}; one is taken at a time, so wait for it or ask \
                 another node",
                other.shown()
            )));
        }
        let progress = Arc::new(Progress {
            begun: Instant::now(),
            length: AtomicU64::default(),
            sent: AtomicU64::default(),
        });
        *under_way = Some(progress.clone());
        Ok(Place { under_way: self.under_way.clone(), progress })
    }

    /// Writes a backup of the state as it stands, beside it. Where nobody waits for this any more, the writing ends
    /// and the file is gone.
    ///
    /// # Errors
    /// There is too little space for it, the node cannot afford to go on, or the storage failed.
    pub(super) async fn make(&self, place: Place) -> Result<Backup, ReadError> {
        let (state, file, at) = (self.state.clone(), self.scratch.file(), self.env.now());
        let env = self.env.clone();
        self.env.room().map_err(|error| Unavailable::DiskFull(format!("no backup can be made: {error}")))?;
        let given_up = CancellationToken::new();
        let _wanted = given_up.clone().drop_guard();
        let bounds = CopyBounds::default().unless(move || given_up.is_cancelled());
        let made = self.env.blocking(move || {
            backup::write(&state, file.path(), at, env!("CARGO_PKG_VERSION"), NOTE_PREFIX, &bounds)?;
            let opened = File::open(file.path()).and_then(|file| Ok((file.metadata()?.len(), file)));
            let (length, reading) = opened
                .map_err(|error| StateError::File { path: file.path().display().to_string(), error })?;
            place.progress.length.store(length, Ordering::Relaxed);
            Ok(Backup { at, length, reading, next: Instant::now(), held: Some((file, place)), env })
        });
        made.await.map_err(failed)
    }
}

/// What a client is told. Paths are for the operator's log.
fn failed(error: StateError) -> ReadError {
    let reason = match &error {
        StateError::NoSpace { needed, free, .. } => Unavailable::DiskFull(format!(
            "a backup needs {} on the disk of this node, and {} are free; make room, or ask another node",
            shown(*needed),
            shown(*free)
        )),
        StateError::LongWal { length, most } => Unavailable::Busy(format!(
            "more is written than this node can keep up with while it makes a backup: the write-ahead log beside the \
             state has grown to {}, and may have {}; ask again when less is written, or ask another node",
            shown(*length),
            shown(*most)
        )),
        _ => return error.into(),
    };
    tracing::warn!(%error, "no backup was made");
    reason.into()
}

impl Progress {
    /// For people.
    fn shown(&self) -> String {
        let (length, sent) = (self.length.load(Ordering::Relaxed), self.sent.load(Ordering::Relaxed));
        let since = format!("it was begun {} s ago", self.begun.elapsed().as_secs());
        match length {
            0 => format!("{since}, and is being written"),
            _ => format!("{since}, and {} of {} are sent", shown(sent), shown(length)),
        }
    }
}

/// A whole backup, to be read once from its beginning to its end. Once its last part is read, or when it is dropped, the
/// file is gone, and another one can be taken.
#[derive(Debug)]
pub struct Backup {
    /// When it was made.
    pub at: Millis,
    /// Its length in bytes.
    pub length: u64,
    reading: File,
    /// When the next part may go.
    next: Instant,
    /// What it takes until its last part is read: the file, which is removed when this is dropped, and the place.
    held: Option<(ScratchFile, Place)>,
    env: Env,
}

impl Backup {
    /// Reads the next part. At the end there is none.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn chunk(mut self) -> io::Result<Option<(Vec<u8>, Self)>> {
        tokio::time::sleep_until(self.next).await;
        self.next = Instant::now() + PACE;
        let env = self.env.clone();
        env.blocking(move || {
            let mut chunk = Vec::with_capacity(CHUNK);
            (&self.reading).take(CHUNK as u64).read_to_end(&mut chunk)?;
            if let Some((_, place)) = &self.held {
                let read = chunk.len() as u64;
                let before = place.progress.sent.fetch_add(read, Ordering::Relaxed);
                // A large file takes a while to be removed, so it goes here.
                if before + read >= self.length {
                    self.held = None;
                }
            }
            Ok((!chunk.is_empty()).then_some((chunk, self)))
        })
        .await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
