//! The file: an index of what jobs are found by (FTS5), which record of each job is in it, and how many jobs call each
//! host and are in each time zone.
//!
//! It holds no other text as it is: of each key it has the numbers of the jobs. What was written last may be lost in a
//! power cut, and the file is whole then.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chronos_env::Call;
use chronos_state::{Facet, JobSeq, private};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use tokio::time::Instant;

use crate::document::Entry;
use crate::facets::{self, FacetKind};
use crate::fault::Fault;

/// "ChSr": whose file it is.
const APPLICATION: u32 = 0x4368_5372;
/// What is written into it, and how. Another number makes each node write its file anew.
const FORMAT: u32 = 3;
const TABLES: &str = "
    CREATE TABLE stamps (
        job INTEGER PRIMARY KEY, stamp INTEGER NOT NULL, host INTEGER NOT NULL, zone INTEGER NOT NULL
    );
    CREATE TABLE facets (
        id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, value TEXT NOT NULL, jobs INTEGER NOT NULL, UNIQUE (kind, value)
    );
    CREATE VIRTUAL TABLE texts USING fts5 (
        keys, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii'
    );";
/// One page of so many may be free: FTS5 leaves pages as it puts lists together.
const FREE_ONE_IN: u32 = 32;
/// So many pages are given back at a time: some milliseconds.
const GIVEN_BACK: u32 = 256;
/// Instructions of SQLite between two looks whether a question is to be given up: some tens of microseconds.
const LOOK_EVERY: i32 = 1_000;

/// The file, to be written. One has it at a time.
#[derive(Debug)]
pub struct SearchFile {
    connection: Connection,
}

impl SearchFile {
    /// Opens the file, or makes one where there is none. All of it is read to see whether it is whole.
    ///
    /// # Errors
    /// [`Fault::Unusable`] where it is damaged, or was not written by this release: [`SearchFile::anew`] cures that.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        private::ensure(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        // It is closed wherever its owner ends, which is no place to wait for a disk that hangs. The next one to open it
        // takes up what is in its write-ahead log.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        if is_empty(&connection)? {
            connection.execute_batch(&format!(
                "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;
                BEGIN; {TABLES} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {FORMAT}; COMMIT;"
            ))?;
        }
        check(&connection)?;
        // A power cut may take back what was written last, and nothing else: the stamps say what that was.
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "cache_size", -4_096)?;
        connection.pragma_update(None, "journal_size_limit", 16 << 20)?;
        let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if verdict != "ok" {
            return Err(Fault::Unusable(verdict));
        }
        Ok(Self { connection })
    }

    /// Throws away what is there, and makes an empty file. Whoever reads the old one sees it to the end.
    ///
    /// # Errors
    /// It cannot be removed, or not be made.
    pub fn anew(path: &Path) -> Result<Self, Fault> {
        for ending in ["", "-wal", "-shm", "-journal"] {
            match std::fs::remove_file(beside(path, ending)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        Self::open(path)
    }

    /// Writes what of jobs is to be found now, and forgets jobs that are `gone`: all of it, or nothing.
    ///
    /// # Errors
    /// Nothing was written.
    pub fn write(&mut self, entries: &[Entry], gone: &[JobSeq]) -> Result<(), Fault> {
        let transaction = self.connection.transaction()?;
        {
            let mut stamp =
                transaction.prepare_cached("INSERT OR REPLACE INTO stamps VALUES (?1, ?2, ?3, ?4)")?;
            let mut text =
                transaction.prepare_cached("INSERT OR REPLACE INTO texts (rowid, keys) VALUES (?1, ?2)")?;
            for Entry { job, stamp: of, keys, host, zone } in entries {
                facets::take_away(&transaction, *job)?;
                let host = facets::add(&transaction, FacetKind::Host, host.as_deref().unwrap_or_default())?;
                let zone = facets::add(&transaction, FacetKind::Timezone, zone)?;
                stamp.execute((job.get(), of, host, zone))?;
                text.execute((job.get(), keys))?;
            }
            let mut stamp = transaction.prepare_cached("DELETE FROM stamps WHERE job = ?1")?;
            let mut text = transaction.prepare_cached("DELETE FROM texts WHERE rowid = ?1")?;
            for job in gone {
                facets::take_away(&transaction, *job)?;
                if stamp.execute([job.get()])? > 0 {
                    text.execute([job.get()])?;
                }
            }
        }
        Ok(transaction.commit()?)
    }

    /// Gives pages back that are free and too many, or some of them. Answers whether there are more.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn give_back(&mut self) -> Result<bool, Fault> {
        let pages = number(&self.connection, "page_count")?;
        let free = number(&self.connection, "freelist_count")?;
        if free <= pages / FREE_ONE_IN {
            return Ok(false);
        }
        let mut statement = self.connection.prepare(&format!("PRAGMA incremental_vacuum({GIVEN_BACK})"))?;
        let mut rows = statement.query([])?;
        // Each step gives one page back.
        while rows.next()?.is_some() {}
        Ok(free > GIVEN_BACK)
    }

    /// For tests: the file has so many pages at most.
    #[cfg(test)]
    pub(crate) fn limit(&self, pages: u32) {
        let set = self.connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()));
        set.expect("a limit");
    }

    /// The jobs in the file after `after`, up to `upto` where that is given, and which record of each it is.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn stamps(&self, after: JobSeq, upto: Option<JobSeq>) -> Result<BTreeMap<JobSeq, i64>, Fault> {
        let upto = upto.map_or(i64::MAX, JobSeq::get);
        let mut statement =
            self.connection.prepare_cached("SELECT job, stamp FROM stamps WHERE job > ?1 AND job <= ?2")?;
        let rows =
            statement.query_map((after.get(), upto), |row| Ok((JobSeq::new(row.get(0)?), row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// The file, to be asked. It opens it when it is asked first, and again when the file is another one.
#[derive(Debug)]
pub(crate) struct SearchReader {
    path: PathBuf,
    open: Option<(u64, Connection)>,
}

impl SearchReader {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), open: None }
    }

    /// The first `most` of the jobs after `after` that have what the expression says, in the file of this number.
    /// It is given up after some `time`, or when nobody waits for it.
    pub(crate) fn ask(
        &mut self,
        number: u64,
        (expression, after, most): (&str, JobSeq, usize),
        until: (&Call, Duration),
    ) -> Result<Vec<JobSeq>, Fault> {
        self.with(number, until, |connection| found(connection, expression, after, most))
    }

    /// The commonest of a kind in the file of this number, at most so many. It is given up as a question is.
    pub(crate) fn facets(
        &mut self,
        number: u64,
        (kind, most): (FacetKind, usize),
        until: (&Call, Duration),
    ) -> Result<Vec<Facet>, Fault> {
        self.with(number, until, |connection| facets::commonest(connection, kind, most))
    }

    /// Asks the file of this number something.
    fn with<T>(
        &mut self,
        number: u64,
        (call, time): (&Call, Duration),
        ask: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let open = self.open.take().filter(|(opened, _)| *opened == number);
        let mut connection = match open {
            Some((_, connection)) => connection,
            None => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let connection = Connection::open_with_flags(&self.path, flags)?;
                connection.busy_timeout(Duration::from_secs(1))?;
                connection.pragma_update(None, "cache_size", -4_096)?;
                connection
            }
        };
        let (begun, call) = (Instant::now(), call.clone());
        let give_up = move || call.is_given_up() || begun.elapsed() >= time;
        connection.progress_handler(LOOK_EVERY, Some(give_up))?;
        let found = ask(&connection);
        connection.progress_handler(0, None::<fn() -> bool>)?;
        if !matches!(found, Err(Fault::Unusable(_))) {
            self.open = Some((number, connection));
        }
        found
    }
}

fn found(
    connection: &Connection,
    expression: &str,
    after: JobSeq,
    most: usize,
) -> Result<Vec<JobSeq>, Fault> {
    let sql = "SELECT rowid FROM texts WHERE texts MATCH ?1 AND rowid > ?2 ORDER BY rowid LIMIT ?3";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map((expression, after.get(), most), |row| Ok(JobSeq::new(row.get(0)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn is_empty(connection: &Connection) -> Result<bool, Fault> {
    Ok(connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))?)
}

/// A number that SQLite keeps of the file.
fn number(connection: &Connection, name: &str) -> rusqlite::Result<u32> {
    connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
}

fn check(connection: &Connection) -> Result<(), Fault> {
    match (number(connection, "application_id")?, number(connection, "user_version")?) {
        (APPLICATION, FORMAT) => Ok(()),
        (APPLICATION, other) => Err(Fault::Unusable(format!("it has format {other}; expected {FORMAT}"))),
        _ => Err(Fault::Unusable("it is no search file of Chronos".to_owned())),
    }
}

/// A file that belongs to this one.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
