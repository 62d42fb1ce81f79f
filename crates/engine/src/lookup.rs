//! Finds what a request names: a job by its id or its name, an execution or a version of it.

use chronos_state::{ExecutionRow, JobRow, JobSeq, Reader, StateError, VersionRow};
use chronos_types::{ExecutionId, JobId, Millis, Scope};

use crate::error::{NotFound, ReadError, Unavailable};
use crate::read::Consistency;
use crate::services::Services;

/// So many jobs at most does the search file name that may be meant by a list. Of more, each job that the list comes to is
/// looked at.
pub(crate) const MOST_AMONG: usize = 20_001;

/// Waits, where the read demands it, until this node knows every write that was acknowledged before now.
pub(crate) async fn catch_up(services: &Services, consistency: Consistency) -> Result<(), Unavailable> {
    match (consistency, services.proposer.difference()) {
        (Consistency::Local, _) => Ok(()),
        // However much it has applied, it does not show what was acknowledged.
        (Consistency::Linearizable, Some(why)) => Err(Unavailable::NoCluster(why)),
        (Consistency::Linearizable, None) => Ok(services.proposer.barrier().await?),
    }
}

/// A job by its id or its name, as it is shown. One beyond the scope is as one that is not there.
pub(crate) async fn job(services: &Services, scope: &Scope, key: &str) -> Result<JobRow, ReadError> {
    let (wanted, scope) = (key.to_owned(), scope.clone());
    let found = services.store.query(move |reader| reader.find_job_in(&wanted, &scope)).await?;
    let row = found.ok_or_else(|| NotFound::Job(key.to_owned()))?;
    Ok(shown(row, services.env.now()))
}

/// The same, with what its runs came to.
pub(crate) async fn job_with_stats(
    services: &Services,
    scope: &Scope,
    key: &str,
) -> Result<JobRow, ReadError> {
    let (wanted, scope) = (key.to_owned(), scope.clone());
    let found = services.store.query(move |reader| {
        reader.at_once(|reader| {
            let row = reader.find_job_in(&wanted, &scope)?;
            row.map(|row| reader.with_stats(row)).transpose()
        })
    });
    let found = found.await?;
    let row = found.ok_or_else(|| NotFound::Job(key.to_owned()))?;
    Ok(shown(row, services.env.now()))
}

/// A job as it is shown where it is `now`: it runs next when the first run on record that is still to come does, not
/// when the planner has to look at it next. What is over by itself is not shown any more, also where nobody has put that
/// on record yet.
pub(crate) fn shown(mut row: JobRow, now: Millis) -> JobRow {
    row.job.next_due = row.next_run(now);
    row.paused = row.paused.filter(|pause| !pause.is_over(now));
    row.skips = row.skips.filter(|skips| skips.skip.takes(now));
    row
}

/// An execution, of a job where one is named. The executions of a deleted job are found by the job's id.
pub(crate) async fn execution(
    services: &Services,
    scope: &Scope,
    job: Option<&str>,
    id: &str,
) -> Result<ExecutionRow, ReadError> {
    let (key, wanted, scope) = (job.map(str::to_owned), ExecutionId::parse(id).ok(), scope.clone());
    let find = move |reader: &Reader| {
        reader.at_once(|reader| find_execution(reader, &scope, key.as_deref(), wanted))
    };
    match services.store.query(find).await? {
        Found::Execution(row) => Ok(*row),
        Found::NoExecution => {
            Err(NotFound::Execution { id: id.to_owned(), job: job.map(str::to_owned) }.into())
        }
        Found::NoJob => Err(NotFound::Job(job.unwrap_or_default().to_owned()).into()),
    }
}

/// A job that is to be changed or run. It is found also where this node has not applied its creation yet.
pub(crate) async fn acknowledged_job(
    services: &Services,
    scope: &Scope,
    key: &str,
) -> Result<JobRow, ReadError> {
    acknowledged(services, || job(services, scope, key)).await
}

/// An execution that is to be cancelled or replayed, found as [`acknowledged_job`] finds a job.
pub(crate) async fn acknowledged_execution(
    services: &Services,
    scope: &Scope,
    job: Option<&str>,
    id: &str,
) -> Result<ExecutionRow, ReadError> {
    acknowledged(services, || execution(services, scope, job, id)).await
}

/// A version to roll back to, found as [`acknowledged_job`] finds a job. `key` is what the job was found by.
pub(crate) async fn acknowledged_version(
    services: &Services,
    job: JobSeq,
    key: &str,
    version: &str,
) -> Result<VersionRow, ReadError> {
    let none = || NotFound::Version { version: version.to_owned(), job: key.to_owned() };
    // A version has one spelling: `+3` and `03` are none.
    let number =
        version.parse().ok().filter(|number: &u64| number.to_string() == version).ok_or_else(none)?;
    let find = || async {
        let found = services.store.query(move |reader| reader.version(job, number)).await?;
        Ok(found.ok_or_else(none)?)
    };
    acknowledged(services, find).await
}

/// What this node does not know may have been made through another node. So it is looked for once more, with
/// all that was acknowledged: no client is told that its own write is not there.
pub(crate) async fn acknowledged<T, F: Future<Output = Result<T, ReadError>>>(
    services: &Services,
    find: impl Fn() -> F,
) -> Result<T, ReadError> {
    match find().await {
        Err(ReadError::NotFound(_)) => {
            catch_up(services, Consistency::Linearizable).await?;
            find().await
        }
        found => found,
    }
}

enum Found {
    Execution(Box<ExecutionRow>),
    NoExecution,
    NoJob,
}

fn find_execution(
    reader: &Reader,
    scope: &Scope,
    key: Option<&str>,
    wanted: Option<ExecutionId>,
) -> Result<Found, StateError> {
    let row = match wanted {
        Some(id) => reader.execution_in(id, scope)?.map(Box::new),
        None => None,
    };
    let Some(key) = key else { return Ok(row.map_or(Found::NoExecution, Found::Execution)) };
    let of_job = |row: &ExecutionRow| JobId::parse(key).is_ok_and(|id| id == row.execution.job_id);
    let row = match row {
        Some(row) if of_job(&row) => return Ok(Found::Execution(row)),
        other => other,
    };
    let job = reader.find_job_in(key, scope)?;
    Ok(match (job, row) {
        (Some(job), Some(row)) if job.seq == row.job_seq => Found::Execution(row),
        (Some(_), _) => Found::NoExecution,
        (None, _) => Found::NoJob,
    })
}
