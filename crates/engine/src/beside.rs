//! The use cases of what stands beside a job's specification: its pause, and its coming runs that are skipped.

use chronos_state::{Command, Idempotency, JobRow, PauseJob, ResumeJob, SkipRuns};
use chronos_types::{By, Invalid, Job, Millis, Note, Scope, Skip, format_rfc3339};

use crate::change::{self, Changed, Demand, Next};
use crate::error::ChangeError;
use crate::jobs::Jobs;
use crate::once::once;
use crate::times::{first_due, first_due_of_bad};

/// The end of what a client asks for, and how it was written.
pub type AskedEnd = crate::Asked<Millis>;

impl Jobs {
    /// Pauses a job, and answers with it as it is then. A job that is paused gets this reason and this end.
    ///
    /// # Errors
    /// There is no such job, it is at another version than demanded, the end is past, or the write failed.
    #[expect(clippy::too_many_arguments, reason = "each is a part of what a client says")]
    pub async fn pause(
        &self,
        scope: &Scope,
        key: &str,
        by: &By,
        reason: Option<&Note>,
        until: Option<&AskedEnd>,
        demand: Demand<'_>,
        idempotency: Option<Idempotency>,
    ) -> Result<JobRow, ChangeError> {
        let next = |row: &JobRow, now| {
            let until = to_come(until, now)?;
            let if_version = (demand.is_some() || !scope.is_all()).then_some(row.job.version);
            Ok(Next::Beside(Box::new(Command::Pause(PauseJob::of(row.job.id, if_version, reason, until)))))
        };
        self.beside(scope, key, by, &demand, idempotency, next).await
    }

    /// Ends the pause of a job, and answers with the job as it is then. One that is not paused stays as it is.
    ///
    /// # Errors
    /// There is no such job, it is at another version than demanded, or the write failed.
    pub async fn resume(
        &self,
        scope: &Scope,
        key: &str,
        by: &By,
        demand: Demand<'_>,
        idempotency: Option<Idempotency>,
    ) -> Result<JobRow, ChangeError> {
        // Also where this node knows of no pause: it may not have applied it yet.
        let next = |row: &JobRow, now| Ok(Next::Beside(Box::new(resumed(row, now))));
        self.beside(scope, key, by, &demand, idempotency, next).await
    }

    /// Has coming runs of a job recorded as skipped, those alone that are asked for now: so none where nothing is asked
    /// for. Answers with the job as it is then.
    ///
    /// # Errors
    /// There is no such job, it is at another version than demanded, the end is past, or the write failed.
    pub async fn skip(
        &self,
        scope: &Scope,
        key: &str,
        by: &By,
        skip: Option<&SkipAsked>,
        demand: Demand<'_>,
        idempotency: Option<Idempotency>,
    ) -> Result<JobRow, ChangeError> {
        let next = |row: &JobRow, now| {
            let skip = match skip {
                None => None,
                Some(SkipAsked::Count(count)) => Some(Skip::Count(*count)),
                Some(SkipAsked::Until(until)) => to_come(Some(until), now)?.map(Skip::Until),
            };
            let if_version = (demand.is_some() || !scope.is_all()).then_some(row.job.version);
            Ok(Next::Beside(Box::new(Command::Skip(SkipRuns::of(row.job.id, if_version, skip)))))
        };
        self.beside(scope, key, by, &demand, idempotency, next).await
    }

    async fn beside(
        &self,
        scope: &Scope,
        key: &str,
        by: &By,
        demand: &Demand<'_>,
        idempotency: Option<Idempotency>,
        next: impl Fn(&JobRow, Millis) -> Result<Next, Invalid>,
    ) -> Result<JobRow, ChangeError> {
        let ask = change::change(&self.services, scope, key, by, demand, idempotency.as_ref(), false, next);
        let changed: Changed =
            once(&self.services, idempotency.as_ref(), ChangeError::is_refusal, ask).await?;
        changed.row(&self.services).await
    }
}

/// Which coming runs a client wants to be skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SkipAsked {
    /// So many.
    Count(u32),
    /// Those before an instant.
    Until(AskedEnd),
}

/// The command that ends the pause of a job.
pub(crate) fn resumed(row: &JobRow, now: Millis) -> Command {
    let Job { id, version, created_at, ref spec, .. } = row.job;
    let next_due = match spec {
        Ok(spec) => first_due(spec, created_at, now),
        Err(bad) => first_due_of_bad(bad, created_at, now),
    };
    Command::Resume(ResumeJob { id, version, next_due })
}

/// An end that is to come.
pub(crate) fn to_come(until: Option<&AskedEnd>, now: Millis) -> Result<Option<Millis>, Invalid> {
    match until {
        Some(until) if until.value <= now => {
            let why = format!("{until} is past (it is {} now); expected a time to come", format_rfc3339(now));
            Err(Invalid::one("until", why))
        }
        until => Ok(until.map(|until| until.value)),
    }
}
