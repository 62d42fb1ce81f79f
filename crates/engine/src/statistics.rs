//! The use cases of what was done: figures of all jobs or of one, and the jobs that fail now.
//!
//! The figures of all jobs are kept while things are done (see `apply/rollups.rs` of the state), and nothing is looked
//! through for them. Those of one job come from its executions on record.

mod range;

use std::collections::BTreeMap;

use chronos_state::{Failing, Figures, FiguresFrom, HostFailures, PageLimits, Reader, StateError};
use chronos_types::{Limit, Millis, Scope};

use crate::error::{NotFound, ReadError};
use crate::lookup;
use crate::read::Consistency;
use crate::services::Services;

pub use range::FiguresRange;

/// Of so many jobs of a scope the executions on record are counted. Each has a thousand, unless more are kept.
const MOST_JOBS: usize = 200;

/// Tells what was done.
#[derive(Clone, Debug)]
pub struct Statistics {
    services: Services,
}

/// What was done in a range of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// The range, as it was counted.
    pub range: FiguresRange,
    /// From when on there are figures of all jobs. None of one job, and before the version of the cluster that counts.
    pub since: Option<Millis>,
    /// Whether all that was done in the range is counted: of one job, all that is still on record.
    pub complete: bool,
    /// All of the range.
    pub total: Figures,
    /// Each step in which anything was done, in their order.
    pub series: Vec<FiguresFrom>,
    /// Where executions failed, the most frequent first; not told of one job.
    pub failed_hosts: Vec<HostFailures>,
}

impl Statistics {
    /// The use cases, with what they work with.
    #[must_use]
    pub fn new(services: Services) -> Self {
        Self { services }
    }

    /// The instant by which a range is judged.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.services.env.now()
    }

    /// What was done, of all jobs of a scope. Where that is not all jobs, it comes from their executions on record.
    ///
    /// # Errors
    /// It cannot be read as demanded.
    pub async fn of_all(
        &self,
        scope: &Scope,
        range: FiguresRange,
        consistency: Consistency,
    ) -> Result<Done, ReadError> {
        lookup::catch_up(&self.services, consistency).await?;
        let scope = scope.clone();
        let read = self.services.store.query(move |reader| {
            reader.at_once(|reader| {
                if let Some(limit) = scope.limit() {
                    return of_scope(reader, limit, range);
                }
                let since = reader.figures_since()?;
                let (from, to) = (range.from(), range.to());
                let series = in_steps(reader, &range)?;
                Ok(Done {
                    since,
                    complete: since.is_some_and(|since| since <= from),
                    total: sum(&series),
                    series,
                    failed_hosts: reader.failed_hosts(range.level(), from, to)?,
                    range,
                })
            })
        });
        Ok(read.await?)
    }

    /// What was done of one job.
    ///
    /// # Errors
    /// There is no such job, or it cannot be read as demanded.
    pub async fn of_job(
        &self,
        scope: &Scope,
        job: &str,
        range: FiguresRange,
        consistency: Consistency,
    ) -> Result<Done, ReadError> {
        lookup::catch_up(&self.services, consistency).await?;
        let (key, scope) = (job.to_owned(), scope.clone());
        let read = self.services.store.query(move |reader| {
            reader.at_once(|reader| {
                let Some(job) = reader.find_job_in(&key, &scope)? else { return Ok(None) };
                let (limits, within) = (PageLimits::of(0), (range.from(), range.to()));
                let found = reader.job_figures(job.seq, within, range.step_ms(), limits)?;
                Ok(Some(Done {
                    range,
                    since: None,
                    complete: found.complete,
                    total: sum(&found.series),
                    series: found.series,
                    failed_hosts: Vec::new(),
                }))
            })
        });
        Ok(read.await?.ok_or_else(|| NotFound::Job(job.to_owned()))?)
    }

    /// The jobs that fail now, those together that fail alike, at most so many groups.
    ///
    /// # Errors
    /// It cannot be read as demanded.
    pub async fn failing(
        &self,
        scope: &Scope,
        limit: usize,
        consistency: Consistency,
    ) -> Result<Failing, ReadError> {
        lookup::catch_up(&self.services, consistency).await?;
        let scope = scope.clone();
        Ok(self.services.store.query(move |reader| reader.failing(limit, &scope)).await?)
    }
}

/// What the jobs within a limit did, from their executions on record: figures are kept of all jobs alone.
fn of_scope(reader: &Reader, limit: &Limit, range: FiguresRange) -> Result<Done, StateError> {
    let (jobs, mut complete) = reader.jobs_in(limit, MOST_JOBS)?;
    let mut series = BTreeMap::<Millis, Figures>::new();
    for job in jobs {
        let within = (range.from(), range.to());
        let found = reader.job_figures(job, within, range.step_ms(), PageLimits::of(0))?;
        complete = complete && found.complete;
        for (at, figures) in found.series {
            series.entry(at).or_default().add(&figures);
        }
    }
    let series: Vec<_> = series.into_iter().collect();
    let total = sum(&series);
    Ok(Done { range, since: None, complete, total, series, failed_hosts: Vec::new() })
}

/// The figures of all jobs, the stretches that they are kept of put together to the steps that are asked for.
fn in_steps(reader: &Reader, range: &FiguresRange) -> Result<Vec<FiguresFrom>, StateError> {
    let mut series: Vec<FiguresFrom> = Vec::new();
    for (start, figures) in reader.figures(range.level(), range.from(), range.to())? {
        let start = start - start.rem_euclid(range.step_ms());
        match series.last_mut() {
            Some((last, all)) if *last == start => all.add(&figures),
            _ => series.push((start, figures)),
        }
    }
    Ok(series)
}

fn sum(series: &[FiguresFrom]) -> Figures {
    let mut total = Figures::default();
    series.iter().for_each(|(_, figures)| total.add(figures));
    total
}
