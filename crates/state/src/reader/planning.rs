//! What the planner and the dispatcher ask.

use std::collections::HashMap;

use chronos_types::{JobId, JobTimes, Millis, NodeName};
use rusqlite::Row;
use rusqlite::types::ValueRef;

use super::connection::Reader;
use super::remainders::{OpenFire, open_columns};
use crate::error::StateError;
use crate::run::{Fire, JobSeq};
use crate::stored::bad::{ReadSpec, read_spec};
use crate::stored::code::open;
use crate::stored::columns::{self, withdrawn_columns};
use crate::stored::{raw, row, spec};

/// A job that falls due.
#[derive(Clone, Debug, PartialEq)]
pub struct DueJob {
    /// The machine's own number.
    pub seq: JobSeq,
    /// The job.
    pub id: JobId,
    /// Its version.
    pub version: u64,
    /// When it was created.
    pub created_at: Millis,
    /// The instant at which it falls due.
    pub at: Millis,
    /// When it runs.
    pub times: JobTimes,
}

/// Where a job stands among those that fall due: its instant, and its number.
pub type DuePlace = (Millis, JobSeq);

impl DueJob {
    /// Where it stands among those that fall due.
    #[must_use]
    pub fn place(&self) -> DuePlace {
        (self.at, self.seq)
    }
}

/// A job that falls due and whose times cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadJob {
    /// The machine's own number.
    pub seq: JobSeq,
    /// The job.
    pub id: JobId,
    /// Its version.
    pub version: u64,
    /// Why, for people.
    pub why: String,
}

/// What falls due.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Due {
    /// The jobs, the earliest first.
    pub jobs: Vec<DueJob>,
    /// Jobs among them that cannot be planned. Their due instants stay.
    pub bad: Vec<BadJob>,
}

/// Jobs that fall due and cannot be planned, by their numbers, each with the version that cannot. They are passed by.
pub type PassedBy = HashMap<JobSeq, u64>;

impl Reader {
    /// Jobs that fall due behind a place and not later than `until`, the earliest `limit` of them, without those
    /// that are passed by.
    ///
    /// # Errors
    /// The storage failed.
    pub fn due(
        &self,
        after: DuePlace,
        until: Millis,
        limit: usize,
        passed: &PassedBy,
    ) -> Result<Due, StateError> {
        // Of `due` this reads only what its index holds: the rows themselves lie on a page each. So one that is
        // passed by costs next to nothing.
        let sql = "SELECT seq, at, version FROM due
            WHERE at IS NOT NULL AND (at, seq) > (?1, ?2) AND at <= ?3 ORDER BY at, seq";
        let mut find = self.connection.prepare_cached(sql)?;
        let mut found = find.query((after.0, after.1.get(), until))?;
        let mut due = Due::default();
        while due.jobs.len() + due.bad.len() < limit
            && let Some(row) = found.next()?
        {
            self.add_due(row, passed, &mut due)?;
        }
        Ok(due)
    }

    /// Those of these jobs that fall due not later than `until`, without those that are passed by.
    ///
    /// # Errors
    /// The storage failed.
    pub fn due_of(&self, jobs: &[JobSeq], until: Millis, passed: &PassedBy) -> Result<Due, StateError> {
        let sql = "SELECT seq, at, version FROM due WHERE seq = ?1 AND at <= ?2";
        let mut find = self.connection.prepare_cached(sql)?;
        let mut due = Due::default();
        for job in jobs {
            let mut rows = find.query((job.get(), until))?;
            if let Some(row) = rows.next()? {
                self.add_due(row, passed, &mut due)?;
            }
        }
        Ok(due)
    }

    /// How many unfinished executions a job has; of more than `most`, `most`.
    ///
    /// # Errors
    /// The storage failed.
    pub fn count_open(&self, job: JobSeq, most: usize) -> Result<usize, StateError> {
        let sql = concat!(
            "SELECT count(*) FROM
            (SELECT 1 FROM executions INDEXED BY executions_open WHERE job = ?1 AND ",
            open!(),
            " LIMIT ?2)"
        );
        Ok(self.connection.prepare_cached(sql)?.query_row((job.get(), most), |row| row.get(0))?)
    }

    /// The earliest instant later than `after` at which any job falls due that is not passed by.
    ///
    /// # Errors
    /// The storage failed.
    pub fn first_due_after(&self, after: Millis, passed: &PassedBy) -> Result<Option<Millis>, StateError> {
        let sql = "SELECT seq, at, version FROM due WHERE at IS NOT NULL AND at > ?1 ORDER BY at, seq";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([after])?;
        while let Some(row) = rows.next()? {
            if !is_passed(passed, columns::job_seq(row, 0)?, row)? {
                return Ok(Some(row.get(1)?));
            }
        }
        Ok(None)
    }

    /// The earliest instant at which any job falls due that is not passed by.
    ///
    /// # Errors
    /// The storage failed.
    pub fn first_due(&self, passed: &PassedBy) -> Result<Option<Millis>, StateError> {
        self.first_due_after(Millis::MIN, passed)
    }

    /// Adds the job of a row of `due` to what falls due, unless it is passed by.
    fn add_due(&self, row: &Row<'_>, passed: &PassedBy, due: &mut Due) -> Result<(), StateError> {
        let (seq, at) = (columns::job_seq(row, 0)?, row.get(1)?);
        if is_passed(passed, seq, row)? {
            return Ok(());
        }
        let sql = "SELECT seq, id, version, created_at, spec FROM jobs WHERE seq = ?1";
        let mut read = self.connection.prepare_cached(sql)?;
        let mut rows = read.query([seq.get()])?;
        let row = rows.next()?.ok_or_else(|| row::missing("jobs", seq.get()))?;
        row::read("jobs", row, |row| due_job(row, at, due))
    }

    /// Every unfinished execution of a node, oldest first: what it has to fire.
    ///
    /// # Errors
    /// The storage failed.
    pub fn open_fires(&self, node: &NodeName) -> Result<Vec<Fire>, StateError> {
        let remainders = self.remainders()?;
        // The index is named, because SQLite would read every execution to avoid the sort.
        let sql = concat!(
            "SELECT ",
            open_columns!(),
            " FROM executions INDEXED BY executions_open WHERE ",
            open!(),
            " AND node = ?1 ORDER BY id"
        );
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([node.as_str()])?;
        let mut fires = Vec::new();
        while let Some(row) = rows.next()? {
            let open = row::read("executions", row, |row| OpenFire::read(row, node))?;
            // What is to end, or to be withdrawn, is none of it.
            if open.fate(&remainders).is_none() {
                fires.push(raw::with_policy(&self.connection, open.fire)?);
            }
        }
        Ok(fires)
    }

    /// The runs withdrawn from a node that it has not said of yet whether it had begun them, oldest first. Those that a
    /// change has yet to withdraw are among them.
    ///
    /// # Errors
    /// The storage failed.
    pub fn withdrawn(&self, node: &NodeName) -> Result<Vec<Fire>, StateError> {
        let sql = concat!("SELECT ", withdrawn_columns!(), " FROM withdrawn WHERE node = ?1 ORDER BY id");
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([node.as_str()])?;
        let mut withdrawn = Vec::new();
        while let Some(row) = rows.next()? {
            withdrawn.push(columns::withdrawn(row)?);
        }
        let left = self.yet_to_withdraw(node)?;
        if !left.is_empty() {
            withdrawn.extend(left);
            withdrawn.sort_unstable_by_key(|fire| fire.run.execution);
        }
        Ok(withdrawn)
    }

    /// The nodes that runs were withdrawn from and that have not said yet whether they had begun them, in order of
    /// their names.
    ///
    /// # Errors
    /// The storage failed.
    pub fn withdrawn_nodes(&self) -> Result<Vec<NodeName>, StateError> {
        // From name to name in the index: the runs of a node are not read.
        let sql = "WITH RECURSIVE names (name) AS (
                SELECT min(node) FROM withdrawn
                UNION ALL
                SELECT (SELECT min(node) FROM withdrawn WHERE node > name) FROM names WHERE name IS NOT NULL)
            SELECT name FROM names WHERE name IS NOT NULL";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        let mut nodes = Vec::new();
        while let Some(row) = rows.next()? {
            nodes.push(columns::node(row, 0)?);
        }
        Ok(nodes)
    }

    /// The id of a job and one of its versions: what the dispatcher needs to fire.
    ///
    /// # Errors
    /// The storage failed.
    pub fn spec(&self, job: JobSeq, version: u64) -> Result<Option<(JobId, ReadSpec)>, StateError> {
        let sql = "SELECT j.id, CASE WHEN j.version = ?2 THEN j.spec ELSE
                (SELECT spec FROM versions v WHERE v.seq = ?1 AND v.version = ?2) END
            FROM jobs j WHERE j.seq = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query((job.get(), version))?;
        let Some(row) = rows.next()? else { return Ok(None) };
        row::read("jobs", row, |row| {
            let spec = row.get_ref(1)?;
            if spec == ValueRef::Null {
                return Ok(None);
            }
            Ok(Some((JobId::from_bytes(row.get(0)?), read_spec(spec))))
        })
    }
}

/// Whether a row of the index of `due` is of a job that is passed by.
fn is_passed(passed: &PassedBy, seq: JobSeq, row: &Row<'_>) -> Result<bool, StateError> {
    Ok(match passed.get(&seq) {
        Some(version) => *version == row.get::<_, u64>(2)?,
        None => false,
    })
}

/// Adds a job to what falls due.
fn due_job(row: &Row<'_>, at: Millis, due: &mut Due) -> Result<(), StateError> {
    let (seq, id, version) = (columns::job_seq(row, 0)?, JobId::from_bytes(row.get(1)?), row.get(2)?);
    match spec::times_from_json(row.get_ref(4)?.as_str().unwrap_or_default()) {
        Ok(times) => due.jobs.push(DueJob { seq, id, version, created_at: row.get(3)?, at, times }),
        Err(why) => due.bad.push(BadJob { seq, id, version, why }),
    }
    Ok(())
}
