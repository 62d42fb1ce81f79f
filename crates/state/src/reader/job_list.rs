//! Lists of jobs: in which order, which of them, and where the next page begins.
//!
//! A page goes one of these ways. Where a condition leaves few jobs, these are collected and sorted. Else it goes along the
//! index of the order, and looks whether each job is meant. Both give the same rows in the same order, so a list may
//! change from one way to the other between two pages. Where somebody beside the state knows which jobs may be meant, in
//! order of creation, it goes along those.

mod conditions;
mod few;
mod look;
mod orders;
mod planned;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;
use std::sync::Arc;

use chronos_types::{Millis, Scope, Status};
use rusqlite::params_from_iter;

use super::connection::Reader;
use super::jobs::JobRow;
use super::page::{self, Candidate, PageLimits, Total, Walk};
use super::texts::TextCondition;
use crate::command::STATS_SINCE;
use crate::error::StateError;
use crate::run::JobSeq;
use crate::schema;

use look::{One, candidate};
use planned::Planned;

/// Which jobs to list. Every condition must hold.
#[derive(Clone, Debug, Default)]
pub struct JobFilter {
    /// Whether the job is enabled.
    pub enabled: Option<bool>,
    /// Labels it must carry.
    pub tags: Vec<(String, String)>,
    /// Labels it must not carry.
    pub not_tags: Vec<(String, String)>,
    /// The set that owns it.
    pub set: Option<String>,
    /// Where its newest run stands that began.
    pub status: Option<Status>,
    /// Whether its newest scheduled runs failed, one at least.
    pub failing: Option<bool>,
    /// Whether a run that was to fire over 5 s ago has not begun.
    pub late: Option<bool>,
    /// Whether an attempt is under way.
    pub running: Option<bool>,
    /// Whether no run has begun yet.
    pub never_ran: Option<bool>,
    /// What its texts must be like.
    pub texts: Option<Arc<dyn TextCondition>>,
    /// What whoever asks may see.
    pub scope: Scope,
}

/// In which order jobs are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JobOrder {
    /// As they were created.
    #[default]
    Created,
    /// By name, in the order of its bytes.
    Name,
    /// By the next run.
    NextRun,
    /// By when the newest run began.
    LastRun,
    /// By how many scheduled runs failed in a row.
    Failures,
    /// By the median duration of the newest attempts.
    Duration,
    /// By when they were paused.
    PausedAt,
}

/// A list of jobs.
#[derive(Clone, Debug, Default)]
pub struct JobList {
    /// Which jobs.
    pub filter: JobFilter,
    /// In which order. Jobs that have nothing to be ordered by come last, in order of creation.
    pub order: JobOrder,
    /// Whether the order is reversed; jobs that have nothing to be ordered by still come last.
    pub is_reversed: bool,
    /// The instant by which it is judged which runs are still to come, and which are late.
    pub now: Millis,
}

/// What a job is ordered by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum JobKey {
    /// An instant or a count.
    Number(i64),
    /// A name.
    Text(String),
}

/// Where a job stands in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobPlace {
    /// What it is ordered by, if it has that.
    pub key: Option<JobKey>,
    /// Its number.
    pub seq: JobSeq,
}

/// Jobs that may be asked for, found beside the state. No other job after the one where the search began, and up to the
/// last of these where there are more, is one of those.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobsAmong {
    /// Their numbers, in order.
    pub jobs: Vec<JobSeq>,
    /// Whether there may be more behind them.
    pub more: bool,
}

/// Which way a page goes.
enum Way<'a> {
    /// Along jobs that may be meant, in order of creation.
    Known(&'a JobsAmong),
    /// Along few jobs: where those stand that fit, but for their texts.
    Few(Vec<JobPlace>),
    /// Along the index of the order, but for what is to come before the instant that the index has.
    Order(Planned),
}

impl JobsAmong {
    /// Whether a job may be one of those that are asked for, where the search began with the first job.
    pub(super) fn may_have(&self, job: JobSeq) -> bool {
        self.more || self.jobs.binary_search(&job).is_ok()
    }
}

impl JobList {
    /// Whether it goes by what the state keeps from the version of the cluster on that brings statistics, sets and pauses.
    fn needs_stats(&self) -> bool {
        let JobFilter { set, status, failing, never_ran, .. } = &self.filter;
        let is_asked = set.is_some() || status.is_some() || failing.is_some() || never_ran.is_some();
        is_asked || !matches!(self.order, JobOrder::Created | JobOrder::Name | JobOrder::NextRun)
    }

    /// Whether no job of it has a place in the order: what a job that never ran has come to is on record of none, and no
    /// run of a job that is disabled is to come.
    fn has_no_keys(&self) -> bool {
        let JobFilter { enabled, never_ran, .. } = self.filter;
        match self.order {
            JobOrder::LastRun | JobOrder::Failures | JobOrder::Duration => never_ran == Some(true),
            JobOrder::NextRun => enabled == Some(false),
            JobOrder::Created | JobOrder::Name | JobOrder::PausedAt => false,
        }
    }

    /// Whether every job of it has a place in the order.
    fn has_keys_only(&self) -> bool {
        self.order == JobOrder::Failures && self.filter.failing == Some(true)
    }

    /// Whether a place comes behind another one.
    fn is_behind(&self, place: &JobPlace, other: &JobPlace) -> bool {
        self.compare(place, other).is_gt()
    }

    fn compare(&self, a: &JobPlace, b: &JobPlace) -> std::cmp::Ordering {
        let by_seq = a.seq.cmp(&b.seq);
        let order = match (&a.key, &b.key) {
            (None, None) if self.order == JobOrder::Created => by_seq,
            (None, None) => return by_seq,
            (Some(_), None) => return std::cmp::Ordering::Less,
            (None, Some(_)) => return std::cmp::Ordering::Greater,
            (Some(a), Some(b)) => a.cmp(b).then(by_seq),
        };
        if self.is_reversed { order.reverse() } else { order }
    }
}

impl Reader {
    /// Whether the state keeps what a list needs: not before the version of the cluster that brings it.
    ///
    /// # Errors
    /// The storage failed.
    pub fn can_list(&self, list: &JobList) -> Result<bool, StateError> {
        Ok(!list.needs_stats() || self.keeps_stats()?)
    }

    /// Whether the version of the cluster is one that keeps what became of runs.
    pub(super) fn keeps_stats(&self) -> Result<bool, StateError> {
        Ok(schema::version(&self.connection)? >= STATS_SINCE)
    }

    /// A page of a list of jobs, behind the place `after`. `among` says which may be meant, where somebody beside the
    /// state knows: of those that come after the job of that place, if the order is that of creation, and else of all.
    /// `take` says when the page has no place for a job. Answers where the list goes on, if it does.
    ///
    /// # Errors
    /// The storage failed.
    pub fn jobs(
        &self,
        list: &JobList,
        among: Option<&JobsAmong>,
        after: Option<&JobPlace>,
        limits: PageLimits,
        mut take: impl FnMut(JobRow) -> bool,
    ) -> Result<Option<JobPlace>, StateError> {
        self.along_jobs(list, among, after, limits, |found| self.show(found, &mut take))
    }

    /// A page as [`Reader::jobs`] gives it, and how many jobs the list has. `counted` is as `among`, of all jobs.
    ///
    /// # Errors
    /// The storage failed.
    pub fn counted_jobs(
        &self,
        list: &JobList,
        among: Option<&JobsAmong>,
        counted: Option<&JobsAmong>,
        after: Option<&JobPlace>,
        limits: PageLimits,
        mut take: impl FnMut(JobRow) -> bool,
    ) -> Result<(Option<JobPlace>, Total), StateError> {
        let way = self.way(list, among)?;
        let total = match &way {
            // To collect them is most of what the page costs.
            Way::Few(few) if list.filter.texts.is_none() => {
                Total { count: few.len().try_into().unwrap_or(u64::MAX), exact: true }
            }
            _ => self.count_listed(list, counted)?,
        };
        let next = self.along_way(list, among, way, after, limits, |found| self.show(found, &mut take))?;
        Ok((next, total))
    }

    /// Gives a job that a page has found, with what is kept of it.
    fn show(
        &self,
        found: &Candidate<JobPlace>,
        take: &mut impl FnMut(JobRow) -> bool,
    ) -> Result<bool, StateError> {
        match self.one_job("j.seq = ?1", found.seq.into())? {
            Some(job) => Ok(take(self.with_stats(job)?)),
            None => Ok(true),
        }
    }

    /// How many jobs are those that a list has. `among` is as for [`Reader::jobs`], of all jobs.
    fn count_listed(&self, list: &JobList, among: Option<&JobsAmong>) -> Result<Total, StateError> {
        // Along the narrowest index that has them all.
        let order = if list.filter.failing == Some(true) { JobOrder::Failures } else { JobOrder::Created };
        let list = JobList { order, is_reversed: false, ..list.clone() };
        page::count(|limits, one_more| self.along_jobs(&list, among, None, limits, |_| Ok(one_more())))
    }

    fn along_jobs(
        &self,
        list: &JobList,
        among: Option<&JobsAmong>,
        after: Option<&JobPlace>,
        limits: PageLimits,
        take: impl FnMut(&Candidate<JobPlace>) -> Result<bool, StateError>,
    ) -> Result<Option<JobPlace>, StateError> {
        let way = self.way(list, among)?;
        self.along_way(list, among, way, after, limits, take)
    }

    fn way<'a>(&self, list: &JobList, among: Option<&'a JobsAmong>) -> Result<Way<'a>, StateError> {
        let is_by_creation = list.order == JobOrder::Created && !list.is_reversed;
        if let Some(among) = among.filter(|_| is_by_creation) {
            return Ok(Way::Known(among));
        }
        let planned = self.planned(list)?;
        Ok(match self.few_jobs(list, among)? {
            Some(few) => Way::Few(self.collected(list, &few, &planned)?),
            None => Way::Order(planned),
        })
    }

    fn along_way(
        &self,
        list: &JobList,
        among: Option<&JobsAmong>,
        way: Way<'_>,
        after: Option<&JobPlace>,
        limits: PageLimits,
        take: impl FnMut(&Candidate<JobPlace>) -> Result<bool, StateError>,
    ) -> Result<Option<JobPlace>, StateError> {
        match way {
            Way::Known(known) => self.along_known(list, known, limits, take),
            Way::Few(few) => self.along_few(list, few, after, limits, take),
            Way::Order(planned) => self.along_order(list, among, &planned, after, limits, take),
        }
    }

    /// Goes along jobs that may be meant, in order of creation.
    fn along_known(
        &self,
        list: &JobList,
        among: &JobsAmong,
        limits: PageLimits,
        take: impl FnMut(&Candidate<JobPlace>) -> Result<bool, StateError>,
    ) -> Result<Option<JobPlace>, StateError> {
        let mut one = One::prepare(self, list)?;
        let mut jobs = among.jobs.iter();
        let next = || match jobs.next() {
            Some(job) => one.look(JobPlace { key: None, seq: *job }).map(Some),
            None => Ok(None),
        };
        let next = page::walk(limits, next, take)?;
        let last = || among.jobs.last().map(|seq| JobPlace { key: None, seq: *seq });
        Ok(next.or_else(|| last().filter(|_| among.more)))
    }

    /// Sorts few jobs, and goes along them.
    fn along_few(
        &self,
        list: &JobList,
        mut places: Vec<JobPlace>,
        after: Option<&JobPlace>,
        limits: PageLimits,
        take: impl FnMut(&Candidate<JobPlace>) -> Result<bool, StateError>,
    ) -> Result<Option<JobPlace>, StateError> {
        places.retain(|place| after.is_none_or(|after| list.is_behind(place, after)));
        places.sort_unstable_by(|a, b| list.compare(a, b));
        let mut places = places.into_iter();
        // What a column says of them is known already. Their texts are read when the page has come to them.
        let mut one = list.filter.texts.is_some().then(|| One::prepare(self, list)).transpose()?;
        let next = || {
            let Some(place) = places.next() else { return Ok(None) };
            let seq = place.seq.get();
            Ok(Some(match &mut one {
                Some(one) => one.look(place)?,
                None => Candidate { place, seq, fits: true, bytes: 0 },
            }))
        };
        page::walk(limits, next, take)
    }

    /// Goes along the index of an order, and then along the jobs that have no place in it.
    fn along_order(
        &self,
        list: &JobList,
        among: Option<&JobsAmong>,
        planned: &Planned,
        after: Option<&JobPlace>,
        limits: PageLimits,
        mut take: impl FnMut(&Candidate<JobPlace>) -> Result<bool, StateError>,
    ) -> Result<Option<JobPlace>, StateError> {
        let mut walk = Walk::new(limits);
        let is_among_rest = list.has_no_keys()
            || after.is_some_and(|after| after.key.is_none() && list.order != JobOrder::Created);
        if !is_among_rest {
            let (sql, values) = orders::ordered(list, after);
            let mut statement = self.connection.prepare_cached(&sql)?;
            let mut rows = statement.query(params_from_iter(values.0))?;
            let mut ahead = planned.behind(list, after);
            let mut one = (!ahead.is_empty()).then(|| One::prepare(self, list)).transpose()?;
            let mut waiting = None;
            let next = || {
                while waiting.is_none() {
                    let Some(row) = rows.next()? else { break };
                    let found = candidate(row, list, among)?;
                    // It has a run to come before the instant that the index has, and another place therefore.
                    waiting = Some(found).filter(|found| !planned.has(found.place.seq));
                }
                let is_first = |place: &JobPlace| {
                    waiting.as_ref().is_none_or(|found| list.is_behind(&found.place, place))
                };
                match (&mut one, ahead.last().is_some_and(is_first)) {
                    (Some(one), true) => ahead.pop().map(|place| one.look(place)).transpose(),
                    _ => Ok(waiting.take()),
                }
            };
            let ended = walk.along(next, &mut take)?;
            drop(rows);
            super::cost::note(&statement);
            if let ControlFlow::Break(place) = ended {
                return Ok(place);
            }
        }
        if list.has_keys_only() {
            return Ok(None);
        }
        let Some((sql, values)) = orders::rest(list, after.filter(|_| is_among_rest)) else {
            return Ok(None);
        };
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(values.0))?;
        let next = || {
            let Some(row) = rows.next()? else { return Ok(None) };
            let mut found = candidate(row, list, among)?;
            found.fits = found.fits && !planned.has(found.place.seq);
            Ok(Some(found))
        };
        let ended = walk.along(next, &mut take)?;
        drop(rows);
        super::cost::note(&statement);
        Ok(ended.break_value().flatten())
    }
}
