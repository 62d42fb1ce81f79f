//! What the runs of each job came to: a row for each job, from the first of its runs that began or ended until the job
//! is deleted.
//!
//! It is written with each run, so it names the columns that are in an index only where they change: SQLite writes an
//! index anew whenever a statement names its column.

use chronos_types::{ErrorKind, Millis, Status, Trigger};
use rusqlite::Row;

use super::context::Context;
use crate::command::STATS_SINCE;
use crate::error::StateError;
use crate::run::JobSeq;
use crate::stored::code::{Code, live_job};
use crate::stored::histogram::{self, BUCKETS};
use crate::stored::row;
use crate::stored::tally::Tally;

/// A histogram of so many samples is halved: it tells of the last thousand or so, and an old habit fades.
const SAMPLES: u64 = 1_024;

/// What became of a run.
pub(super) struct Ran {
    pub(super) job: JobSeq,
    pub(super) trigger: Trigger,
    pub(super) status: Status,
    /// When it began. Where it ended without having begun, when it ended.
    pub(super) began: Millis,
    /// When it was over, if it is.
    pub(super) at: Option<Millis>,
    pub(super) ended: Ended,
}

/// How a run ended.
pub(super) enum Ended {
    Success {
        /// How long its last attempt took.
        duration_ms: u64,
    },
    Failed(Failure),
    /// It was cancelled, or it is not over.
    Other,
}

/// How a run failed.
pub(super) struct Failure {
    pub(super) kind: Option<ErrorKind>,
    pub(super) status_code: Option<u16>,
    /// The host that it called; empty where its node has not said it.
    pub(super) host: String,
}

/// The row of a job.
#[derive(Clone, Default, PartialEq)]
struct Stats {
    last_status: i64,
    last_run: Millis,
    failures: i64,
    duration: Option<i64>,
    success_at: Option<Millis>,
    failure_at: Option<Millis>,
    failing_since: Option<Millis>,
    error_kind: Option<i64>,
    status_code: Option<i64>,
    host: Option<String>,
    histogram: Tally,
}

/// Notes what became of a run.
pub(super) fn note(context: &Context<'_>, ran: &Ran) -> Result<(), StateError> {
    let found = load(context, ran.job)?;
    if found.is_none() && !is_live(context, ran.job)? {
        return Ok(());
    }
    let mut stats = found.clone().unwrap_or_default();
    stats.add(ran);
    if found.as_ref() == Some(&stats) { Ok(()) } else { stats.store(context, ran.job, found.as_ref()) }
}

/// Forgets the row of a job that is deleted.
pub(super) fn forget(context: &Context<'_>, job: JobSeq) -> Result<(), StateError> {
    if context.version()? >= STATS_SINCE {
        context.db.prepare_cached("DELETE FROM job_stats WHERE job = ?1")?.execute([job.get()])?;
    }
    Ok(())
}

fn load(context: &Context<'_>, job: JobSeq) -> Result<Option<Stats>, StateError> {
    let sql = "SELECT job, last_status, last_run, failures, duration, success_at, failure_at, failing_since,
        error_kind, status_code, host, histogram FROM job_stats WHERE job = ?1";
    context.statements.with(sql, |statement| {
        let mut rows = statement.query([job.get()])?;
        rows.next()?.map(|row| row::read("job_stats", row, read)).transpose()
    })
}

fn read(row: &Row<'_>) -> Result<Stats, StateError> {
    let histogram = row.get_ref(11)?.as_blob_or_null()?.map(Tally::read).transpose()?;
    Ok(Stats {
        last_status: row.get(1)?,
        last_run: row.get(2)?,
        failures: row.get(3)?,
        duration: row.get(4)?,
        success_at: row.get(5)?,
        failure_at: row.get(6)?,
        failing_since: row.get(7)?,
        error_kind: row.get(8)?,
        status_code: row.get(9)?,
        host: row.get(10)?,
        histogram: histogram.unwrap_or_default(),
    })
}

/// Asked once in the life of a job: a late word of a run of a deleted one makes it no row.
fn is_live(context: &Context<'_>, job: JobSeq) -> Result<bool, StateError> {
    let sql = concat!("SELECT 1 FROM jobs WHERE seq = ?1 AND ", live_job!());
    Ok(context.db.prepare_cached(sql)?.exists([job.get()])?)
}

impl Stats {
    fn add(&mut self, ran: &Ran) {
        let is_first = self.last_status == Status::Pending.code();
        if is_first || ran.began >= self.last_run {
            (self.last_status, self.last_run) = (ran.status.code(), ran.began);
        }
        // What somebody asks for by hand tells nothing of whether the job does what its schedule asks for.
        let counts = matches!(ran.trigger, Trigger::Schedule | Trigger::CatchUp);
        match &ran.ended {
            Ended::Success { duration_ms } => {
                self.success_at = self.success_at.max(ran.at);
                self.took(*duration_ms);
                if counts {
                    self.failures = 0;
                    (self.failing_since, self.error_kind, self.status_code, self.host) = Default::default();
                }
            }
            Ended::Failed(Failure { kind, status_code, host }) => {
                self.failure_at = self.failure_at.max(ran.at);
                if counts {
                    self.failures += 1;
                    self.failing_since = self.failing_since.or(ran.at);
                    self.error_kind = kind.map(Code::code);
                    self.status_code = status_code.map(i64::from);
                    self.host = Some(host.clone());
                }
            }
            Ended::Other => {}
        }
    }

    fn took(&mut self, duration_ms: u64) {
        self.histogram.add(histogram::bucket(duration_ms), 1);
        if self.histogram.total() >= SAMPLES {
            self.histogram.halve();
        }
        let half = histogram::percentile(self.histogram.from(0, BUCKETS), 50).unwrap_or(duration_ms);
        // Between two buckets it would go to and fro, and be written in an index each time.
        let known = self.duration.and_then(|known| u64::try_from(known).ok()).map(histogram::bucket);
        if known.is_none_or(|known| known.abs_diff(histogram::bucket(half)) > 1) {
            self.duration = Some(i64::try_from(half).unwrap_or(i64::MAX));
        }
    }

    fn store(&self, context: &Context<'_>, job: JobSeq, found: Option<&Self>) -> Result<(), StateError> {
        macro_rules! update {
            ($indexed:literal) => {
                concat!(
                    "UPDATE job_stats SET last_status = ?2, ",
                    $indexed,
                    "success_at = ?6, failure_at = ?7, failing_since = ?8, error_kind = ?9, status_code = ?10,
                    host = ?11, histogram = ?12, sum = ?13 WHERE job = ?1"
                )
            };
        }
        // Which columns are in an index and change. Most often that is when the job ran last, and nothing else.
        let changes = |old: &Self| {
            (old.last_run != self.last_run, old.failures != self.failures, old.duration != self.duration)
        };
        let (sql, unnamed) = match found.map(changes) {
            None => (
                "INSERT INTO job_stats VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
                0..0,
            ),
            Some((false, false, false)) => (update!(""), 2..5),
            Some((true, false, false)) => (update!("last_run = ?3, "), 3..5),
            Some((true, true, false)) => (update!("last_run = ?3, failures = ?4, "), 4..5),
            Some((true, false, true)) => (update!("last_run = ?3, duration = ?5, "), 3..4),
            Some((true, true, true)) => (update!("last_run = ?3, failures = ?4, duration = ?5, "), 0..0),
            // Of a run that was noted before: when it began, or when it waited for its retry. ?5 is bound, and nothing
            // names it, which does no harm.
            Some((false, true, false)) => (update!("failures = ?4, "), 2..3),
            // One statement for these: such runs are long, and few.
            Some((false, _, true)) => (update!("failures = ?4, duration = ?5, "), 2..3),
        };
        let histogram = (!self.histogram.is_empty()).then(|| self.histogram.to_bytes());
        row::write_often(
            &context.statements,
            sql,
            row::cells![
                job.get(),
                self.last_status,
                self.last_run,
                self.failures,
                self.duration,
                self.success_at,
                self.failure_at,
                self.failing_since,
                self.error_kind,
                self.status_code,
                self.host,
                histogram.as_deref(),
            ],
            unnamed,
            row::cells![],
        )?;
        Ok(())
    }
}
