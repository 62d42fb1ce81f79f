//! The use cases of what is to run: how much at which time, and which runs come next.
//!
//! Both answer from the timetable of this node, and so both say whether that has all jobs as they are on record. The runs
//! of a single job are read from the record.

mod range;

use std::collections::HashMap;

use chronos_state::{EnabledName, JobSeq, Reader, StateError};
use chronos_types::{JobId, Millis, Scope};

use crate::error::{NotFound, ReadError};
use crate::services::Services;
use crate::times::{self, SkippedRuns};
use crate::timetable::TimetableHandle;

pub use range::{Asked, DensityRange, RunsRange};

/// Tells what is to run.
#[derive(Clone, Debug)]
pub struct Upcoming {
    services: Services,
    timetable: TimetableHandle,
}

/// How many runs there are to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Density {
    /// When it was counted: runs before this instant are left out.
    pub as_of: Millis,
    /// Whether the runs of all jobs on record are counted.
    pub complete: bool,
    /// What was counted.
    pub range: DensityRange,
    /// How many runs there are in each step; the last one may be shorter.
    pub counts: Vec<u64>,
}

/// Which runs come next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpcomingRuns {
    /// When it was looked: runs before this instant are left out.
    pub as_of: Millis,
    /// Whether the runs of all jobs on record are among them.
    pub complete: bool,
    /// The runs, the earliest first.
    pub runs: Vec<UpcomingRun>,
}

/// A run to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpcomingRun {
    /// Its job.
    pub job_id: JobId,
    /// The name of its job, as it is on record.
    pub job_name: String,
    /// The instant of the schedule. A jitter comes after it.
    pub scheduled_time: Millis,
    /// Whether it is to be recorded as skipped, because somebody asked for that.
    pub skipped: bool,
}

/// A job, for the runs that are told of it.
struct Named {
    id: JobId,
    name: String,
    skipped: Option<SkippedRuns>,
}

impl Named {
    /// An enabled job; none where it is none.
    fn read(reader: &Reader, job: JobSeq) -> Result<Option<Self>, StateError> {
        let Some(EnabledName { id, name, skips }) = reader.enabled_name(job)? else { return Ok(None) };
        let due = if skips.is_some() { reader.enabled_job(job)? } else { None };
        let skipped = due.and_then(|due| SkippedRuns::of_due(skips.as_ref(), &due));
        Ok(Some(Self { id, name, skipped }))
    }

    fn run(&self, scheduled_time: Millis) -> UpcomingRun {
        let skipped = self.skipped.as_ref().is_some_and(|skipped| skipped.has(scheduled_time));
        UpcomingRun { job_id: self.id, job_name: self.name.clone(), scheduled_time, skipped }
    }
}

impl Upcoming {
    /// The use cases, with what they work with.
    #[must_use]
    pub fn new(services: Services, timetable: TimetableHandle) -> Self {
        Self { services, timetable }
    }

    /// The instant by which a range is judged.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.services.env.now()
    }

    /// How many runs there are to come in each step, of the jobs of a scope.
    ///
    /// # Errors
    /// Too many others ask, or the storage failed.
    pub async fn density(&self, scope: &Scope, range: DensityRange) -> Result<Density, ReadError> {
        let (timetable, env, scope) = (self.timetable.clone(), self.services.env.clone(), scope.clone());
        let counted = self.services.store.query(move |reader| {
            let now = env.now().div_euclid(1000);
            // Whatever is told from here on may be counted or not.
            let is_complete = timetable.is_complete();
            let (jobs, are_all) = within(reader, &scope)?;
            let table = timetable.table();
            let (from, to) = range.seconds();
            let (counts, complete) = match jobs {
                None => {
                    let counts = table.density(now, range.starts(), to);
                    (counts, is_complete && table.has_counted(from.max(now), to))
                }
                Some(jobs) => {
                    let (counts, is_whole) = table.density_of(&jobs, now, range.starts(), to);
                    (counts, is_complete && are_all && is_whole)
                }
            };
            Ok(Density { as_of: now * 1000, complete, range, counts })
        });
        Ok(counted.await?)
    }

    /// The next runs of the jobs of a scope, at most so many.
    ///
    /// # Errors
    /// Too many others ask, or the storage failed.
    pub async fn runs(
        &self,
        scope: &Scope,
        range: RunsRange,
        most: usize,
    ) -> Result<UpcomingRuns, ReadError> {
        let (timetable, env, scope) = (self.timetable.clone(), self.services.env.clone(), scope.clone());
        let read = self.services.store.query(move |reader| {
            let as_of = env.now();
            let mut complete = timetable.is_complete();
            let (jobs, are_all) = within(reader, &scope)?;
            complete = complete && are_all;
            let next = timetable.table().next(jobs.as_deref(), range.from.max(as_of), range.to, most);
            let (mut names, mut runs) = (HashMap::new(), Vec::with_capacity(next.len()));
            for (scheduled_time, job) in next {
                let known = match names.get(&job) {
                    Some(known) => known,
                    None => &*names.entry(job).or_insert(Named::read(reader, job)?),
                };
                match known {
                    Some(named) => runs.push(named.run(scheduled_time)),
                    // It changed just now.
                    None => complete = false,
                }
            }
            Ok(UpcomingRuns { as_of, complete, runs })
        });
        Ok(read.await?)
    }

    /// The same of one job.
    ///
    /// # Errors
    /// There is no such job, too many others ask, or the storage failed.
    pub async fn runs_of(
        &self,
        scope: &Scope,
        job: &str,
        range: RunsRange,
        most: usize,
    ) -> Result<UpcomingRuns, ReadError> {
        let (key, env, scope) = (job.to_owned(), self.services.env.clone(), scope.clone());
        let read = self.services.store.query(move |reader| {
            let as_of = env.now();
            let Some(row) = reader.find_job_in(&key, &scope)? else { return Ok(None) };
            let job_name = match &row.job.spec {
                Ok(spec) => spec.name.as_str(),
                Err(bad) => &bad.form.name,
            };
            let next = times::coming(&row, range.from.max(as_of), range.to, most).into_iter();
            let (id, name) = (row.job.id, job_name.to_owned());
            let named = Named { id, name, skipped: SkippedRuns::of_row(&row) };
            let run = |scheduled_time| named.run(scheduled_time);
            Ok(Some(UpcomingRuns { as_of, complete: true, runs: next.map(run).collect() }))
        });
        Ok(read.await?.ok_or_else(|| NotFound::Job(job.to_owned()))?)
    }
}

/// So many jobs of a scope are looked at.
const MOST_JOBS: usize = 1_000_000;

/// The jobs of a scope, in order, and whether these are all; none where it is all jobs.
fn within(reader: &Reader, scope: &Scope) -> Result<(Option<Vec<JobSeq>>, bool), StateError> {
    let Some(limit) = scope.limit() else { return Ok((None, true)) };
    let (jobs, are_all) = reader.jobs_in(limit, MOST_JOBS)?;
    Ok((Some(jobs), are_all))
}
