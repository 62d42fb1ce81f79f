//! Lists of executions: which of them, and where the next page begins. All are in the order of their ids, which is that of
//! their instants: when they were scheduled for, or when they were asked for.
//!
//! A list may be of a time: that in which they came on record. For nearly all, their ids tell that as well. What was caught
//! up on has a table, so such a list has two parts.

mod statements;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use chronos_types::{ErrorKind, ExecutionId, Limit, Millis, NodeName, Scope, Status, Trigger};
use rusqlite::{Row, params_from_iter};

use super::connection::Reader;
use super::executions::{self, ExecutionRow};
use super::job_list::JobsAmong;
use super::page::{self, Candidate, PageLimits, Total, Values, Walk, numbers};
use super::texts::TextCondition;
use crate::error::StateError;
use crate::run::JobSeq;

use statements::{Part, Plan, Way};

/// So many jobs at most have few executions.
const MOST_JOBS: usize = 5_000;

/// Which executions to list. Every condition must hold.
#[derive(Clone, Debug, Default)]
pub struct ExecutionFilter {
    /// The machine's own number of the job.
    pub job: Option<JobSeq>,
    /// Where the execution stands.
    pub status: Option<Status>,
    /// Why it was not delivered.
    pub error_kind: Option<ErrorKind>,
    /// What asked for it.
    pub trigger: Option<Trigger>,
    /// The node that fires it, or fired it last.
    pub node: Option<NodeName>,
    /// The host: of failed executions where these are asked for, the one that was called. Of others, `texts` says what
    /// their job calls now.
    pub host: Option<String>,
    /// What the texts of its job must be like.
    pub texts: Option<Arc<dyn TextCondition>>,
    /// Labels that its job must carry.
    pub tags: Vec<(String, String)>,
    /// Whether its first attempt began over a second after it was to.
    pub late: Option<bool>,
    /// It came on record at this instant or later. One that is not caught up on counts as on record from its own instant on,
    /// though it is planned somewhat ahead.
    pub from: Option<Millis>,
    /// It came on record before this instant.
    pub to: Option<Millis>,
    /// What whoever asks may see.
    pub scope: Scope,
}

/// A list of executions.
#[derive(Clone, Debug, Default)]
pub struct ExecutionList {
    /// Which executions.
    pub filter: ExecutionFilter,
    /// Whether the oldest come first, and not the newest.
    pub is_ascending: bool,
}

impl Reader {
    /// A page of a list of executions, behind the one called `after`. `among` says which jobs may have such texts as are
    /// asked for, where somebody beside the state knows that of all jobs. `take` says when the page has no place for an
    /// execution. Answers where the list goes on, if it does.
    ///
    /// # Errors
    /// The storage failed.
    pub fn executions(
        &self,
        list: &ExecutionList,
        among: Option<&JobsAmong>,
        after: Option<ExecutionId>,
        limits: PageLimits,
        mut take: impl FnMut(ExecutionRow) -> bool,
    ) -> Result<Option<ExecutionId>, StateError> {
        let by_seq = format!("{} WHERE e.seq = ?1", executions::SELECT);
        let mut one = self.connection.prepare_cached(&by_seq)?;
        self.along_executions(list, among, after, limits, |found| {
            let mut rows = one.query([found.seq])?;
            match rows.next()? {
                Some(row) => Ok(take(self.read_execution(row)?)),
                None => Ok(true),
            }
        })
    }

    /// How many executions are those that a list has.
    ///
    /// # Errors
    /// The storage failed.
    pub fn count_executions(
        &self,
        list: &ExecutionList,
        among: Option<&JobsAmong>,
    ) -> Result<Total, StateError> {
        page::count(|limits, one_more| self.along_executions(list, among, None, limits, |_| Ok(one_more())))
    }

    fn along_executions(
        &self,
        list: &ExecutionList,
        among: Option<&JobsAmong>,
        after: Option<ExecutionId>,
        limits: PageLimits,
        mut take: impl FnMut(&Candidate<ExecutionId>) -> Result<bool, StateError>,
    ) -> Result<Option<ExecutionId>, StateError> {
        let plan = self.plan(&list.filter, among)?;
        let texts = list.filter.texts.as_deref().filter(|_| !plan.by_call);
        let mut jobs = Judged { reader: self, texts, among, known: HashMap::new() };
        let mut walk = Walk::new(limits);
        for part in self.parts(list, &plan)? {
            let (sql, values) = statements::along(list, &plan, *part, after);
            let mut statement = self.connection.prepare_cached(&sql)?;
            let mut rows = statement.query(params_from_iter(values.0))?;
            let next = || {
                let Some(row) = rows.next()? else { return Ok(None) };
                let mut found = candidate(row)?;
                if found.fits {
                    (found.fits, found.bytes) = jobs.judge(JobSeq::new(row.get(3)?))?;
                }
                Ok(Some(found))
            };
            let ended = walk.along(next, &mut take)?;
            drop(rows);
            super::cost::note(&statement);
            if let ControlFlow::Break(place) = ended {
                return Ok(place);
            }
        }
        Ok(None)
    }

    /// The parts of a list, in its order.
    fn parts(&self, list: &ExecutionList, plan: &Plan) -> Result<&'static [Part], StateError> {
        let ExecutionFilter { from, to, .. } = &list.filter;
        let Some(from) = from.filter(|_| plan.keeps) else { return Ok(&[Part::InTime]) };
        // Mostly nothing was.
        let sql = "SELECT 1 FROM caught_up INDEXED BY caught_up_at WHERE at >= ?1 AND at < ?2 LIMIT 1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let is_any = statement.exists((from, to.unwrap_or(Millis::MAX)))?;
        super::cost::note(&statement);
        Ok(match (is_any, list.is_ascending) {
            (false, _) => &[Part::InTime],
            (true, false) => &[Part::InTime, Part::CaughtUp],
            (true, true) => &[Part::CaughtUp, Part::InTime],
        })
    }

    /// How a list is gone along: the narrowest way.
    fn plan(&self, filter: &ExecutionFilter, among: Option<&JobsAmong>) -> Result<Plan, StateError> {
        let ExecutionFilter { status, error_kind, host, .. } = filter;
        // Of two kinds, the status says the same.
        let is_kind_of_failure =
            error_kind.is_some_and(|kind| !matches!(kind, ErrorKind::Overlap | ErrorKind::Cancelled));
        let is_failed = *status == Some(Status::Failed) || status.is_none() && is_kind_of_failure;
        let keeps = self.keeps_stats()?;
        let by_call = keeps && is_failed && host.is_some();
        let way = if let Some(way) = self.narrow_way(filter)? {
            way
        } else if by_call {
            Way::Host
        } else if keeps && is_failed && is_kind_of_failure {
            Way::Kind
        } else if keeps && is_failed && filter.node.is_some() {
            Way::Node
        } else if let Some(jobs) = self.few_executions(filter.tags.first(), among, filter.scope.limit())? {
            Way::Jobs(jobs)
        } else {
            wide_way(filter, keeps)
        };
        Ok(Plan { way, by_call, keeps })
    }

    /// A way along few executions, whatever else is asked.
    fn narrow_way(&self, filter: &ExecutionFilter) -> Result<Option<Way>, StateError> {
        if filter.job.is_some() {
            return Ok(Some(Way::Job));
        }
        let is_open = filter.status.is_some_and(|status| !status.is_finished());
        Ok((is_open && self.few_are_open(page::MOST_COLLECTED)?).then_some(Way::Open))
    }

    /// The jobs that carry a tag, or that may have such texts as are asked for, where they have few executions together.
    fn few_executions(
        &self,
        tag: Option<&(String, String)>,
        among: Option<&JobsAmong>,
        limit: Option<&Limit>,
    ) -> Result<Option<Vec<i64>>, StateError> {
        let jobs = match (among, tag) {
            (Some(among), _) if !among.more && among.jobs.len() <= MOST_JOBS => {
                among.jobs.iter().map(|job| job.get()).collect()
            }
            (_, Some((key, value))) => {
                let sql = "SELECT seq FROM tags WHERE key = ?1 AND value = ?2 LIMIT ?3";
                let mut statement = self.connection.prepare_cached(sql)?;
                let rows = statement.query_map((key, value, MOST_JOBS + 1), |row| row.get(0))?;
                let jobs = rows.collect::<Result<Vec<i64>, _>>()?;
                super::cost::note(&statement);
                jobs
            }
            _ => match limit.map(|limit| self.few_jobs_in(limit, MOST_JOBS)).transpose()?.flatten() {
                Some(jobs) => jobs,
                None => return Ok(None),
            },
        };
        if jobs.len() > MOST_JOBS {
            return Ok(None);
        }
        let sql = "SELECT coalesce(sum(d.held), 0) FROM json_each(?1) c CROSS JOIN due d ON d.seq = c.value";
        let mut statement = self.connection.prepare_cached(sql)?;
        let held: usize = statement.query_row([numbers(jobs.iter().copied())], |row| row.get(0))?;
        super::cost::note(&statement);
        Ok((held <= page::MOST_COLLECTED).then_some(jobs))
    }
}

/// A way along however many executions.
fn wide_way(filter: &ExecutionFilter, keeps_stats: bool) -> Way {
    let ended = match (filter.status, filter.error_kind) {
        (Some(status), _) => Some(status).filter(|status| status.is_finished() && *status != Status::Success),
        (None, Some(ErrorKind::Overlap)) => Some(Status::Skipped),
        (None, Some(ErrorKind::Cancelled)) => Some(Status::Cancelled),
        (None, Some(_)) => Some(Status::Failed),
        (None, None) => None,
    };
    match (ended, filter.trigger) {
        (Some(status), _) => Way::Undelivered(status),
        (None, Some(trigger)) if keeps_stats && trigger != Trigger::Schedule => Way::Trigger(trigger),
        (None, _) => Way::All,
    }
}

/// Judges jobs by their texts, each once.
struct Judged<'a> {
    reader: &'a Reader,
    texts: Option<&'a dyn TextCondition>,
    among: Option<&'a JobsAmong>,
    known: HashMap<JobSeq, bool>,
}

impl Judged<'_> {
    /// Whether a job is one of those that are asked for, and how many bytes had to be searched.
    fn judge(&mut self, job: JobSeq) -> Result<(bool, u64), StateError> {
        let Some(texts) = self.texts else { return Ok((true, 0)) };
        if let Some(known) = self.known.get(&job) {
            return Ok((*known, 0));
        }
        let (mut holds, mut bytes) = (false, 0);
        if self.among.is_none_or(|among| among.may_have(job)) {
            let judged = self.reader.job_texts(job, |_, found| (texts.holds(found), found.bytes()))?;
            (holds, bytes) = judged.unwrap_or_default();
        }
        self.known.insert(job, holds);
        Ok((holds, bytes))
    }
}

/// A row of a statement: its id, its number, whether it fits but for the texts of its job, and the number of that.
fn candidate(row: &Row<'_>) -> Result<Candidate<ExecutionId>, StateError> {
    let place = ExecutionId::from_bytes(row.get(0)?);
    Ok(Candidate { place, seq: row.get(1)?, fits: row.get(2)?, bytes: 0 })
}
