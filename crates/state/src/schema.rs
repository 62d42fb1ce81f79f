//! The state file: its tables, its format number, and how it is opened, synced and replaced.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use crate::command::{FIRST, VERSION};
use crate::error::StateError;
use crate::stored::code::{open, undelivered};

/// Instants are integers, in milliseconds. Ids are 16-byte blobs that sort by time. Enums are the numbers
/// that [`Code`](crate::stored::code::Code) gives them. Specifications and details are JSON.
const TABLES: &str = concat!(
    "
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

-- state: 0 disabled, 1 enabled, 2 deleted (kept, nameless, while executions refer to it)
CREATE TABLE jobs (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id BLOB NOT NULL UNIQUE,
  name TEXT UNIQUE,
  state INTEGER NOT NULL,
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  spec TEXT NOT NULL
);
CREATE INDEX jobs_state ON jobs (state);

-- What planning touches, apart from the wide job rows: a thousand jobs to a few pages.
-- held: executions on record, for retention.
CREATE TABLE due (
  seq INTEGER PRIMARY KEY,
  at INTEGER,
  version INTEGER NOT NULL,
  held INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX due_at ON due (at) WHERE at IS NOT NULL;

CREATE TABLE tags (
  key TEXT NOT NULL, value TEXT NOT NULL, seq INTEGER NOT NULL,
  PRIMARY KEY (key, value, seq)
) WITHOUT ROWID;

-- Superseded versions; the one in force stands in jobs.
CREATE TABLE versions (
  seq INTEGER NOT NULL, version INTEGER NOT NULL, updated_at INTEGER NOT NULL, spec TEXT NOT NULL,
  PRIMARY KEY (seq, version)
);

-- The last number given to an execution. A number is never given twice, so a trim that arrives
-- late cannot take a younger execution for an old one. (AUTOINCREMENT would cost 15 % of a plan.)
CREATE TABLE counters (name TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counters (name, last) VALUES ('execution', 0);

CREATE TABLE executions (
  seq INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  job INTEGER NOT NULL,
  version INTEGER NOT NULL,
  trigger INTEGER NOT NULL,
  slot INTEGER NOT NULL,
  fire_at INTEGER NOT NULL,
  status INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  started_at INTEGER,
  completed_at INTEGER,
  node TEXT NOT NULL,
  replay_of BLOB,
  detail TEXT
);
-- version: so that the index alone says which versions of a job are still referred to.
CREATE INDEX executions_job ON executions (job, id, version);
CREATE INDEX executions_open ON executions (job) WHERE ",
    open!(),
    ";
CREATE INDEX executions_bad ON executions (status, id) WHERE ",
    undelivered!(),
    ";

CREATE TABLE keys (
  key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, at INTEGER NOT NULL, outcome TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX keys_at ON keys (at);
"
);

/// Planned runs that a change of their job took off the record. Each is kept until
/// its node says whether it had begun it by then. There are few, and they go within milliseconds. In
/// `unsure`, 1 means that a node which held the run before may have begun it and cannot be asked.
const WITHDRAWN: &str = "
CREATE TABLE withdrawn (
  id BLOB PRIMARY KEY,
  job INTEGER NOT NULL,
  version INTEGER NOT NULL,
  slot INTEGER NOT NULL,
  fire_at INTEGER NOT NULL,
  node TEXT NOT NULL,
  unsure INTEGER NOT NULL
) WITHOUT ROWID;
";

/// What each version after the first changes in the tables; the first of these makes the second version.
pub(crate) const STEPS: &[&str] = &[
    #[cfg(feature = "next")]
    "INSERT INTO counters (name, last) VALUES ('probe', 0);",
];

/// Every table that is part of the state, with its key. The consensus layer's notes are not: they may
/// differ between nodes whose states are equal.
pub(crate) const REPLICATED: [(&str, &str); 9] = [
    ("counters", "name"),
    ("due", "seq"),
    ("executions", "seq"),
    ("jobs", "seq"),
    ("keys", "key"),
    ("sqlite_sequence", "name"),
    ("tags", "key, value, seq"),
    ("versions", "seq, version"),
    ("withdrawn", "id"),
];

/// Opens the state file for writing. Creates it if it does not exist.
pub(crate) fn open(path: &Path) -> Result<Connection, StateError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // Made durable before the log is purged; until then the log can tell it again.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    // 32 MiB: the hot ends of the indexes of a million jobs.
    connection.pragma_update(None, "cache_size", -32_768)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    keep_plans(&connection)?;
    create_if_new(&connection)?;
    check_version(&connection, path)?;
    Ok(connection)
}

/// Makes the tables of the first version in a new file.
fn create_if_new(connection: &Connection) -> Result<(), StateError> {
    if version(connection)? != 0 {
        return Ok(());
    }
    let sql = format!("BEGIN IMMEDIATE; {TABLES} {WITHDRAWN} PRAGMA user_version = {FIRST}; COMMIT;");
    Ok(connection.execute_batch(&sql)?)
}

/// The version of the cluster, as the state has it: SQLite's `user_version`. Commands alone change it, so
/// that the states of two nodes are equal wherever their logs are.
pub(crate) fn version(connection: &Connection) -> Result<u32, StateError> {
    Ok(connection.prepare_cached("PRAGMA user_version")?.query_row([], |row| row.get(0))?)
}

/// Raises the version by one step, with what the next one changes in the tables.
pub(crate) fn raise(connection: &Connection) -> Result<(), StateError> {
    let next = version(connection)? + 1;
    let step = usize::try_from(next - FIRST - 1).ok().and_then(|step| STEPS.get(step));
    let step = step.ok_or(StateError::NewerVersion { found: next, known: VERSION })?;
    connection.execute_batch(step)?;
    Ok(connection.pragma_update(None, "user_version", next)?)
}

/// Opens the state file for reading only.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, StateError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.set_prepared_statement_cache_capacity(64);
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

/// Refuses a file that is no state file, or whose version this binary cannot follow.
pub(crate) fn check_version(connection: &Connection, path: &Path) -> Result<(), StateError> {
    match version(connection)? {
        0 => Err(StateError::Corrupt(format!("{} is not a state file", path.display()))),
        FIRST..=VERSION => Ok(()),
        found => Err(StateError::NewerFormat { path: path.display().to_string(), found, known: VERSION }),
    }
}

/// Reads a note of the consensus layer.
pub(crate) fn meta(connection: &Connection, key: &str) -> Result<Option<Vec<u8>>, StateError> {
    let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
    Ok(statement.query_row([key], |row| row.get(0)).optional()?)
}

/// Writes a note of the consensus layer.
pub(crate) fn set_meta(connection: &Connection, key: &str, value: &[u8]) -> Result<(), StateError> {
    let mut statement =
        connection.prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)")?;
    statement.execute((key, value))?;
    Ok(())
}

/// Moves what it can from the write-ahead log into the file, and waits until both, and their
/// names, are on the disk.
///
/// Pages that a reader still needs stay in the write-ahead log. They are as durable there, and nobody
/// waits for the reader.
pub(crate) fn make_durable(connection: &Connection, path: &Path) -> Result<(), StateError> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    if Path::new(&wal).exists() {
        sync_file(Path::new(&wal))?;
    }
    sync_file(path)?;
    sync_directory(path)
}

/// Waits until the name of a file is on the disk.
pub(crate) fn sync_directory(of: &Path) -> Result<(), StateError> {
    let directory = of.parent().filter(|parent| !parent.as_os_str().is_empty());
    sync_file(directory.unwrap_or(Path::new(".")))
}

/// Waits until the file's bytes are on the disk.
pub(crate) fn sync_file(path: &Path) -> Result<(), StateError> {
    let sync = || std::fs::File::open(path)?.sync_all();
    sync().map_err(StateError::file(path))
}

/// Replaces the contents of an open state file by those of another, page by page, and sets notes.
pub(crate) fn restore(to: &mut Connection, from: &Path, meta: &[(&str, &[u8])]) -> Result<(), StateError> {
    let source = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    check_version(&source, from)?;
    for (key, value) in meta {
        set_meta(&source, key, value)?;
    }
    let backup = rusqlite::backup::Backup::new(&source, to)?;
    backup.run_to_completion(4_096, Duration::ZERO, None)?;
    Ok(())
}
