//! What a copy of the state may take of the node, which goes on meanwhile, and when it is given up.
//!
//! A copy is read in one transaction. Until it is done the write-ahead log of the state cannot begin anew, and grows with
//! all that is written. So a copy is never slowed down: it would only hold up the log for longer. It is given up where
//! the log or the disk shows that the node cannot afford it.

use std::path::Path;
use std::sync::{Arc, mpsc};

use rusqlite::Connection;

use crate::error::StateError;
use crate::schema;
use crate::space;

/// The write-ahead log may grow to this while a copy is made, or to a half of the state where that is more. A longer one
/// makes reads and writes slow: each page is looked for in it first.
const WAL: u64 = 1 << 30;
/// So much stays free for the log and the state meanwhile, at least and at most: as much as the state has.
const SPARE: (u64, u64) = (4 << 20, 128 << 20);
/// What needs the space.
const WHAT: &str = "a copy of the state";
/// Instructions of SQLite between two looks: a part of a megabyte, where rows are not very long.
const LOOK_EVERY: i32 = 1_000;

/// The bounds of a copy.
#[derive(Clone)]
pub struct CopyBounds {
    wal: u64,
    is_unwanted: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl std::fmt::Debug for CopyBounds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CopyBounds").field("wal", &self.wal).finish_non_exhaustive()
    }
}

impl Default for CopyBounds {
    fn default() -> Self {
        Self { wal: WAL, is_unwanted: Arc::new(|| false) }
    }
}

impl CopyBounds {
    /// Gives the copy up as soon as `is_unwanted` says that nobody waits for it. It is asked again and again.
    #[must_use]
    pub fn unless(self, is_unwanted: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self { is_unwanted: Arc::new(is_unwanted), ..self }
    }

    /// Lets the write-ahead log have so many bytes, or a half of the state where that is more.
    #[must_use]
    pub fn wal(self, bytes: u64) -> Self {
        Self { wal: bytes, ..self }
    }

    /// Whether nobody waits for the copy any more.
    pub(crate) fn is_unwanted(&self) -> bool {
        (self.is_unwanted)()
    }

    /// Lets SQLite work on a file that nobody else uses, for as long as somebody waits for it.
    pub(crate) fn work<T>(
        &self,
        db: &mut Connection,
        work: impl FnOnce(&Connection) -> Result<T, StateError>,
    ) -> Result<T, StateError> {
        let bounds = self.clone();
        watched(db, move || bounds.wanted(), work)
    }

    /// Lets SQLite copy the state file that `db` reads to `to`, while the node can afford it.
    pub(super) fn copy(
        &self,
        db: &mut Connection,
        state: &Path,
        to: &Path,
        copy: impl FnOnce(&Connection) -> Result<(), StateError>,
    ) -> Result<(), StateError> {
        let bytes = schema::bytes_in_use(db)?;
        let spare = bytes.clamp(SPARE.0, SPARE.1);
        let directory = space::directory_of(to).to_owned();
        space::check(&directory, WHAT, bytes.saturating_add(spare))?;
        let (bounds, wal, most) = (self.clone(), schema::wal_of(state), self.wal.max(bytes / 2));
        let look = move || {
            bounds.wanted()?;
            short(&wal, most)?;
            space::check(&directory, WHAT, spare)
        };
        watched(db, look, copy)
    }

    fn wanted(&self) -> Result<(), StateError> {
        if self.is_unwanted() { Err(StateError::Unwanted) } else { Ok(()) }
    }
}

fn short(wal: &Path, most: u64) -> Result<(), StateError> {
    let length = std::fs::metadata(wal).map_or(0, |found| found.len());
    if length > most { Err(StateError::LongWal { length, most }) } else { Ok(()) }
}

/// Lets SQLite work until `look` fails, which is asked before and again and again. Then its error is the outcome.
fn watched<T>(
    db: &mut Connection,
    mut look: impl FnMut() -> Result<(), StateError> + Send + 'static,
    work: impl FnOnce(&Connection) -> Result<T, StateError>,
) -> Result<T, StateError> {
    look()?;
    let (tell, told) = mpsc::channel();
    // Whoever reads it is this function.
    let give_up = move || look().is_err_and(|why| tell.send(why).is_ok());
    db.progress_handler(LOOK_EVERY, Some(give_up))?;
    let done = work(db);
    db.progress_handler(0, None::<fn() -> bool>)?;
    match told.try_recv() {
        Ok(why) => Err(why),
        Err(_) => done,
    }
}
