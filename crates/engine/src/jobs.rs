//! The use cases of jobs and their versions.

use chronos_state::{
    BadSpec, Command, DeleteJob, ExecutionRow, Idempotency, JobFilter, JobRow, JobSeq, Outcome, PageLimits,
    Proposal, PutJob, Refusal, StoredSpec, VersionRow,
};
use chronos_types::{Invalid, Job, JobId, JobSpec, Millis};

use crate::change::{self, IfMatch};
use crate::error::{ChangeError, NotFound, ReadError, WriteError};
use crate::read::{Consistency, PageRequest, PageWriter};
use crate::schedules::Schedules;
use crate::services::Services;
use crate::times::first_due;
use crate::{lookup, requested};

/// Reads and changes jobs. A job's `key` is its id or its name.
#[derive(Clone, Debug)]
pub struct Jobs {
    services: Services,
}

impl Jobs {
    /// The use cases, with what they work with.
    #[must_use]
    pub fn new(services: Services) -> Self {
        Self { services }
    }

    /// A job.
    ///
    /// # Errors
    /// There is no such job, or it cannot be read as demanded.
    pub async fn find(&self, key: &str, consistency: Consistency) -> Result<JobRow, ReadError> {
        lookup::catch_up(&self.services, consistency).await?;
        lookup::job(&self.services, key).await
    }

    /// A page of the jobs, in order of creation.
    ///
    /// # Errors
    /// The page cannot be read as demanded.
    pub async fn page<W: PageWriter<JobRow, JobSeq>>(
        &self,
        filter: JobFilter,
        page: PageRequest<JobSeq>,
        mut writer: W,
    ) -> Result<W::Answer, ReadError> {
        let PageRequest { after, limit, consistency } = page;
        lookup::catch_up(&self.services, consistency).await?;
        let env = self.services.env.clone();
        let read = self.services.store.query(move |reader| {
            let now = env.now();
            let shown = |row| writer.take(lookup::shown(row, now));
            let next = reader.jobs(&filter, after, PageLimits::of(limit), shown)?;
            Ok(writer.end(next))
        });
        Ok(read.await?)
    }

    /// A page of a job's versions, newest first.
    ///
    /// # Errors
    /// There is no such job, or the page cannot be read as demanded.
    pub async fn versions<W: PageWriter<VersionRow, u64>>(
        &self,
        key: &str,
        page: PageRequest<u64>,
        mut writer: W,
    ) -> Result<W::Answer, ReadError> {
        let PageRequest { after, limit, consistency } = page;
        lookup::catch_up(&self.services, consistency).await?;
        let wanted = key.to_owned();
        let read = self.services.store.query(move |reader| {
            reader.at_once(|reader| {
                let Some(job) = reader.find_job(&wanted)? else { return Ok(None) };
                let next = reader.versions(job.seq, after, PageLimits::of(limit), |row| writer.take(row))?;
                Ok(Some(writer.end(next)))
            })
        });
        Ok(read.await?.ok_or_else(|| NotFound::Job(key.to_owned()))?)
    }

    /// Creates a job, and answers with what `project` makes of it. `spec` makes its specification. Both are
    /// called a second time where the request repeats an earlier one, for the answer is then that of the
    /// first time.
    ///
    /// # Errors
    /// The specification is bad, the name is taken, or the write failed.
    pub async fn create<T>(
        &self,
        idempotency: Option<Idempotency>,
        spec: impl Fn() -> Result<JobSpec, Invalid>,
        project: impl Fn(&Job) -> T,
    ) -> Result<T, ChangeError> {
        let Services { env, proposer, .. } = &self.services;
        let stored = spec()?;
        let now = env.now();
        let first = first_version(JobId::new(now, env.random_bytes()), stored, now);
        let answer = project(&first);
        let Job { id: own, spec: stored, created_at, next_due, .. } = first;
        let put = PutJob { id: own, from_version: None, created_at, spec: StoredSpec::of(&stored), next_due };
        let proposal = Proposal { idempotency, command: Command::PutJob(Box::new(put)) };
        match proposer.propose(proposal).await? {
            Outcome::Job { id, .. } if id == own => Ok(answer),
            Outcome::Job { id, version, at } => {
                Ok(project(&Job { version, ..first_version(id, spec()?, at) }))
            }
            other => Err(WriteError::of(other).into()),
        }
    }

    /// Changes a job, and answers with it as it is then. `next` makes its next specification from the stored
    /// job, or none where it stays as it is. It may be called several times, since it is called again where
    /// another change came first.
    ///
    /// # Errors
    /// There is no such job, it is at another version than demanded, the specification is bad, or the write
    /// failed.
    pub async fn change(
        &self,
        key: &str,
        if_match: IfMatch<'_>,
        next: impl Fn(&JobRow) -> Result<JobSpec, Invalid>,
    ) -> Result<JobRow, ChangeError> {
        change::change(&self.services, key, &if_match, None, |row| next(row).map(|spec| Some(Ok(spec)))).await
    }

    /// Enables or disables a job, and answers with it as it is then.
    ///
    /// # Errors
    /// There is no such job, it is at another version than demanded, or the write failed.
    pub async fn set_enabled(
        &self,
        key: &str,
        enabled: bool,
        if_match: IfMatch<'_>,
        idempotency: Option<Idempotency>,
    ) -> Result<JobRow, ChangeError> {
        let next = |row: &JobRow| {
            Ok(match &row.job.spec {
                Ok(spec) => (spec.enabled != enabled).then(|| Ok(JobSpec { enabled, ..spec.clone() })),
                // The rest of it stays as it is on record, as far as it can be read.
                Err(bad) => (bad.form.enabled != enabled).then(|| {
                    let form = StoredSpec { enabled, ..bad.form.clone() };
                    Err(Box::new(BadSpec { why: bad.why.clone(), form }))
                }),
            })
        };
        change::change(&self.services, key, &if_match, idempotency.as_ref(), next).await
    }

    /// Gives a job a new version, which says what the one called `version` said. Answers with the job.
    ///
    /// # Errors
    /// There is no such job or version, that version cannot be read, the job is at another version than demanded, or
    /// the write failed.
    pub async fn rollback(
        &self,
        key: &str,
        version: &str,
        if_match: IfMatch<'_>,
        idempotency: Option<Idempotency>,
    ) -> Result<JobRow, ChangeError> {
        let row = lookup::acknowledged_job(&self.services, key).await?;
        let found = lookup::acknowledged_version(&self.services, row.seq, key, version).await?;
        // By its id: the name may come to mean another job meanwhile.
        let id = row.job.id.to_string();
        let spec =
            found.spec.map_err(|bad| Invalid::one("version", format!("cannot be read: {}", bad.why)))?;
        let errors = Schedules::check(Some(&spec.schedule), Some(&spec.timezone));
        if let Some(error) = errors.into_iter().next() {
            let why = format!("cannot be read: {}: {}", error.field, error.message);
            return Err(Invalid::one("version", why).into());
        }
        let next = |_: &JobRow| Ok(Some(Ok(spec.clone())));
        change::change(&self.services, &id, &if_match, idempotency.as_ref(), next).await
    }

    /// Deletes a job, and cancels its unfinished executions.
    ///
    /// # Errors
    /// There is no such job, it is at another version than demanded, or the write failed.
    pub async fn delete(&self, key: &str, if_match: IfMatch<'_>) -> Result<(), ChangeError> {
        let JobRow { job, .. } = lookup::acknowledged_job(&self.services, key).await?;
        change::check(&if_match, job.version)?;
        let if_version = if_match.is_some().then_some(job.version);
        let command = Command::DeleteJob(DeleteJob { id: job.id, if_version });
        match self.services.proposer.propose(command.into()).await? {
            Outcome::Done => Ok(()),
            Outcome::Refused { refusal: Refusal::VersionMismatch { current } } => {
                Err(ChangeError::Precondition { current })
            }
            other => Err(WriteError::of(other).into()),
        }
    }

    /// Runs a job now, also a disabled one. Answers with the execution.
    ///
    /// # Errors
    /// There is no such job, it cannot be read, it forbids overlap and has an unfinished execution, or the write
    /// failed.
    pub async fn trigger(
        &self,
        key: &str,
        idempotency: Option<Idempotency>,
    ) -> Result<ExecutionRow, WriteError> {
        let row = lookup::acknowledged_job(&self.services, key).await?;
        if let Err(bad) = row.job.spec {
            return Err(WriteError::Unreadable { version: row.job.version, why: bad.why });
        }
        requested::run(&self.services, row.job.id, None, idempotency).await
    }
}

/// A job as it is created at an instant.
fn first_version(id: JobId, spec: JobSpec, at: Millis) -> Job {
    let next_due = first_due(&spec, at, at);
    Job { id, spec, version: 1, created_at: at, updated_at: at, next_due }
}
