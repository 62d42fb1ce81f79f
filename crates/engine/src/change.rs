//! Changes a job that exists: read it, make its next specification, propose that from the version that was
//! read, and begin again where another change came first.

use chronos_state::{Command, Idempotency, JobRow, Outcome, Proposal, PutJob, ReadSpec, Refusal, StoredSpec};
use chronos_types::{Invalid, Job};

use crate::error::{ChangeError, WriteError};
use crate::lookup;
use crate::read::Consistency;
use crate::services::Services;
use crate::times::{first_due, first_due_of_bad};

/// A try fails only where another change succeeded. So many failures in a row are not chance, but a client
/// that changes the job in a loop.
const TRIES: usize = 16;

/// What a client demands of the version of the job that it changes (`If-Match`): whether a version is listed.
/// None demands nothing. It is asked once the job is found; a demand that cannot be read is refused only then.
pub type IfMatch<'a> = Option<Box<dyn Fn(u64) -> Result<bool, Invalid> + Send + Sync + 'a>>;

/// Checks what the client demands.
pub(crate) fn check(if_match: &IfMatch<'_>, version: u64) -> Result<(), ChangeError> {
    match if_match {
        Some(lists) if !lists(version)? => Err(ChangeError::Precondition { current: version }),
        _ => Ok(()),
    }
}

/// Changes the job that `key` names, and answers with the job. `next` makes its next specification from the
/// stored job, or none where it stays as it is; it is called once for each try.
pub(crate) async fn change(
    services: &Services,
    key: &str,
    if_match: &IfMatch<'_>,
    idempotency: Option<&Idempotency>,
    next: impl Fn(&JobRow) -> Result<Option<ReadSpec>, Invalid>,
) -> Result<JobRow, ChangeError> {
    for _ in 0..TRIES {
        let row = lookup::acknowledged_job(services, key).await?;
        check(if_match, row.job.version)?;
        let Some(spec) = next(&row)? else { return Ok(row) };
        let (created_at, now) = (row.job.created_at, services.env.now());
        let (form, next_due) = match &spec {
            Ok(spec) => (StoredSpec::of(spec), first_due(spec, created_at, now)),
            Err(bad) => (bad.form.clone(), first_due_of_bad(bad, created_at, now)),
        };
        let from = row.job.version;
        let put = PutJob { id: row.job.id, from_version: Some(from), created_at, spec: form, next_due };
        let command = Command::PutJob(Box::new(put));
        let proposal = Proposal { idempotency: idempotency.cloned(), command };
        match services.proposer.propose(proposal).await? {
            Outcome::Job { id, version, at } => {
                let now = services.store.recall(move |reader| reader.find_job(&id.to_string())).await;
                return Ok(match now {
                    // This change, or that of the first time where the request repeats an earlier one.
                    Ok(Some(now)) if now.job.version == version || version <= from => {
                        lookup::shown(now, services.env.now())
                    }
                    // Another change came since, and the answer is to this one.
                    _ => JobRow { job: Job { spec, version, updated_at: at, next_due, ..row.job }, ..row },
                });
            }
            Outcome::Refused { refusal: Refusal::VersionMismatch { .. } } => {
                // This node may not have applied the newer version yet.
                lookup::catch_up(services, Consistency::Linearizable).await.map_err(WriteError::from)?;
            }
            other => return Err(WriteError::of(other).into()),
        }
    }
    Err(ChangeError::Contended)
}
