//! Conditions that leave few jobs: these are found by the index of the condition, and then sorted.

use chronos_types::Status;
use rusqlite::params_from_iter;

use super::look::key;
use super::planned::Planned;
use super::{JobFilter, JobList, JobOrder, JobPlace, JobsAmong, conditions, orders};
use crate::error::StateError;
use crate::reader::connection::Reader;
use crate::reader::page::{Values, numbers};
use crate::reader::{cost, page, scope};
use crate::run::JobSeq;
use crate::stored::code::{Code as _, disabled_job, open};

/// So many jobs are collected and sorted. To look at each takes 3 µs, on every page. Where there are more, a page along the
/// order finds its 50 sooner: of 2,000 among 100,000 jobs, it looks at 2,500.
const MOST: usize = 2_000;

impl Reader {
    /// The jobs that a condition leaves, in no order, where one of them leaves few: all others are none of those that are
    /// asked for.
    pub(super) fn few_jobs(
        &self,
        list: &JobList,
        among: Option<&JobsAmong>,
    ) -> Result<Option<Vec<i64>>, StateError> {
        if let Some(among) = among.filter(|among| !among.more && among.jobs.len() <= MOST) {
            return Ok(Some(among.jobs.iter().map(|job| job.get()).collect()));
        }
        for (sql, values) in self.sources(list)? {
            let mut statement = self.connection.prepare_cached(&sql)?;
            let rows = statement.query_map(params_from_iter(values.0), |row| row.get(0))?;
            let mut jobs: Vec<i64> = rows.collect::<Result<_, _>>()?;
            cost::note(&statement);
            if jobs.len() <= MOST {
                jobs.sort_unstable();
                jobs.dedup();
                return Ok(Some(jobs));
            }
        }
        Ok(None)
    }

    /// The statements that find the jobs of each condition which may leave few: they stop at one more than that.
    pub(super) fn sources(&self, list: &JobList) -> Result<Vec<(String, Values)>, StateError> {
        let JobFilter { enabled, tags, set, status, failing, late, running, scope, .. } = &list.filter;
        let (mut sources, most) = (Vec::new(), MOST + 1);
        if *failing == Some(true) {
            let sql = "SELECT job FROM job_stats INDEXED BY job_stats_failures WHERE failures > 0";
            sources.push((format!("{sql} LIMIT {most}"), Values::default()));
        }
        if let Some(set) = set {
            let mut values = Values::default();
            let set = values.add(set.clone());
            let sql =
                format!("SELECT job FROM job_sets INDEXED BY job_sets_name WHERE name = {set} LIMIT {most}");
            sources.push((sql, values));
        }
        // Also in order of creation: no index has the jobs of several values in it.
        if let Some(limit) = scope.limit() {
            let mut values = Values::default();
            let tagged = scope::tagged(limit, &mut values);
            sources.push((format!("SELECT w.seq FROM tags w WHERE {tagged} LIMIT {most}"), values));
        }
        // An open run that its job ran last is among those that are open.
        let last = status.filter(|status| !status.is_finished());
        let running = (*running == Some(true)).then_some(Status::Running);
        let is_late = *late == Some(true);
        if (is_late || last.or(running).is_some()) && self.few_are_open(page::MOST_COLLECTED)? {
            let open = concat!("SELECT job FROM executions INDEXED BY executions_open WHERE ", open!());
            for status in running.into_iter().chain(last) {
                let sql = format!("{open} AND status = {} LIMIT {most}", status.code());
                sources.push((sql, Values::default()));
            }
            if is_late {
                let mut values = Values::default();
                let before = values.add(conditions::late_before(list));
                let sql = format!(
                    "{open} AND status = {} AND fire_at < {before}
                    UNION ALL SELECT seq FROM due INDEXED BY due_at WHERE at IS NOT NULL AND at < {before} LIMIT {most}",
                    Status::Pending.code()
                );
                sources.push((sql, values));
            }
        }
        // In order of creation, the index of the first tag is the order itself, and so is that of the state.
        let is_by_creation = list.order == JobOrder::Created;
        if *enabled == Some(false) && !is_by_creation {
            let sql = concat!("SELECT seq FROM jobs INDEXED BY jobs_state WHERE ", disabled_job!());
            sources.push((format!("{sql} LIMIT {most}"), Values::default()));
        }
        for (key, value) in tags.iter().filter(|_| !is_by_creation) {
            let mut values = Values::default();
            let (key, value) = (values.add(key.clone()), values.add(value.clone()));
            let sql = format!("SELECT seq FROM tags WHERE key = {key} AND value = {value} LIMIT {most}");
            sources.push((sql, values));
        }
        Ok(sources)
    }

    /// Where those of some jobs stand in a list that fit, but for their texts.
    pub(super) fn collected(
        &self,
        list: &JobList,
        jobs: &[i64],
        planned: &Planned,
    ) -> Result<Vec<JobPlace>, StateError> {
        let mut values = Values::default();
        let jobs = values.add(numbers(jobs.iter().copied()));
        let (order, fits) =
            (orders::key(list.order), conditions::all(list, conditions::Job::Row, 0, &mut values));
        let sql = format!(
            "SELECT j.seq, {order} FROM json_each({jobs}) c CROSS JOIN jobs j ON j.seq = c.value WHERE {fits}"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(values.0))?;
        let mut places = Vec::new();
        while let Some(row) = rows.next()? {
            let seq = JobSeq::new(row.get(0)?);
            places.push(JobPlace { key: planned.key(seq).or(key(row, 1)?), seq });
        }
        drop(rows);
        cost::note(&statement);
        Ok(places)
    }

    /// Whether fewer executions than that are unfinished.
    pub(in crate::reader) fn few_are_open(&self, most: usize) -> Result<bool, StateError> {
        let sql = concat!(
            "SELECT count(*) FROM (SELECT 1 FROM executions INDEXED BY executions_open WHERE ",
            open!(),
            " LIMIT ?1)"
        );
        let mut statement = self.connection.prepare_cached(sql)?;
        let found: usize = statement.query_row([most], |row| row.get(0))?;
        cost::note(&statement);
        Ok(found < most)
    }
}
