//! The use cases of jobs and their versions.

use chronos_search::Search;
use chronos_state::{
    BadSpec, Command, DeleteJob, Idempotency, JobRow, Outcome, PageLimits, PutJob, Refusal, StoredSpec,
    VersionRow,
};
use chronos_types::{By, Execution, Invalid, Job, JobId, JobSpec, Millis, Overrides, Scope};

use crate::change::{self, Changed, Demand, Next};
use crate::error::{ChangeError, NotFound, ReadError, WriteError};
use crate::once::once;
use crate::read::{Consistency, PageEnd, PageRequest, PageWriter};
use crate::schedules::Schedules;
use crate::sealing::Sealer;
use crate::services::Services;
use crate::times::first_due_of_new;
use crate::{beside, lookup, requested, secrets};

/// Reads and changes jobs. A job's `key` is its id or its name. One beyond the scope of whoever asks is as one that is not
/// there.
#[derive(Clone, Debug)]
pub struct Jobs {
    pub(crate) services: Services,
    schedules: Schedules,
    pub(crate) search: Search,
}

impl Jobs {
    /// The use cases, with what they work with.
    #[must_use]
    pub fn new(services: Services, search: Search) -> Self {
        Self { schedules: Schedules::new(services.clone()), services, search }
    }

    /// Does what would hold up an async thread, such as to read a long text.
    pub async fn apart<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        self.services.env.blocking(work).await
    }

    /// A job, with what its runs came to.
    ///
    /// # Errors
    /// There is no such job, or it cannot be read as demanded.
    pub async fn find(
        &self,
        scope: &Scope,
        key: &str,
        consistency: Consistency,
    ) -> Result<JobRow, ReadError> {
        lookup::catch_up(&self.services, consistency).await?;
        lookup::job_with_stats(&self.services, scope, key).await
    }

    /// A job with its credentials opened, to call its webhook in a test.
    ///
    /// # Errors
    /// There is no such job, or it cannot be read or opened.
    pub async fn find_opened(&self, scope: &Scope, key: &str) -> Result<JobRow, ChangeError> {
        let row = lookup::job(&self.services, scope, key).await?;
        Ok(self.services.opened(row).await?.0)
    }

    /// A page of a job's versions, newest first.
    ///
    /// # Errors
    /// There is no such job, or the page cannot be read as demanded.
    pub async fn versions<W: PageWriter<VersionRow, u64>>(
        &self,
        scope: &Scope,
        key: &str,
        page: PageRequest<u64>,
        mut writer: W,
    ) -> Result<W::Answer, ReadError> {
        let PageRequest { after, limit, consistency, is_counted: _ } = page;
        lookup::catch_up(&self.services, consistency).await?;
        let (wanted, scope) = (key.to_owned(), scope.clone());
        let read = self.services.store.query(move |reader| {
            reader.at_once(|reader| {
                let Some(job) = reader.find_job_in(&wanted, &scope)? else { return Ok(None) };
                let next = reader.versions(job.seq, after, PageLimits::of(limit), |row| writer.take(row))?;
                Ok(Some(writer.end(PageEnd::of(next))))
            })
        });
        Ok(read.await?.ok_or_else(|| NotFound::Job(key.to_owned()))?)
    }

    /// Creates a job of the specification that `spec` makes, as of the instant of its creation, and answers with it as
    /// it is then.
    ///
    /// # Errors
    /// The specification is bad, the name is taken, or the write failed.
    pub async fn create(
        &self,
        scope: &Scope,
        by: &By,
        idempotency: Option<Idempotency>,
        spec: impl FnOnce(Millis) -> Result<JobSpec, Invalid>,
    ) -> Result<JobRow, ChangeError> {
        let env = &self.services.env;
        let ask = async {
            let now = env.now();
            let spec = spec(now)?;
            scope.check(&spec.tags).map_err(|(field, why)| Invalid::one(&field, why))?;
            secrets::check(&self.services, scope, &spec.webhook, Some(&spec.tags), "webhook.").await?;
            let first = self.first_version(JobId::new(now, env.random_bytes()), spec, now);
            let Job { id: own, created_at, next_due, .. } = first;
            let make = |sealer: &Sealer| {
                let mut spec = StoredSpec::of(&first.spec);
                sealer.webhook(own, &mut spec.webhook, None)?;
                let put = PutJob { id: own, from_version: None, created_at, spec, next_due, resumes: false };
                Ok(Command::PutJob(Box::new(put)))
            };
            let (outcome, by) = self.services.propose_sealed(by, idempotency.as_ref(), make).await?;
            match outcome {
                Outcome::Job { seq, id, .. } if id == own => {
                    let Job { id, spec, version, created_at, updated_at, next_due } = first;
                    let job = Job { id, spec: Ok(spec), version, created_at, updated_at, next_due };
                    let (set, last_run, pending) = (None, None, Vec::new());
                    let (paused, skips, stats) = (None, None, None);
                    let row = JobRow { seq, job, by, set, last_run, pending, paused, skips, stats };
                    Ok::<_, ChangeError>(Changed::Now(Box::new(row)))
                }
                repeated @ Outcome::Job { .. } => Ok(Changed::Before(repeated)),
                other => Err(WriteError::of(other).into()),
            }
        };
        let changed = once(&self.services, idempotency.as_ref(), ChangeError::is_refusal, ask).await?;
        // It had not run when it was created.
        Ok(JobRow { last_run: None, ..changed.row(&self.services).await? })
    }

    /// Changes a job, and answers with it as it is then. `next` makes its next specification from the stored
    /// job and the instant. It may be called several times, since it is called again where another change came
    /// first. Where the request writes `enabled`, it `resumes` the job if that is paused.
    ///
    /// # Errors
    /// There is no such job, it is at another version than demanded, the specification is bad, or the write
    /// failed.
    pub async fn change(
        &self,
        scope: &Scope,
        key: &str,
        by: &By,
        demand: Demand<'_>,
        resumes: bool,
        next: impl Fn(&JobRow, Millis) -> Result<JobSpec, Invalid>,
    ) -> Result<JobRow, ChangeError> {
        let next = |row: &JobRow, now| next(row, now).map(|spec| Next::Spec(Box::new(Ok(spec))));
        change::change(&self.services, scope, key, by, &demand, None, resumes, next)
            .await?
            .row(&self.services)
            .await
    }

    /// Enables or disables a job, as writing `enabled` does, and answers with it as it is then: so it is not paused.
    ///
    /// # Errors
    /// There is no such job, it is at another version than demanded, or the write failed.
    pub async fn set_enabled(
        &self,
        scope: &Scope,
        key: &str,
        by: &By,
        enabled: bool,
        demand: Demand<'_>,
        idempotency: Option<Idempotency>,
    ) -> Result<JobRow, ChangeError> {
        let next = |row: &JobRow, now| {
            let spec = match &row.job.spec {
                Ok(spec) => (spec.enabled != enabled).then(|| Ok(JobSpec { enabled, ..spec.clone() })),
                // The rest of it stays as it is on record, as far as it can be read.
                Err(bad) => (bad.form.enabled != enabled).then(|| {
                    let form = StoredSpec { enabled, ..bad.form.clone() };
                    Err(Box::new(BadSpec { why: bad.why.clone(), form }))
                }),
            };
            Ok(match spec {
                Some(spec) => Next::Spec(Box::new(spec)),
                None if row.paused.is_some() => Next::Beside(Box::new(beside::resumed(row, now))),
                None => Next::Stays,
            })
        };
        let ask = change::change(&self.services, scope, key, by, &demand, idempotency.as_ref(), true, next);
        let changed = once(&self.services, idempotency.as_ref(), ChangeError::is_refusal, ask).await?;
        changed.row(&self.services).await
    }

    /// Gives a job a new version, which says what the one called `version` said. Answers with the job.
    ///
    /// # Errors
    /// There is no such job or version, that version cannot be read or has no run left, the job is at another version
    /// than demanded, or the write failed.
    pub async fn rollback(
        &self,
        scope: &Scope,
        key: &str,
        by: &By,
        version: &str,
        demand: Demand<'_>,
        idempotency: Option<Idempotency>,
    ) -> Result<JobRow, ChangeError> {
        let ask = async {
            let row = lookup::acknowledged_job(&self.services, scope, key).await?;
            let found = lookup::acknowledged_version(&self.services, row.seq, key, version).await?;
            // By its id: the name may come to mean another job meanwhile.
            let id = row.job.id.to_string();
            let spec =
                found.spec.map_err(|bad| Invalid::one("version", format!("cannot be read: {}", bad.why)))?;
            let spec = self.services.opened_spec(row.job.id, spec).await?;
            let errors = Schedules::check(Some(&spec.schedule), Some(&spec.timezone));
            if let Some(error) = errors.into_iter().next() {
                let why = format!("cannot be read: {}: {}", error.field, error.message);
                return Err(Invalid::one("version", why).into());
            }
            let next = |row: &JobRow, now| {
                self.schedules.check_spec(&spec, row, now).map(|()| Next::Spec(Box::new(Ok(spec.clone()))))
            };
            change::change(&self.services, scope, &id, by, &demand, idempotency.as_ref(), false, next).await
        };
        let changed = once(&self.services, idempotency.as_ref(), ChangeError::is_refusal, ask).await?;
        changed.row(&self.services).await
    }

    /// Deletes a job, and cancels its unfinished executions.
    ///
    /// # Errors
    /// There is no such job, it is at another version than demanded, or the write failed.
    pub async fn delete(
        &self,
        scope: &Scope,
        key: &str,
        by: &By,
        demand: Demand<'_>,
    ) -> Result<(), ChangeError> {
        for _ in 0..change::TRIES {
            let JobRow { job, .. } = lookup::acknowledged_job(&self.services, scope, key).await?;
            change::check(&demand, &job)?;
            // Its next version may be beyond the scope.
            let if_version = (demand.is_some() || !scope.is_all()).then_some(job.version);
            let command = Command::DeleteJob(DeleteJob { id: job.id, if_version });
            let proposal = self.services.proposal(by, None, command).map_err(WriteError::from)?;
            match self.services.proposer.propose(proposal).await? {
                Outcome::Done => return Ok(()),
                Outcome::Refused { refusal: Refusal::VersionMismatch { current } } if demand.is_some() => {
                    return Err(ChangeError::Precondition { id: job.id, current });
                }
                Outcome::Refused { refusal: Refusal::VersionMismatch { .. } } => {
                    let caught_up = lookup::catch_up(&self.services, Consistency::Linearizable).await;
                    caught_up.map_err(WriteError::from)?;
                }
                other => return Err(WriteError::of(other).into()),
            }
        }
        Err(ChangeError::Contended)
    }

    /// Runs a job now, also a disabled one, with the body and the headers that are given in place of its own. Answers with
    /// the execution, as it was asked for.
    ///
    /// # Errors
    /// There is no such job, it cannot be read, what is given cannot be sent, it forbids overlap and has an unfinished
    /// execution, or the write failed.
    pub async fn trigger(
        &self,
        scope: &Scope,
        key: &str,
        by: &By,
        given: Option<Overrides>,
        idempotency: Option<Idempotency>,
    ) -> Result<Execution, ChangeError> {
        let ask = async {
            let row = lookup::acknowledged_job(&self.services, scope, key).await?;
            // Its credentials are needed where something is given in place of them.
            let row = if given.is_some() { self.services.opened(row).await?.0 } else { row };
            let Job { id, version, spec, .. } = row.job;
            let spec = spec.map_err(|bad| WriteError::Unreadable { version, why: bad.why })?;
            let over = |given| requested::over(given, Overrides::default(), &spec.webhook);
            let given = given.map(over).transpose()?;
            if let Some(given) = &given {
                let webhook = spec.webhook.clone().overridden(given.clone());
                secrets::check(&self.services, scope, &webhook, Some(&spec.tags), "").await?;
            }
            Ok::<_, ChangeError>(
                requested::run(&self.services, (id, &spec.webhook), None, given, by, idempotency.as_ref())
                    .await?,
            )
        };
        let outcome = once(&self.services, idempotency.as_ref(), ChangeError::is_refusal, ask).await?;
        Ok(requested::accepted(outcome)?)
    }

    /// A job as it is created at an instant.
    fn first_version(&self, id: JobId, spec: JobSpec, at: Millis) -> Job {
        let next_due = first_due_of_new(&spec, at, at, self.services.misfire_threshold);
        Job { id, spec, version: 1, created_at: at, updated_at: at, next_due }
    }
}
