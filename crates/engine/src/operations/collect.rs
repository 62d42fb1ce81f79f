//! [`Collect`]: takes what is needed of the rows of a page, for whoever does something with them.

use chronos_state::{ExecutionRow, JobRow, JobSeq};
use chronos_types::{ExecutionId, JobId, Status};

use crate::read::{PageEnd, PageWriter};

/// The rows of a page, as `view` sees them, and where the list goes on.
pub(super) struct Collect<R, T> {
    view: fn(R) -> T,
    items: Vec<T>,
}

impl<R, T> Collect<R, T> {
    pub(super) fn of(view: fn(R) -> T) -> Self {
        Self { view, items: Vec::new() }
    }
}

impl<R, T, P> PageWriter<R, P> for Collect<R, T>
where
    R: 'static,
    T: Send + 'static,
    P: Send + 'static,
{
    type Answer = (Vec<T>, Option<P>);

    fn take(&mut self, row: R) -> bool {
        self.items.push((self.view)(row));
        true
    }

    fn end(self, end: PageEnd<P>) -> Self::Answer {
        (self.items, end.next)
    }
}

/// What is needed of a job.
#[derive(Clone, Debug)]
pub(super) struct JobTarget {
    pub(super) seq: JobSeq,
    pub(super) id: JobId,
    pub(super) name: String,
    /// Why it cannot be read.
    pub(super) problem: Option<String>,
}

impl JobTarget {
    pub(super) fn of(row: JobRow) -> Self {
        let (name, problem) = match row.job.spec {
            Ok(spec) => (spec.name.to_string(), None),
            Err(bad) => (bad.form.name.into_owned(), Some(bad.why)),
        };
        Self { seq: row.seq, id: row.job.id, name, problem }
    }
}

/// What is needed of an execution.
#[derive(Clone, Debug)]
pub(super) struct ExecutionTarget {
    pub(super) id: ExecutionId,
    pub(super) job: JobId,
    pub(super) status: Status,
    /// Why the version of the job that it ran cannot be read.
    pub(super) problem: Option<String>,
}

impl ExecutionTarget {
    pub(super) fn of(row: ExecutionRow) -> Self {
        let ExecutionRow { execution, spec, .. } = row;
        let problem = spec.err().map(|bad| bad.why);
        Self { id: execution.id, job: execution.job_id, status: execution.status, problem }
    }
}
