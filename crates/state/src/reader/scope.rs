//! What whoever asks may see, as conditions of SQL: the jobs whose tag has one of some values. A job that is deleted is
//! judged by the tags that it had last.

use chronos_types::{ExecutionId, Limit, Scope};
use rusqlite::params_from_iter;

use super::connection::Reader;
use super::cost;
use super::executions::ExecutionRow;
use super::facets::LOOKED_AT;
use super::jobs::JobRow;
use super::page::Values;
use crate::command::SETS_SINCE;
use crate::error::StateError;
use crate::run::JobSeq;
use crate::schema;
use crate::stored::code::deleted_job;

/// The parameters that stand for the values of a limit, one behind the other.
fn among(limit: &Limit, values: &mut Values) -> String {
    let all: Vec<_> = limit.values().iter().map(|value| values.add(value.clone())).collect();
    all.join(", ")
}

/// Whether a row `w` of `tags` says of its job that it is within a limit.
pub(super) fn tagged(limit: &Limit, values: &mut Values) -> String {
    let key = values.add(limit.tag().to_owned());
    format!("w.key = {key} AND w.value IN ({})", among(limit, values))
}

/// Whether the job of this number, which is not deleted, is within a limit.
pub(super) fn live(limit: &Limit, seq: &str, values: &mut Values) -> String {
    format!("EXISTS (SELECT 1 FROM tags w WHERE w.seq = {seq} AND {})", tagged(limit, values))
}

/// Whether a row `g` of `jobs`, which is deleted, is of a job that was within a limit.
fn gone(limit: &Limit, values: &mut Values) -> String {
    // No key of a tag has a quote.
    let path = values.add(format!("$.tags.\"{}\"", limit.tag()));
    let among = among(limit, values);
    format!(
        "{} AND iif(json_valid(g.spec), json_extract(g.spec, {path}), NULL) IN ({among})",
        deleted_job!("g.")
    )
}

/// Whether the job of this number, deleted or not, is within a limit.
pub(super) fn any(limit: &Limit, seq: &str, values: &mut Values) -> String {
    let (live, gone) = (live(limit, seq, values), gone(limit, values));
    format!("({live} OR EXISTS (SELECT 1 FROM jobs g WHERE g.seq = {seq} AND {gone}))")
}

impl Reader {
    /// Whether a job is within a scope. One that is deleted is judged by the tags that it had last.
    ///
    /// # Errors
    /// The storage failed.
    pub fn is_job_in(&self, job: JobSeq, scope: &Scope) -> Result<bool, StateError> {
        let Some(limit) = scope.limit() else { return Ok(true) };
        let mut values = Values::default();
        let seq = values.add(job.get());
        let sql = format!("SELECT {}", any(limit, &seq, &mut values));
        Ok(self.connection.prepare_cached(&sql)?.query_row(params_from_iter(values.0), |row| row.get(0))?)
    }

    /// A job by its id or its name; none where it is beyond a scope.
    ///
    /// # Errors
    /// The storage failed.
    pub fn find_job_in(&self, key: &str, scope: &Scope) -> Result<Option<JobRow>, StateError> {
        let Some(row) = self.find_job(key)? else { return Ok(None) };
        Ok(self.is_job_in(row.seq, scope)?.then_some(row))
    }

    /// An execution; none where its job is beyond a scope.
    ///
    /// # Errors
    /// The storage failed.
    pub fn execution_in(&self, id: ExecutionId, scope: &Scope) -> Result<Option<ExecutionRow>, StateError> {
        let Some(row) = self.execution(id)? else { return Ok(None) };
        Ok(self.is_job_in(row.job_seq, scope)?.then_some(row))
    }

    /// The jobs within a limit that are not deleted, in order of creation: at most so many, and whether these are all.
    ///
    /// # Errors
    /// The storage failed.
    pub fn jobs_in(&self, limit: &Limit, most: usize) -> Result<(Vec<JobSeq>, bool), StateError> {
        let mut values = Values::default();
        let tagged = tagged(limit, &mut values);
        let most_and_one = values.add(i64::try_from(most).unwrap_or(i64::MAX).saturating_add(1));
        let sql = format!("SELECT w.seq FROM tags w WHERE {tagged} LIMIT {most_and_one}");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map(params_from_iter(values.0), |row| row.get(0).map(JobSeq::new))?;
        let mut jobs = rows.collect::<Result<Vec<_>, _>>()?;
        cost::note(&statement);
        let are_all = jobs.len() <= most;
        jobs.truncate(most);
        jobs.sort_unstable();
        Ok((jobs, are_all))
    }

    /// The jobs within a limit, also those that are deleted, where there are at most so many.
    pub(super) fn few_jobs_in(&self, limit: &Limit, most: usize) -> Result<Option<Vec<i64>>, StateError> {
        let (live, are_all) = self.jobs_in(limit, most)?;
        let deleted =
            concat!("SELECT seq FROM jobs INDEXED BY jobs_state WHERE ", deleted_job!(), " LIMIT ?1");
        let mut statement = self.connection.prepare_cached(&format!("SELECT count(*) FROM ({deleted})"))?;
        let count: usize = statement.query_row([most + 1], |row| row.get(0))?;
        cost::note(&statement);
        if !are_all || count > most {
            return Ok(None);
        }
        let mut values = Values::default();
        let gone = gone(limit, &mut values);
        let sql = format!("SELECT g.seq FROM jobs g INDEXED BY jobs_state WHERE {gone}");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map(params_from_iter(values.0), |row| row.get(0))?;
        let mut jobs = rows.collect::<Result<Vec<i64>, _>>()?;
        cost::note(&statement);
        jobs.extend(live.iter().map(|job| job.get()));
        Ok((jobs.len() <= most).then_some(jobs))
    }

    /// Whether all jobs of a set are within a scope. Those of a set that owns none are.
    ///
    /// # Errors
    /// The storage failed.
    pub fn is_set_in(&self, set: &str, scope: &Scope) -> Result<bool, StateError> {
        let Some(limit) = scope.limit() else { return Ok(true) };
        if schema::version(&self.connection)? < SETS_SINCE {
            return Ok(true);
        }
        let mut values = Values::default();
        let (set, live) = (values.add(set.to_owned()), live(limit, "s.job", &mut values));
        let sql = format!(
            "SELECT NOT EXISTS (SELECT 1 FROM job_sets s INDEXED BY job_sets_name WHERE s.name = {set} AND NOT {live})"
        );
        Ok(self.connection.prepare_cached(&sql)?.query_row(params_from_iter(values.0), |row| row.get(0))?)
    }

    /// The values of a tag that jobs of a set have, but for one job where one is named: two of them at most. None stands
    /// for jobs without it.
    ///
    /// # Errors
    /// The storage failed.
    pub fn set_values(
        &self,
        set: &str,
        tag: &str,
        but: Option<JobSeq>,
    ) -> Result<Vec<Option<String>>, StateError> {
        if schema::version(&self.connection)? < SETS_SINCE {
            return Ok(Vec::new());
        }
        let sql = "SELECT DISTINCT w.value FROM job_sets s INDEXED BY job_sets_name
            LEFT JOIN tags w ON w.seq = s.job AND w.key = ?2 WHERE s.name = ?1 AND s.job <> ?3 LIMIT 2";
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map((set, tag, but.unwrap_or_default().get()), |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The rows of the jobs within a limit: what counts something of them selects from this.
    pub(super) fn counted_in(limit: &Limit, values: &mut Values) -> String {
        let tagged = tagged(limit, values);
        format!("(SELECT w.seq FROM tags w WHERE {tagged} LIMIT {LOOKED_AT}) c")
    }
}
