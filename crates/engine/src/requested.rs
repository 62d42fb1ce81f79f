//! Runs that a client asks for, by hand or as the repeat of an earlier one, and those that it cancels. What it is
//! answered comes from the outcome alone, so that a repeat of the request gets the same.

use chronos_state::{
    Command, ExecutionAnswer, ExecutionRow, Idempotency, Outcome, StoredOverrides, TriggerRun,
};
use chronos_types::{By, Execution, ExecutionId, Invalid, JobId, Overrides, Webhook, is_signature_header};

use crate::error::WriteError;
use crate::sealing::Sealer;
use crate::services::Services;

/// An execution that a client has cancelled.
#[derive(Clone, Debug, PartialEq)]
pub enum Cancelled {
    /// As it is on record.
    Recorded(Box<ExecutionRow>),
    /// It was cancelled by an earlier request of the same key, and is not on record any more. What it came to before
    /// is not told.
    Forgotten(Box<Execution>),
}

/// Puts a run of a job on record, to be fired at once: by this node, or by the one that holds unfinished runs of a job
/// that does not allow overlap. What is given for it stands in place of parts of the webhook.
pub(crate) async fn run(
    services: &Services,
    (job, webhook): (JobId, &Webhook),
    replay_of: Option<ExecutionId>,
    given: Option<Overrides>,
    by: &By,
    idempotency: Option<&Idempotency>,
) -> Result<Outcome, WriteError> {
    let execution = ExecutionId::manual(job, services.env.now(), services.env.random_bytes());
    let node = services.node.clone();
    let run = TriggerRun { job, execution, replay_of, node, overrides: None, operation: None };
    let Some(given) = given else {
        return propose(services, Command::Trigger(run), by, idempotency).await;
    };
    let make = |sealer: &Sealer| {
        let mut overrides = Box::new(StoredOverrides::from(&given));
        sealer.overrides(job, &mut overrides, webhook)?;
        Ok(Command::Trigger(TriggerRun { overrides: Some(overrides), ..run.clone() }))
    };
    execution_of(services.propose_sealed(by, idempotency, make).await?.0)
}

/// What is given for a run, over what was given for the one that it repeats. A redacted value stands for the one that is
/// kept: of that run, or of the job.
pub(crate) fn over(mut given: Overrides, before: Overrides, webhook: &Webhook) -> Result<Overrides, Invalid> {
    given.restore_secrets(&[&before.headers, &webhook.headers]).map_err(|field| {
        Invalid::one(&field, "is \"[redacted]\", and no value is kept here; expected the value itself")
    })?;
    let is_taken = |name: &str| webhook.signing.is_some() && is_signature_header(name);
    let taken = given.headers.iter().find_map(|(name, _)| is_taken(name).then(|| name.to_owned()));
    if let Some(name) = taken {
        let say = "begins with \"webhook-\", and the job's requests are signed: those headers are set by the signature; \
                   expected another header";
        return Err(Invalid::one(&format!("headers.{name}"), say));
    }
    given.over(before).map_err(|error| Invalid::one("headers", error))
}

/// Proposes a command about an execution.
pub(crate) async fn propose(
    services: &Services,
    command: Command,
    by: &By,
    idempotency: Option<&Idempotency>,
) -> Result<Outcome, WriteError> {
    let proposal = services.proposal(by, idempotency, command)?;
    execution_of(services.proposer.propose(proposal).await?)
}

/// What came of a command about an execution.
fn execution_of(outcome: Outcome) -> Result<Outcome, WriteError> {
    match outcome {
        outcome @ Outcome::Execution(_) => Ok(outcome),
        other => Err(WriteError::of(other)),
    }
}

/// An execution as it was asked for.
pub(crate) fn accepted(outcome: Outcome) -> Result<Execution, WriteError> {
    answer(outcome).map(Execution::from)
}

/// An execution as it was cancelled.
pub(crate) async fn cancelled(services: &Services, outcome: Outcome) -> Result<Cancelled, WriteError> {
    let answer = answer(outcome)?;
    let id = answer.run.execution;
    let row = services.store.recall(move |reader| reader.execution(id)).await?;
    Ok(row.map_or_else(
        || Cancelled::Forgotten(Box::new(answer.into())),
        |row| Cancelled::Recorded(Box::new(row)),
    ))
}

fn answer(outcome: Outcome) -> Result<ExecutionAnswer, WriteError> {
    match outcome {
        Outcome::Execution(answer) => Ok(answer),
        other => Err(WriteError::of(other)),
    }
}
