//! Runs that a client asks for: by hand, or as the repeat of an earlier one.

use chronos_state::{Command, ExecutionRow, Idempotency, Outcome, Proposal, Refusal, TriggerRun};
use chronos_types::{ExecutionId, JobId};

use crate::error::WriteError;
use crate::services::Services;

/// Puts a run of a job on record, to be fired by this node at once. Where the request repeats an earlier one,
/// the answer is the run of then.
pub(crate) async fn run(
    services: &Services,
    job: JobId,
    replay_of: Option<ExecutionId>,
    idempotency: Option<Idempotency>,
) -> Result<ExecutionRow, WriteError> {
    let execution = ExecutionId::manual(job, services.env.now(), services.env.random_bytes());
    let run = TriggerRun { job, execution, replay_of, node: services.node.clone() };
    let proposal = Proposal { idempotency, command: Command::Trigger(run) };
    match services.proposer.propose(proposal).await? {
        Outcome::Execution { id, job: _ } => on_record(services, id).await,
        other => Err(WriteError::of(other)),
    }
}

/// An execution that a write has just named.
pub(crate) async fn on_record(services: &Services, id: ExecutionId) -> Result<ExecutionRow, WriteError> {
    let found = services.store.recall(move |reader| reader.execution(id)).await?;
    found.ok_or(WriteError::Refused(Refusal::NoSuchExecution))
}
