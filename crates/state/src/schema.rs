//! The state file: how it is made, opened, synced and replaced. Its tables are in `tables`, and what says
//! whose file it is and of which version in `format`.

pub(crate) mod commits;
mod format;
mod kept;
mod tables;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use crate::error::StateError;
use crate::private;
use crate::space;
use crate::stored::row;

pub(crate) use format::{check as check_format, raise, version};
pub(crate) use tables::{META, Table, expected_text, replicated, text};

/// Opens the state file for writing. Creates it if it does not exist.
pub(crate) fn open(path: &Path) -> Result<Connection, StateError> {
    try_open(path).map_err(|error| error.within(path.display()))
}

fn try_open(path: &Path) -> Result<Connection, StateError> {
    if !path.try_exists().map_err(StateError::file(path))? {
        create(path)?;
    }
    let in_file = commits::in_file_alone(path);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    check_format(&connection, path)?;
    if in_file.is_some_and(|in_file| commits::count(&connection).is_ok_and(|found| found < in_file)) {
        let what = "its write-ahead log is damaged: it ends before what is in the file already";
        return Err(StateError::Corrupt(what.to_owned()));
    }
    connection.set_prepared_statement_cache_capacity(128);
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // Made durable before the log is purged; until then the log can tell it again.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    // 8 MiB: the hot ends of the indexes of a million jobs, and what was written in the last second. After most transactions
    // SQLite looks at every page that it keeps (`balance_nonroot` takes a page past the end for a moment, and
    // `pcache1TruncateUnsafe` looks for it), so with 32 MiB a third of this thread's time went there.
    connection.pragma_update(None, "cache_size", -8_192)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    keep_plans(&connection)?;
    Ok(connection)
}

/// Creates a state file, all or nothing. So one that has no tables, or is empty, was cut off, and is never
/// taken for a new one: the log may not reach back to the beginning.
fn create(path: &Path) -> Result<(), StateError> {
    let unfinished = beside(path, ".new");
    let make = || {
        // What a crash left of an earlier attempt, and the write-ahead log of a file that was removed:
        // SQLite would take it for that of the new one.
        for path in [&unfinished, &beside(path, "-wal"), &beside(path, "-shm")] {
            remove_if_there(path)?;
        }
        private::create_new(&unfinished).map_err(StateError::file(&unfinished))?;
        let connection = Connection::open(&unfinished)?;
        connection.pragma_update(None, "journal_mode", "OFF")?;
        tables::make(&connection)?;
        commits::begin(&connection)?;
        format::mark(&connection)?;
        connection.close().map_err(|(_, error)| error)?;
        sync_file(&unfinished)?;
        std::fs::rename(&unfinished, path).map_err(StateError::file(path))?;
        sync_directory(path)
    };
    make().inspect_err(|_| {
        // The caller hears of the first fault, not of one in tidying up after it.
        let _ = std::fs::remove_file(&unfinished);
    })
}

fn remove_if_there(path: &Path) -> Result<(), StateError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StateError::file(path)(error)),
        _ => Ok(()),
    }
}

/// The path of a file that belongs to another.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Opens the state file for reading only.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, StateError> {
    try_open_reader(path).map_err(|error| error.within(path.display()))
}

fn try_open_reader(path: &Path) -> Result<Connection, StateError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    check_format(&connection, path)?;
    connection.set_prepared_statement_cache_capacity(128);
    connection.pragma_update(None, "cache_size", -8_192)?;
    keep_plans(&connection)?;
    Ok(connection)
}

/// One plan for a statement, whatever is bound to it. Otherwise SQLite, built with `STAT4`, parses
/// a prepared statement anew each time a bound value is compared to an indexed column: a tenth of
/// the server's time under load.
fn keep_plans(connection: &Connection) -> Result<(), StateError> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// The write-ahead log of a state file.
pub(crate) fn wal_of(path: &Path) -> PathBuf {
    beside(path, "-wal")
}

/// Bytes of a state that hold records. Pages that were given back are not among them.
pub(crate) fn bytes_in_use(connection: &Connection) -> Result<u64, StateError> {
    let sql = "SELECT (page_count - freelist_count) * page_size
        FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
    Ok(connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

/// How large a state is, as it stands now.
pub(crate) fn bytes(connection: &Connection) -> Result<u64, StateError> {
    let sql = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

/// Reads a note of the consensus layer.
pub(crate) fn meta(connection: &Connection, key: &str) -> Result<Option<Vec<u8>>, StateError> {
    let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
    Ok(statement.query_row([key], |row| row.get(0)).optional()?)
}

/// Writes a note of the consensus layer.
pub(crate) fn set_meta(connection: &Connection, key: &str, value: &[u8]) -> Result<(), StateError> {
    let sql = "INSERT OR REPLACE INTO meta (key, value, sum) VALUES (?1, ?2, ?3)";
    row::write(connection, sql, row::cells![key, value], row::cells![])?;
    Ok(())
}

/// Moves what it can from the write-ahead log into the file, and waits until both, and their
/// names, are on the disk.
///
/// Pages that a reader still needs stay in the write-ahead log. They are as durable there, and nobody
/// waits for the reader.
pub(crate) fn make_durable(connection: &Connection, path: &Path) -> Result<(), StateError> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
    let wal = wal_of(path);
    if wal.exists() {
        sync_file(&wal)?;
    }
    sync_file(path)?;
    sync_directory(path)
}

/// Waits until the name of a file is on the disk.
pub(crate) fn sync_directory(of: &Path) -> Result<(), StateError> {
    sync_file(space::directory_of(of))
}

/// Waits until the file's bytes are on the disk.
pub(crate) fn sync_file(path: &Path) -> Result<(), StateError> {
    let sync = || std::fs::File::open(path)?.sync_all();
    sync().map_err(StateError::file(path))
}

/// Replaces the contents of an open state file by those of another, page by page, and sets notes and the count
/// of commits.
pub(crate) fn restore(
    to: &mut Connection,
    from: &Path,
    meta: &[(&str, &[u8])],
    commits: u64,
) -> Result<(), StateError> {
    let source = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    check_format(&source, from)?;
    for (key, value) in meta {
        set_meta(&source, key, value)?;
    }
    commits::set(&source, commits)?;
    let backup = rusqlite::backup::Backup::new(&source, to)?;
    backup.run_to_completion(4_096, Duration::ZERO, None)?;
    Ok(())
}
