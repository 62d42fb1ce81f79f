//! The use cases of operations: what is to be done with all jobs, or all executions, that a filter matches.
//!
//! A filter and a patch are kept as a client wrote them, and read by the code that reads those of a list and of a single
//! change ([`Wording`]): so an operation matches what the list shows. The work itself is done by [`OperationRunner`].

mod collect;
mod matches;
mod pace;
mod portion;
mod runner;

use std::sync::Arc;

use chronos_state::{
    BeginOperation, BulkAction, Command, Filter, Idempotency, JobRow, OperationRow, OperationSpec,
    OperationWord, Outcome, PageLimits, RefusedItem, StoredScope, Targets,
};
use chronos_types::{By, Invalid, Millis, OperationId, Scope, format_rfc3339};

use crate::batch::Item;
use crate::beside::{AskedEnd, to_come};
use crate::error::{ChangeError, NotFound, ReadError, WriteError};
use crate::executions::{ExecutionSearch, Executions};
use crate::job_list::JobSearch;
use crate::jobs::Jobs;
use crate::lookup;
use crate::once::once;
use crate::read::{Consistency, PageEnd, PageRequest, PageWriter};
use crate::sealing::Sealer;
use crate::services::Services;
use crate::times;

pub use matches::Matched;
pub use runner::OperationRunner;

/// Runs that an operation asks for in a second, where nothing else is said.
pub const USUAL_PER_SECOND: u32 = 50;
/// So many instants are run by one backfill at most, and so far what a filter matches is counted.
pub const MOST_COUNTED: usize = 10_000;

/// What the texts of an operation mean. The API says it, so that they mean what they mean elsewhere in it.
pub trait Wording: std::fmt::Debug + Send + Sync {
    /// Which jobs a filter is about.
    ///
    /// # Errors
    /// Every parameter that is bad.
    fn jobs(&self, filter: &Filter) -> Result<JobSearch, Invalid>;

    /// Which executions a filter is about.
    ///
    /// # Errors
    /// Every parameter that is bad.
    fn executions(&self, filter: &Filter) -> Result<ExecutionSearch, Invalid>;

    /// What a patch makes of a job `now`.
    ///
    /// # Errors
    /// Every field that is bad then.
    fn patched(&self, row: &JobRow, patch: &str, now: Millis) -> Result<Item, Invalid>;

    /// A patch as it may be shown: without credentials.
    fn shown(&self, patch: &str) -> String;
}

/// An operation that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// What is to be done with each target.
    pub action: BulkAction,
    /// With what.
    pub targets: Targets,
    /// At most so many a second.
    pub per_second: Option<u32>,
}

/// Reads, makes and ends operations.
#[derive(Clone, Debug)]
pub struct Operations {
    services: Services,
    jobs: Jobs,
    executions: Executions,
    wording: Arc<dyn Wording>,
}

impl Operations {
    /// The use cases, with what they work with.
    #[must_use]
    pub fn new(services: Services, jobs: Jobs, executions: Executions, wording: Arc<dyn Wording>) -> Self {
        Self { services, jobs, executions, wording }
    }

    /// What an operation would do something with: how many, and the first of them.
    ///
    /// # Errors
    /// A filter or a range is bad, there is no such job, or it cannot be found out now.
    pub async fn matched(&self, scope: &Scope, wanted: &Wanted) -> Result<Matched, ChangeError> {
        if let BulkAction::Pause { until: Some(value), .. } = wanted.action {
            let until = AskedEnd { text: format_rfc3339(value), value };
            to_come(Some(&until), self.services.env.now())?;
        }
        matches::count(self, scope, wanted).await
    }

    /// Makes the operation that `wanted` comes to. It is done in the background, by whichever node leads. Answers with it.
    ///
    /// # Errors
    /// What is asked for is bad, as many are under way as may be, or the write failed.
    pub async fn begin(
        &self,
        scope: &Scope,
        wanted: impl Future<Output = Result<Wanted, ChangeError>>,
        by: &By,
        idempotency: Option<Idempotency>,
    ) -> Result<OperationRow, ChangeError> {
        let env = &self.services.env;
        let ask = async {
            let wanted = self.frozen(wanted.await?)?;
            let Matched { count, exact, .. } = self.matched(scope, &wanted).await?;
            let Wanted { action, targets, per_second } = wanted;
            let starts_runs =
                matches!(action, BulkAction::Trigger | BulkAction::Replay { .. } | BulkAction::Backfill);
            let per_second = per_second.or(starts_runs.then_some(USUAL_PER_SECOND));
            let id = OperationId::new(env.now(), env.random_bytes());
            let make = |sealer: &Sealer| {
                let action = sealer.action(id, &action, |patch| self.wording.shown(patch))?;
                let (targets, count) = (targets.clone(), count as u64);
                let scope = StoredScope::of(scope);
                let spec = OperationSpec { action, targets, per_second, count, exact, scope };
                let word = OperationWord::Begin(Box::new(BeginOperation { id, spec }));
                Ok(Command::Operation(word))
            };
            let (outcome, _) = self.services.propose_sealed(by, idempotency.as_ref(), make).await?;
            Ok::<_, ChangeError>(outcome)
        };
        let outcome = once(&self.services, idempotency.as_ref(), ChangeError::is_refusal, ask).await?;
        Ok(self.answered(outcome).await?)
    }

    /// What is asked for, with the time that a list without one is of: else that would move on while the operation goes on.
    fn frozen(&self, mut wanted: Wanted) -> Result<Wanted, Invalid> {
        if let Targets::Executions(filter) = &mut wanted.targets {
            let window = self.wording.executions(filter)?.window(self.services.env.now());
            if let Some(from) = window.and_then(|window| window.from) {
                filter.entry("from".to_owned()).or_insert_with(|| format_rfc3339(from));
            }
        }
        Ok(wanted)
    }

    /// Ends an operation where it stands. What it has done stays done. Answers with it.
    ///
    /// # Errors
    /// There is no such operation, it is over, or the write failed.
    pub async fn cancel(
        &self,
        scope: &Scope,
        id: &str,
        by: &By,
        idempotency: Option<Idempotency>,
    ) -> Result<OperationRow, WriteError> {
        let ask = async {
            let row = lookup::acknowledged(&self.services, || self.read(scope, id)).await?;
            let command = Command::Operation(OperationWord::Cancel { id: row.id });
            let proposal = self.services.proposal(by, idempotency.as_ref(), command)?;
            Ok(self.services.proposer.propose(proposal).await?)
        };
        let outcome = once(&self.services, idempotency.as_ref(), WriteError::is_refusal, ask).await?;
        self.answered(outcome).await
    }

    /// An operation, and the first of what it could do nothing with.
    ///
    /// # Errors
    /// There is no such operation, or it cannot be read as demanded.
    pub async fn find(
        &self,
        scope: &Scope,
        id: &str,
        consistency: Consistency,
    ) -> Result<(OperationRow, Vec<RefusedItem>), ReadError> {
        lookup::catch_up(&self.services, consistency).await?;
        let row = self.read(scope, id).await?;
        let id = row.id;
        let errors = self.services.store.query(move |reader| reader.operation_errors(id)).await?;
        Ok((row, errors))
    }

    /// A page of the operations, the newest first.
    ///
    /// # Errors
    /// The page cannot be read as demanded.
    pub async fn page<W: PageWriter<OperationRow, OperationId>>(
        &self,
        scope: &Scope,
        page: PageRequest<OperationId>,
        mut writer: W,
    ) -> Result<W::Answer, ReadError> {
        let PageRequest { after, limit, consistency, is_counted: _ } = page;
        lookup::catch_up(&self.services, consistency).await?;
        let scope = scope.clone();
        let read = self.services.store.query(move |reader| {
            // There are few, so what is passed over costs nothing.
            let take = |row: OperationRow| !is_seen(&scope, &row) || writer.take(row);
            let next = reader.operations(after, PageLimits::of(limit), take)?;
            Ok(writer.end(PageEnd::of(next)))
        });
        Ok(read.await?)
    }

    /// The instants of a job from one on up to another, to be run again.
    ///
    /// # Errors
    /// There is no such job, it cannot be read, or the range is bad.
    pub async fn instants(
        &self,
        scope: &Scope,
        key: &str,
        from: Millis,
        to: Millis,
    ) -> Result<Targets, ChangeError> {
        let row = lookup::acknowledged_job(&self.services, scope, key).await?;
        if let Err(bad) = row.job.spec {
            return Err(WriteError::Unreadable { version: row.job.version, why: bad.why }.into());
        }
        let (now, show) = (self.services.env.now(), format_rfc3339);
        let mut invalid = Invalid::default();
        if from > to {
            let why =
                format!("{} is after `to`, {}; expected that time or an earlier one", show(from), show(to));
            invalid.add("from", why);
        }
        if to > now {
            let why =
                format!("{} is to come (it is {} now); expected a time that is past", show(to), show(now));
            invalid.add("to", why);
        }
        invalid.into_result()?;
        let instants = times::of_range(&row, from, to, MOST_COUNTED + 1);
        match instants.as_slice() {
            [] => {
                let (from, to) = (show(from), show(to));
                let why = format!(
                    "{from}: the job has no instant from then up to {to}; expected a range with some"
                );
                Err(Invalid::one("from", why).into())
            }
            many if many.len() > MOST_COUNTED => {
                let last = show(many[MOST_COUNTED - 1]);
                let why = format!(
                    "{} gives more than {MOST_COUNTED} runs; expected at most that, so a time up to {last}",
                    show(to)
                );
                Err(Invalid::one("to", why).into())
            }
            _ => Ok(Targets::Instants { job: row.job.id, from, to }),
        }
    }

    /// The operation that a command was about, as it stands.
    async fn answered(&self, outcome: Outcome) -> Result<OperationRow, WriteError> {
        let Outcome::Operation { id } = outcome else { return Err(WriteError::of(outcome)) };
        let row = self.services.store.recall(move |reader| reader.operation(id)).await?;
        // It may be forgotten by now, if this is a repeat.
        Ok(row.ok_or_else(|| NotFound::Operation(id.to_string()))?)
    }

    async fn read(&self, scope: &Scope, id: &str) -> Result<OperationRow, ReadError> {
        let none = || NotFound::Operation(id.to_owned());
        let wanted = OperationId::parse(id).map_err(|_| none())?;
        let found = self.services.store.query(move |reader| reader.operation(wanted)).await?;
        Ok(found.filter(|row| is_seen(scope, row)).ok_or_else(none)?)
    }
}

/// Whether an operation may be seen: that of somebody who may see no more. One that cannot be read may be of anybody.
fn is_seen(scope: &Scope, row: &OperationRow) -> bool {
    scope.covers(&row.spec.as_ref().map_or(Scope::all(), OperationSpec::within))
}
