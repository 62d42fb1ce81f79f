//! Changes a job that exists: read it, make its next specification, propose that from the version that was
//! read, and begin again where another change came first.

use chronos_state::{
    Command, Confirm, Idempotency, JobRow, Outcome, PAUSES_SINCE, PutJob, ReadSpec, Reader, Refusal,
    StoredSpec,
};
use chronos_types::{By, Invalid, Job, JobId, JobSpec, Millis, Scope, SealedCredentials, clip};

use crate::error::{ChangeError, ReadError, Unavailable, WriteError};
use crate::lookup;
use crate::read::Consistency;
use crate::sealing::Sealer;
use crate::secrets;
use crate::services::Services;
use crate::times::{Instants, first_due, first_due_of_bad, first_due_of_new};

/// A try fails only where another change succeeded. So many failures in a row are not chance, but a client
/// that changes the job in a loop.
pub(crate) const TRIES: usize = 16;

/// What a client demands of the job that it changes (`If-Match`, `If-None-Match`): whether it may be this job in this
/// version. None demands nothing. It is asked once the job is found; a demand that cannot be read is refused only then.
pub type Demand<'a> = Option<Box<dyn Fn(JobId, u64) -> Result<bool, Invalid> + Send + Sync + 'a>>;

/// Checks what the client demands.
pub(crate) fn check<S>(demand: &Demand<'_>, job: &Job<S>) -> Result<(), ChangeError> {
    match demand {
        Some(allows) if !allows(job.id, job.version)? => {
            Err(ChangeError::Precondition { id: job.id, current: job.version })
        }
        _ => Ok(()),
    }
}

/// What came of a request to create or to change a job.
#[derive(Debug)]
pub(crate) enum Changed {
    /// The job, as the request left it just now.
    Now(Box<JobRow>),
    /// What was answered to the request, which may have been made long ago.
    Before(Outcome),
}

impl From<Outcome> for Changed {
    fn from(outcome: Outcome) -> Self {
        Self::Before(outcome)
    }
}

impl Changed {
    /// The job as the request left it, whenever that was.
    pub(crate) async fn row(self, services: &Services) -> Result<JobRow, ChangeError> {
        match self {
            Self::Now(row) => Ok(*row),
            Self::Before(Outcome::Job { seq, version, next_due, .. }) => {
                let read = services.store.recall(move |reader| reader.job_version(seq, version)).await;
                // What the answer shows stays on record for as long as its key. The key may be forgotten just now.
                let found = read.map_err(WriteError::from)?.ok_or(WriteError::Refused(Refusal::NoSuchJob))?;
                Ok(JobRow { job: Job { next_due, ..found.job }, ..found })
            }
            Self::Before(other) => Err(WriteError::of(other).into()),
        }
    }
}

/// What is to become of a job.
pub(crate) enum Next {
    /// It stays as it is.
    Stays,
    /// It gets this specification.
    Spec(Box<ReadSpec>),
    /// This is done to what stands beside its specification.
    Beside(Box<Command>),
}

/// Changes the job that `key` names. `next` makes its next specification from the stored job and the instant, or says
/// what else is to become of it; it is called once for each try. Whoever writes `enabled` resumes the job if it is
/// paused.
#[expect(clippy::too_many_arguments, reason = "each is a part of what a client says")]
pub(crate) async fn change(
    services: &Services,
    scope: &Scope,
    key: &str,
    by: &By,
    demand: &Demand<'_>,
    idempotency: Option<&Idempotency>,
    resumes: bool,
    next: impl Fn(&JobRow, Millis) -> Result<Next, Invalid>,
) -> Result<Changed, ChangeError> {
    for _ in 0..TRIES {
        let row = lookup::acknowledged_job(services, scope, key).await?;
        check(demand, &row.job)?;
        let (row, sealed) = services.opened(row).await?;
        let now = services.env.now();
        let next = next(&row, now)?;
        if let Next::Spec(spec) = &next
            && let Ok(spec) = &**spec
        {
            stays_in(services, scope, &row, spec).await?;
        }
        if let Next::Spec(spec) = &next
            && let Ok(spec) = &**spec
            && !row
                .job
                .spec
                .as_ref()
                .is_ok_and(|before| (&before.webhook, &before.tags) == (&spec.webhook, &spec.tags))
        {
            secrets::check(services, scope, &spec.webhook, Some(&spec.tags), "webhook.").await?;
        }
        let sealer = Sealer::current(services).await?;
        let (command, next) = match next {
            Next::Spec(spec) => put(services, &sealer, (row, sealed.as_ref()), *spec, now, resumes)
                .map_err(WriteError::from)?,
            Next::Beside(command) => (*command, row),
            Next::Stays if idempotency.is_none() => return Ok(Changed::Now(Box::new(row))),
            // A repeat must not change what others change meanwhile. So it is put on record that nothing was to be done.
            Next::Stays => {
                let Job { id: job, version, next_due, .. } = row.job;
                (Command::Confirm(Confirm { job, version, next_due }), row)
            }
        };
        let makes_version = matches!(command, Command::PutJob(_));
        let proposal = services.proposal(by, idempotency, command).map_err(WriteError::from)?;
        let proposal = proposal.sealed_by(sealer.id());
        let by = proposal.by.clone();
        match services.proposer.propose(proposal).await? {
            // The first time it is answered as every other time.
            outcome @ Outcome::Job { .. } if idempotency.is_some() => return Ok(Changed::Before(outcome)),
            Outcome::Job { id, version, at, .. } => {
                let now = services.store.recall(move |reader| reader.find_job(&id.to_string())).await;
                return Ok(Changed::Now(Box::new(match now {
                    Ok(Some(now)) if !makes_version || now.job.version == version => {
                        lookup::shown(now, services.env.now())
                    }
                    // Another change came since, and the answer is to this one.
                    _ if makes_version => {
                        JobRow { job: Job { version, updated_at: at, ..next.job }, by, ..next }
                    }
                    _ => next,
                })));
            }
            Outcome::Refused { refusal: Refusal::VersionMismatch { .. } | Refusal::SealedOtherwise } => {
                // This node may not have applied the newer version yet, or the newer data key.
                lookup::catch_up(services, Consistency::Linearizable).await.map_err(WriteError::from)?;
            }
            other => return Err(WriteError::of(other).into()),
        }
    }
    Err(ChangeError::Contended)
}

/// Checks that a job stays within the scope with a specification that it gets: it was within it before. And where one tag
/// is the scope, a set has one value of it.
pub(crate) async fn stays_in(
    services: &Services,
    scope: &Scope,
    row: &JobRow,
    spec: &JobSpec,
) -> Result<(), ChangeError> {
    scope.check(&spec.tags).map_err(|(field, why)| Invalid::one(&field, why))?;
    let (Some(tag), Some(set)) = (&services.scope_tag, &row.set) else { return Ok(()) };
    let before = match &row.job.spec {
        Ok(before) => before.tags.as_map().get(&**tag).map(String::as_str),
        Err(bad) => bad.form.tags.get(&**tag).map(|value| &**value),
    };
    let now = spec.tags.as_map().get(&**tag);
    if before == now.map(String::as_str) {
        return Ok(());
    }
    let (job, name, tag) = (row.seq, set.clone(), tag.to_string());
    let field = format!("tags.{tag}");
    let read = move |reader: &Reader| reader.set_values(&name, &tag, Some(job));
    let others = services.store.query(read).await.map_err(ReadError::from)?;
    match set_differs(&others, now, set) {
        Some(why) => Err(Invalid::one(&field, why).into()),
        None => Ok(()),
    }
}

/// Why a job cannot have this value of the tag that is the scope, where jobs of its set have those.
pub(crate) fn set_differs(others: &[Option<String>], value: Option<&String>, set: &str) -> Option<String> {
    let other = others.iter().find(|other| other.as_ref() != value)?;
    let shown =
        |value: Option<&String>| value.map_or("no value".to_owned(), |value| format!("{:?}", clip(value)));
    Some(format!(
        "{} is not what other jobs of the set {set:?} have; a set has one scope, so {} is expected",
        shown(value),
        shown(other.as_ref())
    ))
}

/// The command that gives a job its next specification, sealed, and the job with it. Of `row` the credentials are opened;
/// beside it is what they were sealed to.
pub(crate) fn put(
    services: &Services,
    sealer: &Sealer,
    (row, sealed): (JobRow, Option<&SealedCredentials>),
    spec: ReadSpec,
    now: Millis,
    resumes: bool,
) -> Result<(Command, JobRow), Unavailable> {
    let Job { id, version: from, created_at, .. } = row.job;
    let (mut form, next_due) = match &spec {
        Ok(spec) => (StoredSpec::of(spec), next_due(services, &row, spec, now)),
        Err(bad) => (bad.form.clone(), first_due_of_bad(bad, created_at, now)),
    };
    sealer.webhook(id, &mut form.webhook, sealed)?;
    // Said also where this node knows of no pause: it may not have applied it yet.
    let resumes = resumes && services.proposer.version() >= PAUSES_SINCE;
    let put = PutJob { id, from_version: Some(from), created_at, spec: form, next_due, resumes };
    let paused = row.paused.filter(|_| !resumes);
    let job = Job { spec, next_due: next_due.filter(|_| paused.is_none()), ..row.job };
    Ok((Command::PutJob(Box::new(put)), JobRow { job, paused, ..row }))
}

/// When a job falls due next by a specification that it gets `now`. An `@at` that it has already may have run: it is not
/// due again for being late by less than what counts as missed.
pub(crate) fn next_due(services: &Services, row: &JobRow, spec: &JobSpec, now: Millis) -> Option<Millis> {
    let created_at = row.job.created_at;
    if Instants::of_row(row) == Instants::from(spec) {
        first_due(spec, created_at, now)
    } else {
        first_due_of_new(spec, created_at, now, services.misfire_threshold)
    }
}
