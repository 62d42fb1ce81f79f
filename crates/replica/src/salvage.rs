//! The state of a new cluster, from the data directory of a node that is left when a majority is gone for good.
//!
//! The directory's `state.db` may be older than what was acknowledged: it is not synced with each batch, and
//! a follower hears late of what is committed. The `log.db` beside it has the rest. So every entry behind the
//! state is applied. One node's log cannot show which entries were committed; no client was told that the
//! others failed.
//!
//! The directory is only read. Only copies of its files are opened, and they are removed in the end, also
//! after a failure.

mod error;

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chronos_state::backup::{self, Counts};
use chronos_state::{Machine, private, space};
use chronos_types::NodeName;

pub use self::error::SalvageError;

use self::error::Fault;
use crate::directory::lock_directory;
use crate::error::{ReplicaError, file_error};
use crate::forms::told;
use crate::health::Health;
use crate::log::file::LogFile;
use crate::log::rows::LogRows;
use crate::log::tail::next;
use crate::log::time::LogTime;
use crate::state::fault::StateFault;
use crate::state::file::StateFile;
use crate::state::position::NOTE_PREFIX;
use crate::state::version::ClusterVersion;
use crate::storage::agreement;

/// What a node's data directory must hold.
const STATE: &str = "state.db";
const LOG: &str = "log.db";
/// What is copied of it: not the `-shm` files, which SQLite makes anew from the write-ahead logs.
const FILES: [&str; 4] = [STATE, "state.db-wal", LOG, "log.db-wal"];
/// Where the copies lie, in the new data directory: the state is moved from there, not copied again.
const SCRATCH: &str = "restore-copies";

/// This much is read from the log, and applied in one transaction, at a time.
const PAGE_ENTRIES: u64 = 512;
const PAGE_BYTES: usize = 4 << 20;

/// What was salvaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Salvaged {
    /// What the new state holds.
    pub counts: Counts,
    /// What the log added.
    pub replayed: Replayed,
}

/// What a log had beyond its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// Whose log it was.
    pub node: NodeName,
    /// How many entries it had.
    pub entries: u64,
    /// Where it ended, for people: of two nodes, the one whose end is the greater in term, then leader,
    /// then entry has every acknowledged write that the other has.
    pub end: String,
    /// The instant of the last batch in the state, in milliseconds since the Unix epoch.
    pub at: i64,
}

/// Makes the state for a new cluster in `data_dir`, which must hold no data, from the data directory
/// of a node that is stopped. What was unfinished is owed by `node`, as after [`backup::restore`].
///
/// # Errors
/// It is no data directory, in use, damaged or from a newer Chronos, an entry is missing between
/// state and log, or `data_dir` cannot be used. `data_dir` holds no data then.
pub fn salvage(from: &Path, data_dir: &Path, node: &NodeName) -> Result<Salvaged, SalvageError> {
    for name in [STATE, LOG] {
        if !from.join(name).is_file() {
            return Err(SalvageError::NoData { from: from.to_owned(), name });
        }
    }
    if lies_within(data_dir, from).map_err(file_error(data_dir))? {
        return Err(SalvageError::Within { from: from.to_owned(), data_dir: data_dir.to_owned() });
    }
    backup::check_vacant(data_dir)?;
    let in_use = lock_source(from)?;
    let _owned = lock_directory(data_dir)?;
    let scratch = Scratch::new(data_dir)?;
    let lengths = FILES.map(|name| std::fs::metadata(from.join(name)).map_or(0, |found| found.len()));
    space::check(data_dir, "what is restored", lengths.iter().sum())?;
    for name in FILES {
        scratch.copy(from, name)?;
    }
    drop(in_use);
    // What is wrong with a copy is wrong with the original, and the operator knows only that.
    let unusable = |fault: &dyn std::fmt::Display| {
        let why = fault.to_string().replace(&scratch.0.display().to_string(), &from.display().to_string());
        SalvageError::Unusable { from: from.to_owned(), why }
    };
    let replayed = replay(&scratch.0).map_err(|fault| unusable(&fault))?;
    let counts = backup::adopt(&scratch.0.join(STATE), data_dir, node, NOTE_PREFIX);
    Ok(Salvaged { counts: counts.map_err(|fault| unusable(&fault))?, replayed })
}

/// Applies to the state in a directory what its log has beyond it.
fn replay(directory: &Path) -> Result<Replayed, Fault> {
    let (_, found) = LogFile::open(&directory.join(LOG))?;
    let node = found.identity.as_ref().ok_or(Fault::Nameless)?.name.clone();
    let rows = LogRows::open(&directory.join(LOG))?;
    let machine = Machine::open(&directory.join(STATE)).map_err(StateFault::from)?;
    let health = Arc::new(Health::new(chronos_env::Fault::default()));
    // A full disk is reported, not waited for: an operator is watching.
    health.stop();
    let time = Arc::new(LogTime::new());
    let mut state = StateFile::new(machine, Box::new(drop), health, time, ClusterVersion::default())?;
    let begin = next(state.position().applied.as_ref());
    // The file may still hold a part of what is purged.
    if begin < next(found.purged.as_ref()) {
        return Err(Fault::Hole(begin));
    }
    agreement::check(directory, &found, state.position().applied, state.snapshot())?;
    let (mut at, end) = (begin, next(found.last.as_ref()));
    while at < end {
        let page = rows.read(at, end.min(at + PAGE_ENTRIES), PAGE_BYTES)?;
        let whole = (at..).zip(&page).take_while(|(index, entry)| entry.log_id.index == *index).count();
        if whole == 0 || whole < page.len() {
            return Err(Fault::Hole(at + whole as u64));
        }
        at += whole as u64;
        state.apply(page.into_iter().map(|entry| (entry, None)).collect())?;
    }
    let position = state.position();
    Ok(Replayed { node, entries: at - begin, end: told(position.applied), at: position.at })
}

/// Whether a directory, which need not be there, is another or lies in it.
fn lies_within(directory: &Path, other: &Path) -> io::Result<bool> {
    let other = other.canonicalize()?;
    let directory = std::path::absolute(directory)?;
    let is_other = |part: &Path| part.canonicalize().is_ok_and(|part| part == other);
    Ok(directory.ancestors().any(is_other))
}

/// Keeps a node from starting on the directory for as long as the file is open. A node that was killed left
/// its lock file there, and nobody holds it. Where there is no lock file, there is nothing to hold.
fn lock_source(from: &Path) -> Result<Option<File>, SalvageError> {
    let path = from.join("lock");
    // Opened for reading only: writing could change it.
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(file_error(&path)(error).into()),
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(SalvageError::InUse(from.to_owned())),
        Err(TryLockError::Error(error)) => Err(file_error(&path)(error).into()),
    }
}

/// The copies; removed when dropped.
struct Scratch(PathBuf);

impl Scratch {
    /// An empty directory; what an interrupted restore left there is removed.
    fn new(data_dir: &Path) -> Result<Self, ReplicaError> {
        let path = data_dir.join(SCRATCH);
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(file_error(&path)(error)),
            _ => {}
        }
        private::create_directory(&path).map_err(file_error(&path))?;
        Ok(Self(path))
    }

    /// Copies a file, if it is there. The copy can be written to even if the original cannot.
    fn copy(&self, from: &Path, name: &str) -> Result<(), ReplicaError> {
        let (source, target) = (from.join(name), self.0.join(name));
        let mut original = match File::open(&source) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            opened => opened.map_err(file_error(&source))?,
        };
        let mut copy = private::create(&target).map_err(file_error(&target))?;
        io::copy(&mut original, &mut copy).map_err(file_error(&target))?;
        Ok(())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "what a restore had copied could not be removed");
        }
    }
}
