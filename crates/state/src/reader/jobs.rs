//! Jobs and their versions.

use std::borrow::Cow;

use chronos_types::{Job, JobId, Millis, Status};
use rusqlite::{Row, params_from_iter, types::Value};

use super::page::Page;
use super::pool::Reader;
use crate::error::StateError;
use crate::run::JobSeq;
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
    /// The status of the newest run that began, and when it began.
    pub last_run: Option<(Status, Millis)>,
}

/// One version of a job.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionRow {
    /// Its number.
    pub version: u64,
    /// When it was made.
    pub updated_at: Millis,
    /// What it says.
    pub spec: ReadSpec,
}

/// Which jobs to list. Every condition must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Whether the job is enabled.
    pub enabled: Option<bool>,
    /// Labels it must carry.
    pub tags: Vec<(String, String)>,
    /// A text that is part of its name or description, in any case.
    pub q: Option<String>,
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

    fn one_job(&self, condition: &str, key: Value) -> Result<Option<JobRow>, StateError> {
        let sql = format!("SELECT {COLUMNS} FROM jobs j JOIN due d ON d.seq = j.seq WHERE {condition}");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([key])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let (seq, job) = read_job(row)?;
        Ok(Some(JobRow { seq, job, last_run: self.last_run(seq)? }))
    }

    /// Jobs after the number `after`, in order of creation.
    ///
    /// # Errors
    /// The storage failed.
    pub fn jobs(
        &self,
        filter: &JobFilter,
        after: Option<JobSeq>,
        limit: usize,
    ) -> Result<Page<JobRow>, StateError> {
        let mut values: Vec<Value> = vec![after.unwrap_or_default().get().into()];
        // The scan must follow the narrowest index: that of a tag, else that of the state.
        let mut from = "jobs j".to_owned();
        let mut conditions = String::new();
        for (number, (key, value)) in filter.tags.iter().enumerate() {
            values.push(key.clone().into());
            values.push(value.clone().into());
            let (k, v) = (values.len() - 1, values.len());
            if number == 0 {
                from = "tags t CROSS JOIN jobs j ON j.seq = t.seq".into();
                conditions += &format!(" AND t.key = ?{k} AND t.value = ?{v} AND t.seq > ?1");
            } else {
                conditions += &format!(
                    " AND EXISTS (SELECT 1 FROM tags u WHERE u.key = ?{k} AND u.value = ?{v} AND u.seq = j.seq)"
                );
            }
        }
        conditions += match filter.enabled {
            Some(true) => concat!(" AND ", enabled_job!("j.")),
            Some(false) => concat!(" AND ", disabled_job!("j.")),
            None => concat!(" AND ", live_job!("+j.")),
        };
        if let Some(q) = &filter.q {
            let escaped = q.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
            values.push(format!("%{escaped}%").into());
            let n = values.len();
            conditions += &format!(
                " AND (j.name LIKE ?{n} ESCAPE '\\' OR CASE WHEN json_valid(j.spec)
                    THEN json_extract(j.spec, '$.description') LIKE ?{n} ESCAPE '\\' END)"
            );
        }
        let order = if filter.tags.is_empty() { "j.seq" } else { "t.seq" };
        let sql = format!(
            "SELECT {COLUMNS} FROM {from} CROSS JOIN due d ON d.seq = j.seq
             WHERE j.seq > ?1{conditions} ORDER BY {order} LIMIT {}",
            limit + 1
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        let mut items = Vec::new();
        while let Some(row) = rows.next()? {
            let (seq, job) = read_job(row)?;
            items.push(JobRow { seq, job, last_run: None });
        }
        let mut page = Page::cut(items, limit);
        for item in &mut page.items {
            item.last_run = self.last_run(item.seq)?;
        }
        Ok(page)
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

    /// A job's versions before `before`, the newest first.
    ///
    /// # Errors
    /// The storage failed.
    pub fn versions(
        &self,
        job: JobSeq,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Page<VersionRow>, StateError> {
        let sql = concat!(
            "SELECT seq, version, updated_at, spec FROM (
                SELECT seq, version, updated_at, spec FROM jobs WHERE seq = ?1 AND ",
            live_job!(),
            " UNION ALL SELECT seq, version, updated_at, spec FROM versions WHERE seq = ?1)
            WHERE version < ?2 ORDER BY version DESC LIMIT ?3"
        );
        let before = before.and_then(|v| i64::try_from(v).ok()).unwrap_or(i64::MAX);
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query((job.get(), before, limit + 1))?;
        let mut items = Vec::new();
        while let Some(row) = rows.next()? {
            items.push(read_version(row)?);
        }
        Ok(Page::cut(items, limit))
    }

    /// One version of a job, also of a deleted one.
    ///
    /// # Errors
    /// The storage failed.
    pub fn version(&self, job: JobSeq, version: u64) -> Result<Option<VersionRow>, StateError> {
        let Ok(wanted) = i64::try_from(version) else { return Ok(None) };
        for sql in [
            "SELECT seq, version, updated_at, spec FROM jobs WHERE seq = ?1 AND version = ?2",
            "SELECT seq, version, updated_at, spec FROM versions WHERE seq = ?1 AND version = ?2",
        ] {
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut rows = statement.query((job.get(), wanted))?;
            if let Some(row) = rows.next()? {
                return Ok(Some(read_version(row)?));
            }
        }
        Ok(None)
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
        Ok(VersionRow { version: row.get(1)?, updated_at: row.get(2)?, spec })
    })
}
