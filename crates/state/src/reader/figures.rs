//! Figures of what was done: of all jobs, from what is kept of them, and of one job, from its executions on record.

use chronos_types::{ErrorKind, Limit, Millis, Status, Trigger};
use rusqlite::Row;

use super::connection::Reader;
use super::page::PageLimits;
use crate::command::STATS_SINCE;
use crate::error::StateError;
use crate::run::JobSeq;
use crate::schema;
use crate::stored::clock::{self, FIGURES_SINCE};
use crate::stored::code::{self, finished};
use crate::stored::execution::{StoredAttempt, StoredDetail, StoredMissed};
use crate::stored::figures::Figures;
use crate::stored::hosts::{HostFailures, Hosts};
use crate::stored::rollups::{self, LEVELS, OPEN};
use crate::stored::row;
use crate::stored::scope_rollups::{self, OTHERS, Stretch};

/// The figures of a stretch of time, and when that begins.
pub type FiguresFrom = (Millis, Figures);

/// What is on record of the executions of a job, as figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobFigures {
    /// Each step that there is something of, in their order.
    pub series: Vec<FiguresFrom>,
    /// Whether all that is on record of the range was read.
    pub complete: bool,
}

/// What the jobs within a limit did.
#[derive(Clone, Debug)]
pub struct ScopeFigures {
    /// Each step that there is something of, in their order.
    pub series: Vec<FiguresFrom>,
    /// Where executions failed, the most frequent first.
    pub failed_hosts: Vec<HostFailures>,
    /// Whether all values were told apart. Where they were not, some of what these jobs did may be missing.
    pub are_told_apart: bool,
}

impl Reader {
    /// The lengths of the stretches of time that figures are kept of, and for how long those of each are. Each divides the
    /// next.
    #[must_use]
    pub fn figures_steps() -> [(Millis, Millis); 3] {
        LEVELS
    }

    /// From when on what is done is counted. None before the version of the cluster that counts it.
    ///
    /// # Errors
    /// The storage failed.
    pub fn figures_since(&self) -> Result<Option<Millis>, StateError> {
        clock::at(&self.connection, FIGURES_SINCE)
    }

    /// The figures of all stretches of a length (see [`Self::figures_steps`]) that begin in a range, in their order.
    ///
    /// # Errors
    /// The storage failed.
    pub fn figures(&self, step: Millis, from: Millis, to: Millis) -> Result<Vec<FiguresFrom>, StateError> {
        if schema::version(&self.connection)? < STATS_SINCE {
            return Ok(Vec::new());
        }
        let sql = "SELECT step, start, figures, lateness_max, duration_max FROM rollups
            WHERE step = ?1 AND start >= ?2 AND start < ?3 ORDER BY start";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query((step, from, to))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(rollups::figures(row)?);
        }
        // What the last five minutes came to is not in the others yet.
        if let Some((start, open)) = rollups::open(&self.connection)? {
            let start = rollups::start_of(start, step);
            if (from..to).contains(&start) {
                add(&mut found, start, |figures| figures.add(&open));
            }
        }
        Ok(found)
    }

    /// Where executions failed in such a range, the most frequent first.
    ///
    /// # Errors
    /// The storage failed.
    pub fn failed_hosts(
        &self,
        step: Millis,
        from: Millis,
        to: Millis,
    ) -> Result<Vec<HostFailures>, StateError> {
        if schema::version(&self.connection)? < STATS_SINCE {
            return Ok(Vec::new());
        }
        let sql = "SELECT step, start, hosts FROM rollup_hosts
            WHERE step IN (?1, ?4) AND start >= ?2 AND start < ?3 ORDER BY step DESC, start";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query((step, from, to, OPEN))?;
        let mut hosts = Hosts::default();
        while let Some(row) = rows.next()? {
            hosts.add_all(&rollups::read_hosts(row)?.1);
        }
        Ok(hosts.into_list())
    }

    /// From when on what is done is counted by the values of the tag of a limit. None where it is not.
    ///
    /// # Errors
    /// The storage failed.
    pub fn figures_since_in(&self, limit: &Limit) -> Result<Option<Millis>, StateError> {
        if schema::version(&self.connection)? < STATS_SINCE {
            return Ok(None);
        }
        let counted = scope_rollups::tag(&self.connection)?.filter(|(tag, _)| tag == limit.tag());
        Ok(counted.map(|(_, since)| since))
    }

    /// What the jobs within a limit did in all stretches of a length that begin in a range.
    ///
    /// # Errors
    /// The storage failed.
    pub fn figures_in(
        &self,
        limit: &Limit,
        step: Millis,
        from: Millis,
        to: Millis,
    ) -> Result<ScopeFigures, StateError> {
        let (mut series, mut hosts) = (Vec::new(), Hosts::default());
        if schema::version(&self.connection)? < STATS_SINCE {
            return Ok(ScopeFigures { series, failed_hosts: Vec::new(), are_told_apart: false });
        }
        for scope in scope_rollups::scopes(limit) {
            self.stretches(&scope, step, from, to, |start, stretch| {
                add(&mut series, start, |figures| figures.add(&stretch.figures));
                hosts.add_all(&stretch.hosts);
            })?;
        }
        let mut are_told_apart = true;
        self.stretches(OTHERS, step, from, to, |_, _| are_told_apart = false)?;
        Ok(ScopeFigures { series, failed_hosts: hosts.into_list(), are_told_apart })
    }

    /// Goes through the stretches of a scope, and what is not in them yet.
    fn stretches(
        &self,
        scope: &str,
        step: Millis,
        from: Millis,
        to: Millis,
        mut each: impl FnMut(Millis, Stretch),
    ) -> Result<(), StateError> {
        let columns = scope_rollups::COLUMNS;
        let sql = format!(
            "SELECT {columns} FROM scope_rollups WHERE step = ?1 AND scope = ?2 AND start >= ?3 AND start < ?4"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        // What is not in the stretches yet belongs into one that begins before it.
        for (length, before) in [(step, to), (OPEN, Millis::MAX)] {
            let mut rows = statement.query((length, scope, from, before))?;
            while let Some(row) = rows.next()? {
                let (_, start, stretch) = scope_rollups::read(row)?;
                let start = rollups::start_of(start, step);
                if (from..to).contains(&start) {
                    each(start, stretch);
                }
            }
        }
        Ok(())
    }

    /// The figures of a job, from its executions on record that were over in a range, by steps from its beginning on. No
    /// more are read than a page may look at, the newest first.
    ///
    /// # Errors
    /// The storage failed.
    pub fn job_figures(
        &self,
        job: JobSeq,
        (from, to): (Millis, Millis),
        step: Millis,
        limits: PageLimits,
    ) -> Result<JobFigures, StateError> {
        let sql = concat!(
            "SELECT seq, status, trigger, scheduled_time, started_at, completed_at, detail,
                coalesce(octet_length(detail), 0)
            FROM executions INDEXED BY executions_job WHERE job = ?1 AND ",
            finished!("+"),
            " ORDER BY id DESC"
        );
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([job.get()])?;
        let (mut series, mut examined, mut bytes) = (Vec::new(), 0, 0_u64);
        while let Some(found) = rows.next()? {
            if examined >= limits.examined_rows || bytes >= limits.examined_bytes {
                return Ok(JobFigures { series, complete: false });
            }
            examined += 1;
            let read = row::read("executions", found, |row| {
                let over_at: Millis = row.get::<_, Option<Millis>>(5)?.unwrap_or_default();
                if !(from..to).contains(&over_at) {
                    return Ok(None);
                }
                bytes += row.get::<_, u64>(7)?;
                Ok(Some((from + (over_at - from) / step * step, ended(row)?)))
            })?;
            if let Some((start, ended)) = read {
                add(&mut series, start, |figures| ended.count(figures));
            }
        }
        Ok(JobFigures { series, complete: true })
    }
}

/// Adds to the figures of a stretch, which has a place among the others. Mostly that is at an end.
fn add(series: &mut Vec<FiguresFrom>, start: Millis, add: impl FnOnce(&mut Figures)) {
    let place = series.binary_search_by_key(&start, |(start, _)| *start).unwrap_or_else(|place| {
        series.insert(place, (start, Figures::default()));
        place
    });
    add(&mut series[place].1);
}

/// What is counted of an execution on record.
struct EndedRun {
    status: Status,
    trigger: Trigger,
    lateness: Option<Millis>,
    attempts: Vec<StoredAttempt>,
    missed: Option<StoredMissed>,
}

fn ended(row: &Row<'_>) -> Result<EndedRun, StateError> {
    // One whose detail cannot be read is counted by what is in columns.
    let StoredDetail { attempts, missed, fire_at, .. } =
        StoredDetail::read(row.get_ref(6)?).unwrap_or_default();
    let (scheduled_time, started_at): (Millis, Option<Millis>) = (row.get(3)?, row.get(4)?);
    Ok(EndedRun {
        status: code::status(row.get(1)?),
        trigger: code::trigger(row.get(2)?),
        // When it was to fire is on record where that is not its instant: with a jitter.
        lateness: started_at.map(|at| at.saturating_sub(fire_at.unwrap_or(scheduled_time))),
        attempts,
        missed,
    })
}

impl EndedRun {
    /// As it is counted when it happens.
    fn count(&self, figures: &mut Figures) {
        if let Some(missed) = &self.missed {
            figures.pass_over(missed.count);
            return;
        }
        figures.ended(self.status, self.trigger);
        if let (Some(lateness), Trigger::Schedule) = (self.lateness, self.trigger) {
            figures.late(u64::try_from(lateness).unwrap_or_default());
        }
        for attempt in &self.attempts {
            let kind = attempt.error_kind.as_deref().and_then(|kind| ErrorKind::parse(kind).ok());
            // An attempt of a kind that is not known failed too.
            if attempt.error_kind.is_none() || kind.is_some() {
                figures.attempt(kind);
            }
        }
        if let (Status::Success, Some(last)) = (self.status, self.attempts.last()) {
            figures.took(last.duration_ms);
        }
    }
}
