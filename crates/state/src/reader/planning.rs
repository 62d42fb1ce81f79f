//! What the planner and the dispatcher ask.

use chronos_types::{ExecutionId, JobId, JobSpec, JobTimes, Millis, NodeName, Status, Trigger};
use rusqlite::Row;

use super::connection::Reader;
use crate::error::StateError;
use crate::run::{Fire, JobSeq, RunRef};
use crate::stored::code::{Code, open};
use crate::stored::columns::{self, withdrawn_columns};
use crate::stored::{row, spec};

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

impl Reader {
    /// Jobs that fall due at or before `until`, the earliest first.
    ///
    /// # Errors
    /// The storage failed.
    pub fn due(&self, until: Millis, limit: usize) -> Result<Vec<DueJob>, StateError> {
        // Of `due` this reads only what its index holds: the rows themselves lie on a page each.
        let sql = "SELECT d.seq, j.id, j.version, j.created_at, d.at, j.spec
            FROM due d CROSS JOIN jobs j ON j.seq = d.seq
            WHERE d.at IS NOT NULL AND d.at <= ?1 ORDER BY d.at LIMIT ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query((until, limit))?;
        let mut due = Vec::new();
        while let Some(row) = rows.next()? {
            due.push(row::read("jobs", row, due_job)?);
        }
        Ok(due)
    }

    /// The earliest instant at which any job falls due.
    ///
    /// # Errors
    /// The storage failed.
    pub fn first_due(&self) -> Result<Option<Millis>, StateError> {
        let sql = "SELECT min(at) FROM due WHERE at IS NOT NULL";
        Ok(self.connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
    }

    /// Every unfinished execution of a node, oldest first: what it has to fire.
    ///
    /// # Errors
    /// The storage failed.
    pub fn open_fires(&self, node: &NodeName) -> Result<Vec<Fire>, StateError> {
        // The index is named, because SQLite would read every execution to avoid the sort.
        let sql = concat!(
            "SELECT id, job, version, scheduled_time, fire_at, status, attempts, trigger
            FROM executions INDEXED BY executions_open WHERE ",
            open!(),
            " AND node = ?1 ORDER BY id"
        );
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([node.as_str()])?;
        let mut fires = Vec::new();
        while let Some(row) = rows.next()? {
            fires.push(row::read("executions", row, |row| open_fire(row, node))?);
        }
        Ok(fires)
    }

    /// The withdrawn runs whose nodes have not said yet whether they had begun them.
    ///
    /// # Errors
    /// The storage failed.
    pub fn withdrawn(&self) -> Result<Vec<Fire>, StateError> {
        let sql = concat!("SELECT ", withdrawn_columns!(), " FROM withdrawn ORDER BY id");
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        let mut withdrawn = Vec::new();
        while let Some(row) = rows.next()? {
            withdrawn.push(columns::withdrawn(row)?);
        }
        Ok(withdrawn)
    }

    /// The id of a job and one of its versions: what the dispatcher needs to fire.
    ///
    /// # Errors
    /// The storage failed.
    pub fn spec(&self, job: JobSeq, version: u64) -> Result<Option<(JobId, JobSpec)>, StateError> {
        let sql = "SELECT j.id, CASE WHEN j.version = ?2 THEN j.spec ELSE
                (SELECT spec FROM versions v WHERE v.seq = ?1 AND v.version = ?2) END
            FROM jobs j WHERE j.seq = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query((job.get(), version))?;
        let Some(row) = rows.next()? else { return Ok(None) };
        row::read("jobs", row, |row| {
            let Some(spec) = columns::optional_text(row, 1)? else { return Ok(None) };
            Ok(Some((JobId::from_bytes(row.get(0)?), spec::from_json(spec)?)))
        })
    }
}

fn due_job(row: &Row<'_>) -> Result<DueJob, StateError> {
    Ok(DueJob {
        seq: columns::job_seq(row, 0)?,
        id: JobId::from_bytes(row.get(1)?),
        version: row.get(2)?,
        created_at: row.get(3)?,
        at: row.get(4)?,
        times: spec::times_from_json(row.get_ref(5)?.as_str()?)?,
    })
}

fn open_fire(row: &Row<'_>, node: &NodeName) -> Result<Fire, StateError> {
    let status = Status::from_code(row.get(5)?)?;
    let (attempt, begun) = Fire::next(status, row.get(6)?);
    let run = RunRef {
        execution: ExecutionId::from_bytes(row.get(0)?),
        job: columns::job_seq(row, 1)?,
        version: row.get(2)?,
        scheduled_time: row.get(3)?,
        trigger: Trigger::from_code(row.get(7)?)?,
    };
    Ok(Fire { run, fire_at: row.get(4)?, attempt, node: node.clone(), begun })
}
