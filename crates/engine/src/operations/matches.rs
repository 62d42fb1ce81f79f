//! What an operation would do something with, before it is made.

use std::time::Duration;

use chronos_state::{BulkAction, JobPlace, Reader, Targets};
use chronos_types::{ExecutionId, Scope, format_rfc3339};
use tokio::time::Instant;

use super::collect::{Collect, ExecutionTarget, JobTarget};
use super::{MOST_COUNTED, Operations, Wanted};
use crate::error::{ChangeError, NotFound, ReadError};
use crate::read::{Consistency, PageRequest};
use crate::times;

/// Rows of a page that is counted.
const PAGE: usize = 500;
/// So many targets are shown.
const SHOWN: usize = 20;
/// After so long, what was found so far has to do.
const COUNTED_FOR: Duration = Duration::from_secs(5);

/// What an operation would do something with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matched {
    /// How many there are.
    pub count: usize,
    /// Whether that is all of them: nobody counts beyond 10,000, nor for more than some seconds.
    pub exact: bool,
    /// The first of them, for people: names of jobs, ids of executions, instants.
    pub sample: Vec<String>,
}

impl Matched {
    fn take(&mut self, targets: impl IntoIterator<Item = String>) {
        for target in targets {
            self.count += 1;
            if self.sample.len() < SHOWN {
                self.sample.push(target);
            }
        }
    }

    /// All of them, which are known.
    fn all(targets: Vec<String>) -> Self {
        let mut matched = Self { exact: true, ..Self::default() };
        matched.take(targets);
        matched
    }
}

/// Counts what is meant.
pub(super) async fn count(
    operations: &Operations,
    scope: &Scope,
    wanted: &Wanted,
) -> Result<Matched, ChangeError> {
    match &wanted.targets {
        Targets::Jobs(filter) => {
            let search = operations.wording.jobs(filter)?;
            let page = |after| {
                let search = search.clone();
                async move {
                    let page = request(after);
                    let (found, next) =
                        operations.jobs.page(scope, search, page, Collect::of(JobTarget::of)).await?;
                    Ok((found.into_iter().map(|job| job.name).collect(), next))
                }
            };
            Ok(pages::<JobPlace, _>(page).await?)
        }
        Targets::Executions(filter) => {
            let search = operations.wording.executions(filter)?;
            let is_cancel = wanted.action == BulkAction::Cancel;
            let page = |after| {
                let search = search.clone();
                async move {
                    let collect = Collect::of(ExecutionTarget::of);
                    let (found, next) =
                        operations.executions.page(scope, search, request(after), collect).await?;
                    let is_meant =
                        |execution: &ExecutionTarget| !(is_cancel && execution.status.is_finished());
                    let ids = found.into_iter().filter(is_meant).map(|execution| execution.id.to_string());
                    Ok((ids.collect(), next))
                }
            };
            Ok(pages::<ExecutionId, _>(page).await?)
        }
        Targets::NamedJobs(names) => {
            let (names, scope) = (names.clone(), scope.clone());
            let find = move |reader: &Reader| {
                let found = names
                    .iter()
                    .map(|name| reader.find_job_in(name, &scope).map(|row| row.map(JobTarget::of)));
                found.collect::<Result<Vec<_>, _>>()
            };
            let found = operations.services.store.query(find).await.map_err(ReadError::from)?;
            Ok(Matched::all(found.into_iter().flatten().map(|job| job.name).collect()))
        }
        Targets::NamedExecutions(ids) => {
            let ids: Vec<_> = ids.iter().filter_map(|id| ExecutionId::parse(id).ok()).collect();
            let scope = scope.clone();
            let find = move |reader: &Reader| {
                let found = ids.iter().map(|id| reader.execution_in(*id, &scope));
                found.collect::<Result<Vec<_>, _>>()
            };
            let found = operations.services.store.query(find).await.map_err(ReadError::from)?;
            Ok(Matched::all(found.into_iter().flatten().map(|row| row.execution.id.to_string()).collect()))
        }
        Targets::Instants { job, from, to } => {
            let (key, from, to, scope) = (job.to_string(), *from, *to, scope.clone());
            let find = move |reader: &Reader| reader.find_job_in(&key, &scope);
            let found = operations.services.store.query(find).await.map_err(ReadError::from)?;
            let row = found.ok_or_else(|| NotFound::Job(job.to_string()))?;
            let instants = times::of_range(&row, from, to, MOST_COUNTED);
            Ok(Matched::all(instants.into_iter().map(format_rfc3339).collect()))
        }
    }
}

fn request<P>(after: Option<P>) -> PageRequest<P> {
    PageRequest { after, limit: PAGE, consistency: Consistency::Local, is_counted: false }
}

/// Goes through the pages of a list, as far as is counted.
async fn pages<P, F>(page: impl Fn(Option<P>) -> F) -> Result<Matched, ReadError>
where
    F: Future<Output = Result<(Vec<String>, Option<P>), ReadError>>,
{
    let (mut matched, mut after, begun) = (Matched::default(), None, Instant::now());
    loop {
        let (found, next) = page(after).await?;
        matched.take(found);
        if matched.count > MOST_COUNTED {
            matched.count = MOST_COUNTED;
            return Ok(matched);
        }
        match next {
            None => return Ok(Matched { exact: true, ..matched }),
            Some(_) if begun.elapsed() > COUNTED_FOR => return Ok(matched),
            next => after = next,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;

    /// What is counted of a list with so many rows, in pages of 500.
    fn counted(rows: usize) -> Matched {
        let page = |after: Option<usize>| async move {
            let (from, to) = (after.unwrap_or_default(), rows.min(after.unwrap_or_default() + PAGE));
            let names = (from..to).map(|number| number.to_string()).collect();
            Ok((names, (to < rows).then_some(to)))
        };
        block_on(pages(page)).expect("a count")
    }

    #[test]
    fn what_is_counted_ends_at_ten_thousand() {
        for (rows, count, exact) in [
            (0, 0, true),
            (7, 7, true),
            (MOST_COUNTED, MOST_COUNTED, true),
            (MOST_COUNTED + 1, MOST_COUNTED, false),
            (50_000, MOST_COUNTED, false),
        ] {
            let found = counted(rows);
            assert_eq!((found.count, found.exact), (count, exact), "{rows} rows");
            assert_eq!(found.sample.len(), rows.min(SHOWN));
        }
    }
}
