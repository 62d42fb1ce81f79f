//! What the scheduler, the dispatcher and retention ask.

use chronos_types::{
    Concurrency, DurationMs, ExecutionId, JobId, JobSpec, Millis, MissedRuns, NodeName, Status, Trigger,
};

use super::Reader;
use crate::StateError;
use crate::run::{Fire, JobSeq, RunRef};
use crate::stored::{self, Code};

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

/// The part of a job's specification that says when it runs, and beside what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobTimes {
    /// The schedule's text.
    pub schedule: String,
    /// IANA time zone name.
    pub timezone: String,
    /// What happens to missed runs.
    pub missed_runs: MissedRuns,
    /// What happens to a run that falls due while another is unfinished.
    pub concurrency: Concurrency,
    /// Each run starts up to this much later.
    pub jitter: DurationMs,
    /// No run before this instant.
    pub start_at: Option<Millis>,
    /// No run after this instant.
    pub end_at: Option<Millis>,
}

impl From<&JobSpec> for JobTimes {
    fn from(spec: &JobSpec) -> Self {
        Self {
            schedule: spec.schedule.clone(),
            timezone: spec.timezone.clone(),
            missed_runs: spec.missed_runs,
            concurrency: spec.concurrency,
            jitter: spec.jitter,
            start_at: spec.start_at,
            end_at: spec.end_at,
        }
    }
}

impl Reader {
    /// Jobs that fall due at or before `until`, the earliest first.
    ///
    /// # Errors
    /// The storage failed.
    pub fn due(&self, until: Millis, limit: usize) -> Result<Vec<DueJob>, StateError> {
        // Of `due` only what its index holds: its rows lie apart from each other, a page to each.
        let sql = "SELECT d.seq, j.id, j.version, j.created_at, d.at, j.spec
            FROM due d CROSS JOIN jobs j ON j.seq = d.seq
            WHERE d.at IS NOT NULL AND d.at <= ?1 ORDER BY d.at LIMIT ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query((until, limit))?;
        let mut due = Vec::new();
        while let Some(row) = rows.next()? {
            let spec: String = row.get(5)?;
            due.push(DueJob {
                seq: stored::job_seq(row, 0)?,
                id: JobId::from_bytes(row.get(1)?),
                version: row.get(2)?,
                created_at: row.get(3)?,
                at: row.get(4)?,
                times: stored::times_from_json(&spec)?,
            });
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

    /// Every unfinished execution of a node, oldest first: what it owes the world.
    ///
    /// # Errors
    /// The storage failed.
    pub fn open_fires(&self, node: &NodeName) -> Result<Vec<Fire>, StateError> {
        // Told which index: to spare the sort, SQLite would read every execution there is.
        let sql = "SELECT id, job, version, slot, fire_at, status, attempts, trigger
            FROM executions INDEXED BY executions_open
            WHERE status < 3 AND node = ?1 ORDER BY id";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([node.as_str()])?;
        let mut fires = Vec::new();
        while let Some(row) = rows.next()? {
            let status = Status::from_code(row.get(5)?)?;
            let (attempt, begun) = Fire::next(status, row.get(6)?);
            let run = RunRef {
                execution: ExecutionId::from_bytes(row.get(0)?),
                job: stored::job_seq(row, 1)?,
                version: row.get(2)?,
                scheduled_time: row.get(3)?,
                trigger: Trigger::from_code(row.get(7)?)?,
            };
            fires.push(Fire { run, fire_at: row.get(4)?, attempt, node: node.clone(), begun });
        }
        Ok(fires)
    }

    /// The runs that were withdrawn, and of which a node has not said yet whether they had begun.
    ///
    /// # Errors
    /// The storage failed.
    pub fn withdrawn(&self) -> Result<Vec<Fire>, StateError> {
        let sql = "SELECT id, job, version, slot, fire_at, node, unsure FROM withdrawn ORDER BY id";
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map([], stored::withdrawn)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// A version of a job with the job's id: what the dispatcher needs to fire.
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
        let Some(spec) = row.get::<_, Option<String>>(1)? else { return Ok(None) };
        Ok(Some((JobId::from_bytes(row.get(0)?), stored::spec_from_json(&spec)?)))
    }

    /// Finished executions whose scheduled instant is before `before`, the oldest first.
    ///
    /// # Errors
    /// The storage failed.
    pub fn aged_executions(&self, before: Millis, limit: usize) -> Result<Vec<i64>, StateError> {
        let sql = "SELECT seq FROM executions WHERE id < ?1 AND +status > 2 ORDER BY id LIMIT ?2";
        self.numbers(sql, (ExecutionId::floor(before).as_bytes(), limit))
    }

    /// Jobs that hold more than `max` executions.
    ///
    /// # Errors
    /// The storage failed.
    pub fn overfull_jobs(&self, max: u64) -> Result<Vec<JobSeq>, StateError> {
        self.jobs_by("SELECT seq FROM due WHERE held > ?1", [i64::try_from(max).unwrap_or(i64::MAX)])
    }

    /// A job's finished executions past its newest `keep`.
    ///
    /// # Errors
    /// The storage failed.
    pub fn surplus_executions(&self, job: JobSeq, keep: u64, limit: usize) -> Result<Vec<i64>, StateError> {
        // The limit counts finished ones, so that unfinished ones never hide what is behind them.
        let sql = "SELECT seq FROM (SELECT seq, status FROM executions WHERE job = ?1
            ORDER BY id DESC LIMIT -1 OFFSET ?2) WHERE status > 2 LIMIT ?3";
        self.numbers(sql, (job.get(), i64::try_from(keep).unwrap_or(i64::MAX), limit))
    }

    /// Superseded versions past each job's newest `keep` that no execution on record ran, or may have.
    ///
    /// # Errors
    /// The storage failed.
    pub fn surplus_versions(&self, keep: u64, limit: usize) -> Result<Vec<(JobSeq, u64)>, StateError> {
        // Found by the narrow rows of those few jobs that changed so often. What a job's executions
        // ran is gathered once for the job, not asked once for each of its versions.
        let sql = "SELECT seq, version - ?1 FROM due WHERE version - ?1 > 1
            AND EXISTS (SELECT 1 FROM versions v WHERE v.seq = due.seq AND v.version < due.version - ?1)";
        let mut jobs = self.connection.prepare_cached(sql)?;
        let mut jobs = jobs.query([i64::try_from(keep).unwrap_or(i64::MAX)])?;
        let sql = "SELECT version FROM versions WHERE seq = ?1 AND version < ?2
            EXCEPT SELECT version FROM executions WHERE job = ?1
            EXCEPT SELECT version FROM withdrawn WHERE job = ?1 ORDER BY version LIMIT ?3";
        let mut versions = self.connection.prepare_cached(sql)?;
        let mut surplus = Vec::new();
        while surplus.len() < limit
            && let Some(row) = jobs.next()?
        {
            let (seq, before): (i64, i64) = (row.get(0)?, row.get(1)?);
            let found = versions.query_map((seq, before, limit - surplus.len()), |row| row.get(0))?;
            for version in found {
                surplus.push((JobSeq::new(seq), version?));
            }
        }
        Ok(surplus)
    }

    /// Deleted jobs that no execution refers to any more, nor can come to.
    ///
    /// # Errors
    /// The storage failed.
    pub fn forgotten_jobs(&self, limit: usize) -> Result<Vec<JobSeq>, StateError> {
        let sql = "SELECT seq FROM jobs WHERE state = 2
            AND NOT EXISTS (SELECT 1 FROM executions WHERE job = jobs.seq)
            AND NOT EXISTS (SELECT 1 FROM withdrawn WHERE job = jobs.seq) LIMIT ?1";
        self.jobs_by(sql, [limit])
    }

    /// Whether any idempotency key is older than this.
    ///
    /// # Errors
    /// The storage failed.
    pub fn has_keys_before(&self, at: Millis) -> Result<bool, StateError> {
        let mut statement = self.connection.prepare_cached("SELECT 1 FROM keys WHERE at < ?1 LIMIT 1")?;
        Ok(statement.exists([at])?)
    }

    fn jobs_by(&self, sql: &str, values: impl rusqlite::Params) -> Result<Vec<JobSeq>, StateError> {
        Ok(self.numbers(sql, values)?.into_iter().map(JobSeq::new).collect())
    }

    fn numbers(&self, sql: &str, values: impl rusqlite::Params) -> Result<Vec<i64>, StateError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map(values, |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
