//! Jobs and their versions.

use std::borrow::Cow;

use chronos_types::{By, Job, JobId, Millis, Pause, Skips, Status};
use rusqlite::{Row, types::Value};

use super::connection::Reader;
use super::page::{self, Candidate, PageLimits};
use super::pending::PendingRun;
use super::stats::JobStats;
use crate::command::{AUTHORS_SINCE, SETS_SINCE};
use crate::error::StateError;
use crate::run::JobSeq;
use crate::schema;
use crate::stored::bad::{ReadSpec, read_spec};
use crate::stored::code::{self, Code as _, JobState, disabled_job, enabled_job, live_job, ran};
use crate::stored::{columns, row};

/// A job, and what the machine knows about it.
#[derive(Clone, Debug, PartialEq)]
pub struct JobRow {
    /// The machine's own number, in order of creation.
    pub seq: JobSeq,
    /// The job. Its specification may be one that today's rules refuse.
    pub job: Job<ReadSpec>,
    /// Who made the version, where that is known.
    pub by: Option<By>,
    /// The set that owns it, if one does.
    pub set: Option<String>,
    /// The status of the newest run that began, and when it began.
    pub last_run: Option<(Status, Millis)>,
    /// The runs that its schedule asked for and that have not begun, the newest first. Of very many, the newest.
    pub pending: Vec<PendingRun>,
    /// Whether it is paused. The pause may be over by itself since a moment ago.
    pub paused: Option<Pause>,
    /// Its coming runs that are skipped. There may be none any more before their end.
    pub skips: Option<Skips>,
    /// What its runs came to, where that was asked for: see [`Reader::with_stats`].
    pub stats: Option<Box<JobStats>>,
}

/// One version of a job.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionRow {
    /// Its number.
    pub version: u64,
    /// When it was made.
    pub updated_at: Millis,
    /// Who made it, where that is known.
    pub by: Option<By>,
    /// What it says.
    pub spec: ReadSpec,
}

const COLUMNS: &str = "j.seq, j.id, j.version, j.created_at, j.updated_at, j.spec, d.at, j.name, j.state";

fn read_job(row: &Row<'_>) -> Result<(JobSeq, Job<ReadSpec>), StateError> {
    row::read("jobs", row, job)
}

fn job(row: &Row<'_>) -> Result<(JobSeq, Job<ReadSpec>), StateError> {
    let mut spec = read_spec(row.get_ref(5)?);
    if let Err(bad) = &mut spec {
        // These have columns of their own, which say what counts.
        bad.form.name = Cow::Owned(row.get::<_, Option<String>>(7)?.unwrap_or_default());
        bad.form.enabled = row.get::<_, i64>(8)? == JobState::Enabled.code();
    }
    let job = Job {
        id: JobId::from_bytes(row.get(1)?),
        version: row.get(2)?,
        created_at: row.get(3)?,
        updated_at: row.get(4)?,
        spec,
        next_due: row.get(6)?,
    };
    Ok((columns::job_seq(row, 0)?, job))
}

impl Reader {
    /// A job by its id or its name.
    ///
    /// # Errors
    /// The storage failed.
    pub fn find_job(&self, key: &str) -> Result<Option<JobRow>, StateError> {
        if let Ok(id) = JobId::parse(key)
            && let Some(row) =
                self.one_job(concat!("j.id = ?1 AND ", live_job!("j.")), Value::Blob(id.as_bytes().to_vec()))?
        {
            return Ok(Some(row));
        }
        self.one_job("j.name = ?1", Value::Text(key.to_owned()))
    }

    pub(super) fn one_job(&self, condition: &str, key: Value) -> Result<Option<JobRow>, StateError> {
        let (who, authors) = self.authors("j")?;
        let (set, sets) = self.sets()?;
        let sql = format!(
            "SELECT {COLUMNS}, {who}, {set} FROM jobs j JOIN due d ON d.seq = j.seq {authors} {sets} WHERE {condition}"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([key])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let (seq, job) = read_job(row)?;
        let (by, set) = row::read("jobs", row, |row| Ok((columns::by(row, 9)?, row.get(14)?)))?;
        let has_pauses = self.has_pauses()?;
        let paused = if has_pauses { self.pause_of(seq)? } else { None };
        let skips = if has_pauses { self.skips_of(seq, job.next_due)? } else { None };
        // After the instant at which it falls due: a run that is planned meanwhile is in one of them, or in both.
        let (last_run, pending) = (self.last_run(seq)?, self.pending_runs(seq)?);
        Ok(Some(JobRow { seq, job, by, set, last_run, pending, paused, skips, stats: None }))
    }

    /// The columns of who made a version in a row of this table, and what joins them. Nobody is known before the
    /// version of the cluster that brings that.
    fn authors(&self, of: &str) -> Result<(&'static str, String), StateError> {
        if schema::version(&self.connection)? < AUTHORS_SINCE {
            return Ok(("NULL, NULL, NULL, NULL, NULL", String::new()));
        }
        let join = format!("LEFT JOIN authors a ON a.job = {of}.seq AND a.version = {of}.version");
        Ok((columns::by_columns!(), join))
    }

    /// The set that owns the job of a row, and what joins it. There is none before the version of the cluster that
    /// brings sets.
    pub(super) fn sets(&self) -> Result<(&'static str, &'static str), StateError> {
        if schema::version(&self.connection)? < SETS_SINCE {
            return Ok(("NULL", ""));
        }
        Ok(("o.name", "LEFT JOIN job_sets o ON o.job = j.seq"))
    }

    /// A job by its name, for whoever is to write it: without who made it, and without its runs.
    ///
    /// # Errors
    /// The storage failed.
    pub fn stored_job(&self, name: &str) -> Result<Option<JobRow>, StateError> {
        let (set, sets) = self.sets()?;
        let sql = format!(
            "SELECT {COLUMNS}, {set} FROM jobs j JOIN due d ON d.seq = j.seq {sets} WHERE j.name = ?1"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([name])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let (seq, job) = read_job(row)?;
        let set = row::read("jobs", row, |row| Ok(row.get(9)?))?;
        let paused = if self.has_pauses()? { self.pause_of(seq)? } else { None };
        let (by, last_run, pending, skips, stats) = (None, None, Vec::new(), None, None);
        Ok(Some(JobRow { seq, job, by, set, last_run, pending, paused, skips, stats }))
    }

    fn last_run(&self, job: JobSeq) -> Result<Option<(Status, Millis)>, StateError> {
        let sql = concat!(
            "SELECT seq, status, coalesce(started_at, completed_at, scheduled_time) FROM executions
            WHERE job = ?1 AND ",
            ran!("+"),
            " ORDER BY id DESC LIMIT 1"
        );
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([job.get()])?;
        let read = |row: &Row<'_>| Ok((code::status(row.get(1)?), row.get(2)?));
        rows.next()?.map(|row| row::read("executions", row, read)).transpose()
    }

    /// A job's versions before `before`, the newest first. `take` says when the page has no place for a version.
    /// Answers where the list goes on, if it does.
    ///
    /// # Errors
    /// The storage failed.
    pub fn versions(
        &self,
        job: JobSeq,
        before: Option<u64>,
        limits: PageLimits,
        mut take: impl FnMut(VersionRow) -> bool,
    ) -> Result<Option<u64>, StateError> {
        // Their numbers alone: a specification is read when the page has come to it.
        let sql = concat!(
            "SELECT version FROM jobs WHERE seq = ?1 AND version < ?2 AND ",
            live_job!(),
            " UNION ALL SELECT version FROM versions WHERE seq = ?1 AND version < ?2 ORDER BY version DESC"
        );
        let before = before.and_then(|v| i64::try_from(v).ok()).unwrap_or(i64::MAX);
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query((job.get(), before))?;
        let next = || {
            let Some(row) = rows.next()? else { return Ok(None) };
            Ok(Some(Candidate { place: row.get(0)?, seq: job.get(), fits: true, bytes: 0 }))
        };
        page::walk(limits, next, |found| match self.version(job, found.place)? {
            Some(version) => Ok(take(version)),
            None => Ok(true),
        })
    }

    /// One version of a job, also of a deleted one.
    ///
    /// # Errors
    /// The storage failed.
    pub fn version(&self, job: JobSeq, version: u64) -> Result<Option<VersionRow>, StateError> {
        let Ok(wanted) = i64::try_from(version) else { return Ok(None) };
        let (who, authors) = self.authors("v")?;
        for table in ["jobs", "versions"] {
            let sql = format!(
                "SELECT v.seq, v.version, v.updated_at, v.spec, {who} FROM {table} v {authors}
                WHERE v.seq = ?1 AND v.version = ?2"
            );
            let mut statement = self.connection.prepare_cached(&sql)?;
            let mut rows = statement.query((job.get(), wanted))?;
            if let Some(row) = rows.next()? {
                return Ok(Some(read_version(row)?));
            }
        }
        Ok(None)
    }

    /// A job as one of its versions has it, also a deleted one. When it falls due next is what it is now.
    ///
    /// # Errors
    /// The storage failed.
    pub fn job_version(&self, job: JobSeq, version: u64) -> Result<Option<JobRow>, StateError> {
        let Some(VersionRow { version, updated_at, by, spec }) = self.version(job, version)? else {
            return Ok(None);
        };
        let Some(row) = self.one_job("j.seq = ?1", job.get().into())? else { return Ok(None) };
        Ok(Some(JobRow { job: Job { version, updated_at, spec, ..row.job }, by, ..row }))
    }

    /// How many jobs are enabled, and how many are disabled.
    ///
    /// # Errors
    /// The storage failed.
    pub fn count_jobs(&self) -> Result<(u64, u64), StateError> {
        let sql = concat!(
            "SELECT (SELECT count(*) FROM jobs WHERE ",
            enabled_job!(),
            "), (SELECT count(*) FROM jobs WHERE ",
            disabled_job!(),
            ")"
        );
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?)
    }
}

fn read_version(row: &Row<'_>) -> Result<VersionRow, StateError> {
    // Of the version in force, the row is one of `jobs`; the number is the same.
    row::read("versions", row, |row| {
        let spec = read_spec(row.get_ref(3)?);
        Ok(VersionRow { version: row.get(1)?, updated_at: row.get(2)?, by: columns::by(row, 4)?, spec })
    })
}
