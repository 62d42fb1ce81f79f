//! What the cluster knows of its time, and what waits by it.

use chronos_types::{JobId, JobTimes, Millis};
use rusqlite::Row;

use super::connection::Reader;
use crate::error::StateError;
use crate::run::JobSeq;
use crate::stored::clock::{self, BACK_FROM, BACK_TO, JUMPED_FROM, JUMPED_TO, NOTED};
use crate::stored::code::{self, enabled_job, open};
use crate::stored::{columns, row, spec};

/// What the cluster knows of its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClusterTime {
    /// The time of the last batch, at most a minute old; 0 before the first.
    pub noted: Millis,
    /// A jump of more than a day between two batches, which nobody has said to be right.
    pub jump: Option<Jump>,
    /// The time was set back, and what waits is being computed anew.
    pub back: Option<SetBack>,
}

/// The time went from one instant to another in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jump {
    /// The time before.
    pub from: Millis,
    /// The time after.
    pub to: Millis,
}

/// The time was set back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetBack {
    /// The time before.
    pub from: Millis,
    /// The time after.
    pub to: Millis,
}

/// A job, and when it falls due.
#[derive(Clone, Debug, PartialEq)]
pub struct JobDue {
    /// The machine's own number.
    pub seq: JobSeq,
    /// The job.
    pub id: JobId,
    /// Its version.
    pub version: u64,
    /// When it was created.
    pub created_at: Millis,
    /// When it was changed last.
    pub updated_at: Millis,
    /// When it falls due next.
    pub at: Option<Millis>,
    /// When it runs.
    pub times: JobTimes,
    /// The end of its pause, where it is paused: before that it does not run.
    pub paused_until: Option<Millis>,
}

/// What a look at a part of the unfinished executions found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WaitingRuns {
    /// The machine's own numbers of those that wait.
    pub found: Vec<i64>,
    /// Where the look ended; none where nothing follows.
    pub last: Option<(JobSeq, i64)>,
}

impl Reader {
    /// What the cluster knows of its time.
    ///
    /// # Errors
    /// The storage failed.
    pub fn cluster_time(&self) -> Result<ClusterTime, StateError> {
        let db = &self.connection;
        Ok(ClusterTime {
            noted: clock::at(db, NOTED)?.unwrap_or_default(),
            jump: clock::pair(db, JUMPED_FROM, JUMPED_TO)?.map(|(from, to)| Jump { from, to }),
            back: clock::pair(db, BACK_FROM, BACK_TO)?.map(|(from, to)| SetBack { from, to }),
        })
    }

    /// Enabled jobs after the number `after`, in order of creation, and when each falls due. Those that are paused for no
    /// one knows how long are none of them. Jobs whose times cannot be read are passed by: nothing can be computed for
    /// them, so their due instants stay.
    ///
    /// # Errors
    /// The storage failed.
    pub fn enabled_jobs(&self, after: JobSeq, limit: usize) -> Result<Vec<JobDue>, StateError> {
        let (paused_until, pauses) = self.paused_until()?;
        let sql = format!(
            "SELECT j.seq, j.id, j.version, j.created_at, j.updated_at, d.at, j.spec, {paused_until}
            FROM jobs j CROSS JOIN due d ON d.seq = j.seq {pauses} AND {} AND j.seq > ?1 ORDER BY j.seq",
            enabled_job!("j."),
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([after.get()])?;
        let mut jobs = Vec::new();
        while jobs.len() < limit
            && let Some(row) = rows.next()?
        {
            jobs.extend(row::read("jobs", row, job_due)?);
        }
        Ok(jobs)
    }

    /// The column of when the pause of a job ends, what joins it, and the condition that it ends, where there is one.
    pub(super) fn paused_until(&self) -> Result<(&'static str, &'static str), StateError> {
        Ok(if self.has_pauses()? {
            ("p.until", "LEFT JOIN pauses p ON p.job = j.seq WHERE (p.job IS NULL OR p.until IS NOT NULL)")
        } else {
            ("NULL", "WHERE TRUE")
        })
    }

    /// Unfinished executions after `after` whose next attempt waits for an instant later than `now` that no
    /// schedule gave them: retries, and runs that were asked for. It looks at `limit` executions at most.
    ///
    /// # Errors
    /// The storage failed.
    pub fn waiting_runs(
        &self,
        after: Option<(JobSeq, i64)>,
        now: Millis,
        limit: usize,
    ) -> Result<WaitingRuns, StateError> {
        // The order is that of the index, so each look starts where the last one ended.
        let sql = concat!(
            "SELECT seq, job, status, trigger, fire_at FROM executions INDEXED BY executions_open WHERE ",
            open!(),
            " AND (job, seq) > (?1, ?2) ORDER BY job, seq LIMIT ?3"
        );
        let (job, seq) = after.map_or((0, 0), |(job, seq)| (job.get(), seq));
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query((job, seq, limit))?;
        let (mut looked_at, mut waiting) = (0, WaitingRuns::default());
        while let Some(row) = rows.next()? {
            looked_at += 1;
            let (seq, waits) = row::read("executions", row, |row| Ok((row.get(0)?, waits(row, now)?)))?;
            if waits {
                waiting.found.push(seq);
            }
            if looked_at == limit {
                waiting.last = Some((columns::job_seq(row, 1)?, seq));
            }
        }
        Ok(waiting)
    }
}

fn waits(row: &Row<'_>, now: Millis) -> Result<bool, StateError> {
    let (status, trigger) = (code::status(row.get(2)?), code::trigger(row.get(3)?));
    let fire_at: Millis = row.get(4)?;
    Ok(fire_at > now && crate::run::is_due_at_once(status, trigger))
}

/// A job of a row of its number, id, version, creation and change, when it falls due, its specification, and when its
/// pause ends; none where its times cannot be read.
pub(super) fn job_due(row: &Row<'_>) -> Result<Option<JobDue>, StateError> {
    let Ok(times) = spec::times_from_json(row.get_ref(6)?.as_str().unwrap_or_default()) else {
        return Ok(None);
    };
    Ok(Some(JobDue {
        seq: columns::job_seq(row, 0)?,
        id: JobId::from_bytes(row.get(1)?),
        version: row.get(2)?,
        created_at: row.get(3)?,
        updated_at: row.get(4)?,
        at: row.get(5)?,
        times,
        paused_until: row.get(7)?,
    }))
}
