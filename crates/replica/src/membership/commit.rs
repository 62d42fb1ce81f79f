//! Agreeing on the members: what a leader writes into the log, and what it knows to be agreed on.

use std::time::Duration;

use openraft::ChangeMembers;
use openraft::errors::{ChangeMembershipError, ClientWriteError, RaftError};

use crate::error::ChangeError;
use crate::log::handle::Log;
use crate::raft::Figures;
use crate::types::Member;

/// Between attempts while another change, or an election, is under way.
pub(super) const PAUSE: Duration = Duration::from_millis(50);

/// Writes a change of the members. With `retain`, voters that lose their vote stay as learners.
pub(super) async fn commit(
    log: &Log,
    change: ChangeMembers<u64, Member>,
    retain: bool,
) -> Result<(), ChangeError> {
    use ChangeMembershipError::{InProgress, UncommittedLeaderLog};
    use ClientWriteError::{ChangeMembershipError as Change, ForwardToLeader, LogEntryDiscarded};
    loop {
        match log.raft.change_membership(change.clone(), retain).await {
            Ok(_) => return Ok(()),
            Err(RaftError::APIError(error)) => match error {
                Change(InProgress(_) | UncommittedLeaderLog(_)) => tokio::time::sleep(PAUSE).await,
                ForwardToLeader(_) => return Err(ChangeError::NoLeader),
                LogEntryDiscarded(_) => {
                    return Err(ChangeError::Unknown("the leader changed".to_owned()));
                }
                other => return Err(ChangeError::Refused(other.to_string())),
            },
            Err(RaftError::Fatal(fatal)) => {
                return Err(ChangeError::Unknown(log.storage.health.word(&fatal)));
            }
        }
    }
}

/// Waits until this leader has applied all that is in its log now, so that the members it knows are agreed on,
/// and the cluster's version is raised where a raise was under way. An attempt to remove a node, whose outcome
/// nobody has heard, may still come to nothing, and nobody may empty the node's disk because of it.
pub(super) async fn agreed(log: &Log) -> Result<(), ChangeError> {
    log.read_index().await.map_err(|_| ChangeError::NoLeader)?;
    let known = log.figures().last_log_index;
    let applied = move |now: &Figures| now.last_applied.map(|id| id.index) >= known;
    let waited = log.raft.wait(None).metrics(applied, "all that is known is agreed on").await;
    waited.map_err(|_| ChangeError::NoLeader)?;
    if log.figures().state.is_leader() { Ok(()) } else { Err(ChangeError::NoLeader) }
}

/// Drops the first entries of the log, so that a node that joins begins from a copy of the state. A cluster
/// that was founded from a backup has in no entry what the backup held.
pub(super) async fn begin_behind_a_copy(log: &Log) -> Result<(), ChangeError> {
    if log.storage.log.edges().0.is_some() {
        return Ok(());
    }
    // A copy that is asked for before anything is applied is never made, and would be waited for in vain.
    agreed(log).await?;
    let stopped = |_| ChangeError::NoLeader;
    log.raft.trigger().snapshot().await.map_err(stopped)?;
    let made = log.raft.wait(None).metrics(|now| now.snapshot.is_some(), "a snapshot").await;
    let made = made.map_err(|error| ChangeError::Unknown(error.to_string()))?;
    let Some(last) = made.snapshot else { return Ok(()) };
    log.raft.trigger().purge_log(last.index).await.map_err(stopped)?;
    let purged = log.raft.wait(None).metrics(|now| now.purged.is_some(), "a shorter log").await;
    purged.map(drop).map_err(|error| ChangeError::Unknown(error.to_string()))
}
