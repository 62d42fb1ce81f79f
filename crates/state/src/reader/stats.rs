//! What the runs of a job came to: its statistics, and the newest of its outcomes.

use chronos_types::{ErrorKind, ExecutionId, Millis, Status, Trigger};
use rusqlite::Row;

use super::connection::Reader;
use super::jobs::JobRow;
use crate::command::STATS_SINCE;
use crate::error::StateError;
use crate::run::JobSeq;
use crate::schema;
use crate::stored::code::{self, Code, not_pending, undelivered};
use crate::stored::execution::{StoredDetail, StoredMissed};
use crate::stored::histogram::{self, BUCKETS};
use crate::stored::row;
use crate::stored::tally::Tally;

/// So many outcomes of a job are shown.
const OUTCOMES: usize = 30;
/// So many executions are looked at for them, the newest: those that wait for their jitter are among these.
const LOOKED_AT: usize = OUTCOMES + 100;
/// What is on record of an execution is not read for the reason where it has more bytes than this: it holds a response.
const DETAIL_BYTES: usize = 4_096;

/// What the runs of a job came to since the version of the cluster that counts them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobStats {
    /// How many of its runs failed in a row, of those that its schedule asked for. Skipped and cancelled ones neither
    /// break nor extend it.
    pub failures_in_row: u64,
    /// When the first of these was over.
    pub failing_since: Option<Millis>,
    /// The kind of the last error of the last of these.
    pub error_kind: Option<ErrorKind>,
    /// The status that it ended with, where there was a response.
    pub status_code: Option<u16>,
    /// The host that it called; empty where that is not known.
    pub host: Option<String>,
    /// When a run last succeeded, whatever asked for it.
    pub last_success_at: Option<Millis>,
    /// When a run last failed, whatever asked for it.
    pub last_failure_at: Option<Millis>,
    /// What half of the attempts that succeeded did not exceed, in milliseconds.
    pub duration_p50: Option<u64>,
    /// What 95 in a hundred of them did not exceed.
    pub duration_p95: Option<u64>,
    /// The newest outcomes, the newest first.
    pub outcomes: Vec<JobOutcome>,
}

/// How a run came out, or where it stands; or that instants were passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobOutcome {
    /// The execution.
    pub id: ExecutionId,
    /// The instant that it was scheduled for.
    pub scheduled_time: Millis,
    /// What asked for it.
    pub trigger: Trigger,
    /// Where it stands. It is not pending.
    pub status: Status,
    /// When its first attempt began.
    pub started_at: Option<Millis>,
    /// When it was over.
    pub completed_at: Option<Millis>,
    /// Attempts begun.
    pub attempts: u32,
    /// The version of the job that ran.
    pub version: u64,
    /// Why it was not delivered, in a few words, where that is known.
    pub reason: Option<String>,
    /// The first and the last of the instants that were passed over, and how many there were, where it is no run.
    pub missed: Option<(Millis, Millis, u64)>,
}

impl Reader {
    /// A job with its statistics. They are none before the version of the cluster that counts them.
    ///
    /// # Errors
    /// The storage failed.
    pub fn with_stats(&self, row: JobRow) -> Result<JobRow, StateError> {
        let is_counted = schema::version(&self.connection)? >= STATS_SINCE;
        let stats = is_counted.then(|| self.job_stats(row.seq)).transpose()?;
        Ok(JobRow { stats: stats.map(Box::new), ..row })
    }

    fn job_stats(&self, job: JobSeq) -> Result<JobStats, StateError> {
        let sql =
            "SELECT job, failures, success_at, failure_at, failing_since, error_kind, status_code, host,
            histogram FROM job_stats WHERE job = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([job.get()])?;
        let found = rows.next()?.map(|row| row::read("job_stats", row, stats)).transpose()?;
        Ok(JobStats { outcomes: self.outcomes(job)?, ..found.unwrap_or_default() })
    }

    fn outcomes(&self, job: JobSeq) -> Result<Vec<JobOutcome>, StateError> {
        // A failed one has its reason in a row of its own. What is on record of it can be long.
        let sql = concat!(
            "SELECT e.seq, e.id, e.scheduled_time, e.trigger, e.status, e.started_at, e.completed_at, e.attempts,
                e.version, f.error_kind, f.status_code,
                iif(f.id IS NULL AND ",
            undelivered!("e."),
            " AND octet_length(e.detail) <= ?4, e.detail, NULL)
            FROM (SELECT seq FROM executions INDEXED BY executions_job WHERE job = ?1 ORDER BY id DESC LIMIT ?2) n
            CROSS JOIN executions e ON e.seq = n.seq
            LEFT JOIN failures f ON f.id = e.id
            WHERE ",
            not_pending!("e."),
            " LIMIT ?3"
        );
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query((job.get(), LOOKED_AT, OUTCOMES, DETAIL_BYTES))?;
        let mut outcomes = Vec::with_capacity(OUTCOMES);
        while let Some(row) = rows.next()? {
            outcomes.push(row::read("executions", row, outcome)?);
        }
        Ok(outcomes)
    }
}

fn stats(row: &Row<'_>) -> Result<JobStats, StateError> {
    let histogram = row.get_ref(8)?.as_blob_or_null()?.map(Tally::read).transpose()?.unwrap_or_default();
    let percentile = |of_100| histogram::percentile(histogram.from(0, BUCKETS), of_100);
    Ok(JobStats {
        failures_in_row: row.get(1)?,
        last_success_at: row.get(2)?,
        last_failure_at: row.get(3)?,
        failing_since: row.get(4)?,
        error_kind: row.get::<_, Option<i64>>(5)?.and_then(ErrorKind::known),
        status_code: row.get(6)?,
        host: row.get(7)?,
        duration_p50: percentile(50),
        duration_p95: percentile(95),
        outcomes: Vec::new(),
    })
}

fn outcome(row: &Row<'_>) -> Result<JobOutcome, StateError> {
    // What cannot be read says nothing here; the execution itself says so.
    let StoredDetail { error, missed, .. } = StoredDetail::read(row.get_ref(11)?).unwrap_or_default();
    let kind = row.get::<_, Option<i64>>(9)?.and_then(ErrorKind::known);
    let failed = match (kind, row.get::<_, Option<u16>>(10)?) {
        (Some(ErrorKind::Status), Some(code)) => Some(format!("status {code}")),
        (kind, _) => kind.map(|kind| kind.as_str().to_owned()),
    };
    Ok(JobOutcome {
        id: ExecutionId::from_bytes(row.get(1)?),
        scheduled_time: row.get(2)?,
        trigger: code::trigger(row.get(3)?),
        status: code::status(row.get(4)?),
        started_at: row.get(5)?,
        completed_at: row.get(6)?,
        attempts: row.get(7)?,
        version: row.get(8)?,
        reason: failed.or(error),
        missed: missed.map(|StoredMissed { from, to, count }| (from, to, count)),
    })
}
