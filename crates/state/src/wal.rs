//! Brings a write-ahead log back into its database while the writer goes on.
//!
//! By itself, SQLite does this within a commit. That commit then waits until megabytes are synced:
//! twenty milliseconds or more, several times a second under load. Here a second connection does most
//! of the work, on another thread. The writer brings back only what was written meanwhile, and then
//! SQLite starts the log anew.
//!
//! This is the one module of the crate that shows types of rusqlite, for it serves another database too:
//! the replicated log.

use std::fmt::Write as _;
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::hooks::Wal;
use rusqlite::{Connection, OpenFlags};

use crate::error::StateError;

pub use crate::error::{is_disk_full, may_be_full};

/// The log is brought back when it has this many pages: 16 MiB.
const ENOUGH: i32 = 4_000;
/// When the log has this many pages, the writer brings it back itself.
const TOO_MANY: i32 = 4 * ENOUGH;

/// So often the write-ahead log is to be emptied. Each time it is waited for readers, as long as the connection waits.
const TRIES: usize = 3;

/// The second connection. Its work blocks, so it belongs on a thread of its own.
#[derive(Debug)]
pub struct Backfill {
    connection: Connection,
    file: File,
    path: String,
    done: Done,
}

/// Opens a database without its write-ahead log, for reading: what is in the file by itself. There is none where
/// there is no log, or the file cannot be read alone. Nobody may have it open.
#[must_use]
pub fn file_alone(path: &Path) -> Option<Connection> {
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    if std::fs::metadata(wal).ok()?.len() == 0 {
        return None;
    }
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => uri.push(char::from(*byte)),
            byte => write!(uri, "%{byte:02x}").ok()?,
        }
    }
    uri.push_str("?immutable=1");
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(uri, flags).ok()
}

/// Tells the writer that the second connection has done its part.
#[derive(Clone, Debug, Default)]
pub struct Done(Arc<AtomicBool>);

impl Backfill {
    /// Opens a second connection to a database in WAL mode.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| StateError::File { path: name.clone(), error })?;
        Ok(Self { connection, file, path: name, done: Done::default() })
    }

    /// The signal that [`beside`] takes.
    #[must_use]
    pub fn done(&self) -> Done {
        self.done.clone()
    }

    /// Brings back what the log holds now, and syncs it.
    ///
    /// # Errors
    /// The storage failed. Nothing is lost: the pages stay in the log, and the writer tries to bring them
    /// back.
    pub fn run(&mut self) -> Result<(), StateError> {
        let result = self.bring_back();
        self.done.0.store(true, Ordering::Release);
        result
    }

    fn bring_back(&self) -> Result<(), StateError> {
        self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
        // SQLite syncs only when the last of the log is brought back, and the writer does that. So the
        // sync is done here, and the writer finds little to do.
        self.file.sync_data().map_err(|error| StateError::File { path: self.path.clone(), error })
    }
}

/// Makes a writer call `ask` each time that [`Backfill::run`] should be run. `ask` must not block.
///
/// # Errors
/// SQLite failed.
pub fn beside<F>(writer: &mut Connection, done: Done, mut ask: F) -> Result<(), StateError>
where
    F: FnMut() + Send + 'static,
{
    let mut asked = false;
    writer.wal_hook(Some(move |wal: &mut Wal, pages| {
        if pages < ENOUGH {
            asked = false;
        } else if !asked {
            asked = true;
            done.0.store(false, Ordering::Release);
            ask();
        } else if done.0.load(Ordering::Acquire) || pages > TOO_MANY {
            // If a reader still needs the pages, or the disk has no space, the next commit tries again.
            let _ = wal.checkpoint();
        }
        Ok(())
    }))?;
    Ok(())
}

/// Writes a database anew without what was deleted from it, and empties its write-ahead log: nothing of that is in either
/// file any more. It takes as much space again as the database has, and as long as it takes to write it twice.
///
/// # Errors
/// SQLite failed, there is no space, or a reader would not end.
pub fn write_anew(writer: &Connection) -> Result<(), StateError> {
    // By itself it is made in memory.
    writer.pragma_update(None, "temp_store", "FILE")?;
    let written = writer.execute_batch("VACUUM");
    writer.pragma_update(None, "temp_store", "MEMORY")?;
    written?;
    for _ in 0..TRIES {
        let busy: i64 = writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if busy == 0 {
            return Ok(());
        }
    }
    let why = "readers use its write-ahead log still";
    Err(StateError::File { path: "the database".to_owned(), error: std::io::Error::other(why) })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    fn wal_pages(path: &Path) -> u64 {
        let mut wal = path.as_os_str().to_owned();
        wal.push("-wal");
        std::fs::metadata(wal).expect("the log").len() / 4_096
    }

    fn writer(directory: &Path) -> (std::path::PathBuf, Connection) {
        let path = directory.join("it.db");
        let writer = Connection::open(&path).expect("a database");
        writer.pragma_update(None, "journal_mode", "WAL").expect("WAL");
        writer.execute_batch("CREATE TABLE t (data BLOB)").expect("a table");
        (path, writer)
    }

    /// Commits of a hundred pages.
    fn write(writer: &Connection, commits: u32) {
        for _ in 0..commits {
            writer.execute("INSERT INTO t VALUES (zeroblob(409600))", []).expect("a commit");
        }
    }

    #[test]
    fn the_log_begins_anew_once_the_other_connection_has_brought_it_back() {
        let directory = tempfile::tempdir().expect("a directory");
        let (path, mut writer) = writer(directory.path());
        let mut backfill = Backfill::open(&path).expect("a second connection");
        let asked = Arc::new(AtomicU32::new(0));
        let count = asked.clone();
        let ask = move || {
            count.fetch_add(1, Ordering::Relaxed);
        };
        beside(&mut writer, backfill.done(), ask).expect("a hook");
        for round in 1..=5 {
            write(&writer, 45);
            assert_eq!(asked.load(Ordering::Relaxed), round, "asked once, however many commits follow");
            backfill.run().expect("brought back");
            // The writer brings back the rest, and the commit after that is the first of a new log.
            write(&writer, 2);
        }
        let pages = wal_pages(&path);
        assert!(pages < 5_000, "the log has {pages} pages");
    }

    #[test]
    fn the_log_is_bounded_where_the_other_connection_never_comes() {
        let directory = tempfile::tempdir().expect("a directory");
        let (path, mut writer) = writer(directory.path());
        let backfill = Backfill::open(&path).expect("a second connection");
        beside(&mut writer, backfill.done(), || {}).expect("a hook");
        write(&writer, 400);
        let pages = wal_pages(&path);
        assert!(pages < 17_000, "the log has {pages} pages");
    }
}
