//! The tables of `log.db`, and which files are taken for one.

use std::path::Path;
use std::time::Duration;

use chronos_state::private;
use rusqlite::Connection;

use super::error::LogError;

/// Marks the file as ours, in SQLite's `application_id`: `CHRL`.
const APPLICATION_ID: i64 = 0x4348_524c;
/// The format this binary writes, and the newest it reads. Kept in SQLite's `user_version`.
const FORMAT: u32 = 1;

/// `total` counts the bytes of all entries up to and with this one, so that two rows tell how much lies between
/// them without reading it. `sum` is the CRC-32 of all other columns. A note has its checksum in it.
const TABLES: &str = "
CREATE TABLE log (
  idx INTEGER PRIMARY KEY, term INTEGER NOT NULL, leader INTEGER NOT NULL, kind INTEGER NOT NULL,
  total INTEGER NOT NULL, sum INTEGER NOT NULL, data BLOB NOT NULL
);
CREATE TABLE note (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
";

/// Opens or creates the file. A file that is not of this format is left as it is.
pub(super) fn open(path: &Path) -> Result<Connection, LogError> {
    private::ensure(path).map_err(|error| LogError::file(path, error))?;
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    let is_new = is_new(&connection, path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", 32 << 20)?;
    if is_new {
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE; {TABLES} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT}; COMMIT;"
        ))?;
    }
    Ok(connection)
}

/// Whether nothing is in the file yet. An error where it is not ours.
fn is_new(connection: &Connection, path: &Path) -> Result<bool, LogError> {
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let foreign = |what: &str| Err(LogError::Foreign(format!("{} {what}", path.display())));
    match (number("application_id")?, number("user_version")?) {
        (APPLICATION_ID, format) if format == i64::from(FORMAT) => Ok(false),
        (APPLICATION_ID, format) if format > i64::from(FORMAT) => {
            Err(LogError::newer(path, "log format", format, FORMAT))
        }
        (APPLICATION_ID, format) => Err(LogError::Damaged(format!("it has the format {format}"))),
        (0, 0) => {
            let tables = "SELECT count(*) FROM sqlite_schema";
            match connection.query_row(tables, [], |row| row.get(0))? {
                0 => Ok(true),
                _ => foreign("is not a log file of Chronos; it may be damaged"),
            }
        }
        (0, _) => foreign(
            "was written before the first release of Chronos, which cannot read it; start with an empty data directory",
        ),
        _ => foreign("is not a log file of Chronos; it may be damaged"),
    }
}
