//! The use cases of what was done: figures of all jobs or of one, and the jobs that fail now.
//!
//! The figures of all jobs, and of each value of the tag that is the scope of keys, are kept while things are done (see
//! `apply/rollups.rs` of the state), and nothing is looked through for them. Those of one job come from its executions on record.

mod range;

use chronos_state::{
    Failing, Figures, FiguresFrom, HostFailures, PageLimits, Reader, ScopeFigures, StateError,
};
use chronos_types::{Limit, Millis, Scope};

use crate::error::{NotFound, ReadError};
use crate::lookup;
use crate::read::Consistency;
use crate::services::Services;

pub use range::FiguresRange;

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
    /// From when on there are figures of all jobs, or of those of a scope. None of one job, and before anything counts
    /// them.
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

    /// What was done, of all jobs of a scope.
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
                let series = in_steps(reader.figures(range.level(), from, to)?, &range);
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

/// What the jobs within a limit did.
fn of_scope(reader: &Reader, limit: &Limit, range: FiguresRange) -> Result<Done, StateError> {
    let since = reader.figures_since_in(limit)?;
    let (from, to) = (range.from(), range.to());
    let ScopeFigures { series, failed_hosts, are_told_apart } =
        reader.figures_in(limit, range.level(), from, to)?;
    let series = in_steps(series, &range);
    let complete = are_told_apart && since.is_some_and(|since| since <= from);
    Ok(Done { since, complete, total: sum(&series), series, failed_hosts, range })
}

/// Figures by the stretches that they are kept of, put together to the steps that are asked for.
fn in_steps(stretches: Vec<FiguresFrom>, range: &FiguresRange) -> Vec<FiguresFrom> {
    let mut series: Vec<FiguresFrom> = Vec::new();
    for (start, figures) in stretches {
        let start = start - start.rem_euclid(range.step_ms());
        match series.last_mut() {
            Some((last, all)) if *last == start => all.add(&figures),
            _ => series.push((start, figures)),
        }
    }
    series
}

fn sum(series: &[FiguresFrom]) -> Figures {
    let mut total = Figures::default();
    series.iter().for_each(|(_, figures)| total.add(figures));
    total
}
