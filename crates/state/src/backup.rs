//! Backups: a state in one file that can be checked, and that a new cluster can begin from.
//!
//! A backup is a state file without the consensus layer's notes, and a seal behind it (`seal`).

mod seal;

use std::fs::File;
use std::io::{Read as _, copy};
use std::path::Path;

use chronos_types::{Millis, NodeName};
use rusqlite::{Connection, OpenFlags};

use crate::check::whole as check_state;
use crate::command::EVENTS_SINCE;
use crate::copy::{CopyBounds, copy as copy_state};
use crate::error::StateError;
use crate::private;
use crate::schema;
use crate::space;
use crate::stored::code::{live_job, open};
use crate::stored::row;

pub use seal::Info;

/// How much is in a state, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Jobs that are not deleted.
    pub jobs: u64,
    /// Executions, the unfinished ones too.
    pub executions: u64,
}

/// The files of a data directory that hold the state and the log. Their write-ahead logs are data too:
/// SQLite would take a write-ahead log that was left behind for that of a new file of the same name.
const DATA: [&str; 4] = [STATE, "state.db-wal", "log.db", "log.db-wal"];
const STATE: &str = "state.db";
/// The file in which a state is put together.
const UNFINISHED: &str = "restore.tmp";

/// Writes a backup of a state file, as it stands now, to a new file, while its machine goes on. When
/// this returns, the backup is on the disk and was checked. If it fails, it removes the new file.
///
/// The backup leaves out the consensus layer's notes whose keys begin with `notes`. `at` is the time
/// and `chronos` the version of this binary; the backup tells both.
///
/// # Errors
/// `to` exists, the storage failed, the state is damaged, or it was given up for one of the `bounds`.
pub fn write(
    state: &Path,
    to: &Path,
    at: Millis,
    chronos: &str,
    notes: &str,
    bounds: &CopyBounds,
) -> Result<Info, StateError> {
    copy_state(state, to, bounds)?;
    let finish = || {
        let (Counts { jobs, executions }, format) = strip(to, notes, bounds)?;
        let info = Info { format, at, chronos: chronos.to_owned(), jobs, executions };
        seal::put(to, &info, bounds)?;
        schema::sync_directory(to)?;
        checked(to, bounds).map(|(info, _)| info)
    };
    finish().map_err(|error| {
        // The caller hears of the first fault, not of one in tidying up after it.
        let _ = std::fs::remove_file(to);
        if bounds.is_unwanted() { StateError::Unwanted } else { error }
    })
}

/// Removes what belongs only to the old cluster. Answers what is left, and the version of the cluster.
fn strip(state: &Path, notes: &str, bounds: &CopyBounds) -> Result<(Counts, u32), StateError> {
    let mut db = open_unsafe(state)?;
    let left = bounds.work(&mut db, |db| {
        db.execute("DELETE FROM meta WHERE substr(key, 1, length(?1)) = ?1", [notes])?;
        let version = schema::version(db)?;
        if version >= EVENTS_SINCE {
            // Their places are those of a log that ends here.
            db.execute("DELETE FROM events", [])?;
        }
        let sql = concat!(
            "SELECT (SELECT count(*) FROM jobs WHERE ",
            live_job!(),
            "), (SELECT count(*) FROM executions)"
        );
        let (jobs, executions) = db.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok((Counts { jobs, executions }, version))
    })?;
    db.close().map_err(|(_, error)| error)?;
    Ok(left)
}

/// Checks that a backup is whole and that this Chronos can read it: every byte of it, and every row of the
/// state in it, as [`crate::check`] does.
///
/// # Errors
/// The backup is not whole or not readable by this Chronos, or the file cannot be read.
pub fn check(backup: &Path) -> Result<Info, StateError> {
    checked(backup, &CopyBounds::default()).map(|(info, _)| info)
}

/// [`check`], and the length of the state in it.
fn checked(backup: &Path, bounds: &CopyBounds) -> Result<(Info, u64), StateError> {
    let (info, length) = seal::check(backup, bounds)?;
    // SQLite goes by the number of pages that the file's header gives, and does not see the seal.
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(backup, flags)?;
    db.pragma_update(None, "cache_size", -2_048)?;
    schema::check_format(&db, backup)?;
    bounds.work(&mut db, |db| check_state(db, backup))?;
    Ok((info, length))
}

/// Checks that a data directory holds no data. It need not exist.
///
/// # Errors
/// There is data; the error names the file.
pub fn check_vacant(data_dir: &Path) -> Result<(), StateError> {
    for name in DATA {
        let path = data_dir.join(name);
        if path.try_exists().map_err(StateError::file(&path))? {
            return Err(StateError::Occupied { path: path.display().to_string() });
        }
    }
    Ok(())
}

/// Checks a backup and puts its state into a data directory that holds no data. The directory is
/// created if it does not exist. The node that starts on it founds a new cluster.
///
/// Unfinished executions stay unfinished, and now belong to `node`, the node that is to start there.
/// Nobody knows how far the nodes of the old cluster came, so it fires those executions again, under
/// the same ids.
///
/// # Errors
/// The backup is refused by [`check`], there is data in the directory or too little space, or the storage failed.
/// Then nothing was changed.
pub fn restore(backup: &Path, data_dir: &Path, node: &NodeName) -> Result<Info, StateError> {
    check_vacant(data_dir)?;
    let (info, length) = checked(backup, &CopyBounds::default())?;
    private::create_directory(data_dir).map_err(StateError::file(data_dir))?;
    space::check(data_dir, "the restored state", length)?;
    let unfinished = data_dir.join(UNFINISHED);
    let finish = || {
        unpack(backup, length, &unfinished)?;
        settle(&unfinished, data_dir, node)
    };
    let result = finish();
    if result.is_err() {
        let _ = std::fs::remove_file(&unfinished);
    }
    result.map(|()| info)
}

/// Moves a state file into a data directory that holds no data. This does what [`write()`] and
/// [`restore`] do together, without a backup file between them: it removes the notes whose keys begin
/// with `notes`, and gives the unfinished executions to `node`. Nobody may have the file open, and it
/// must lie on the same file system.
///
/// # Errors
/// The file is damaged or is no state file, there is data in the directory, or the storage failed. Then
/// the directory is as it was; the file may have been changed.
pub fn adopt(state: &Path, data_dir: &Path, node: &NodeName, notes: &str) -> Result<Counts, StateError> {
    check_vacant(data_dir)?;
    check_state(&schema::open_reader(state)?, state)?;
    let (counts, _) = strip(state, notes, &CopyBounds::default())?;
    settle(state, data_dir, node)?;
    Ok(counts)
}

/// Makes a state that of a new cluster, all or nothing. There is no other way to do it.
fn settle(file: &Path, data_dir: &Path, node: &NodeName) -> Result<(), StateError> {
    take_over(file, node)?;
    schema::sync_file(file)?;
    let state = data_dir.join(STATE);
    std::fs::rename(file, &state).map_err(StateError::file(&state))?;
    schema::sync_directory(&state)
}

/// Writes the state in a backup to a file. It overwrites a file that a crash left behind.
fn unpack(backup: &Path, length: u64, to: &Path) -> Result<(), StateError> {
    let mut source = File::open(backup).map_err(StateError::file(backup))?.take(length);
    let mut target = private::create(to).map_err(StateError::file(to))?;
    let copied = copy(&mut source, &mut target).map_err(StateError::file(to))?;
    if copied != length {
        return Err(StateError::backup(
            backup,
            format!("it became shorter while it was read: {copied} bytes"),
        ));
    }
    Ok(())
}

fn take_over(state: &Path, node: &NodeName) -> Result<(), StateError> {
    let db = open_unsafe(state)?;
    db.execute(concat!("UPDATE executions SET node = ?1 WHERE ", open!()), [node.as_str()])?;
    row::sum_anew(&db, "executions", "seq", open!())?;
    let sql = concat!(
        "DELETE FROM open_runs; INSERT INTO open_runs SELECT node, 0, count(*) FROM executions WHERE ",
        open!(),
        " GROUP BY node"
    );
    db.execute_batch(sql)?;
    row::sum_anew(&db, "open_runs", "node", "true")?;
    db.execute("UPDATE withdrawn SET node = ?1", [node.as_str()])?;
    row::sum_anew(&db, "withdrawn", "id", "true")?;
    db.close().map_err(|(_, error)| error)?;
    Ok(())
}

/// Opens a file for work that is thrown away unless it is finished: SQLite keeps no journal for it.
fn open_unsafe(path: &Path) -> Result<Connection, StateError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    schema::check_format(&db, path)?;
    // A write-ahead log would be left behind when the file is moved.
    let mode: String = db.pragma_update_and_check(None, "journal_mode", "OFF", |row| row.get(0))?;
    if mode != "off" {
        return Err(StateError::backup(path, format!("its journal stays in mode {mode}")));
    }
    db.pragma_update(None, "synchronous", "OFF")?;
    db.pragma_update(None, "cache_size", -2_048)?;
    Ok(db)
}
