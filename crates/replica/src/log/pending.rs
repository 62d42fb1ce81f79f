//! A batch on its way into the log, as whoever proposed it sees it.

use std::sync::Arc;

use openraft::alias::OneshotReceiverOf;
use openraft::errors::{ClientWriteError, ForwardToLeader};
use openraft::raft::ClientWriteResult;
use tokio::sync::watch;

use crate::error::ProposeError;
use crate::health::Health;
use crate::lead::Halt;
use crate::messages::payload::Accepted;
use crate::types::Types;

/// A batch that was handed over.
#[must_use = "whether it was accepted is known only by waiting"]
pub(crate) struct Pending {
    pub(super) answer: OneshotReceiverOf<Types, ClientWriteResult<Types>>,
    pub(super) disk_full: watch::Receiver<Option<String>>,
    pub(super) cut_off: watch::Receiver<bool>,
    pub(super) halted: watch::Receiver<Option<Halt>>,
    pub(super) health: Arc<Health>,
}

impl Pending {
    /// Waits until the batch is committed, durable and applied on this node.
    ///
    /// # Errors
    /// See [`ProposeError`].
    pub(crate) async fn applied(mut self) -> Result<Accepted, ProposeError> {
        let answer = tokio::select! {
            biased;
            answer = self.answer => answer,
            Ok(reason) = self.disk_full.wait_for(Option::is_some) => {
                return Err(ProposeError::Unknown(reason.clone().unwrap_or_default()));
            }
            Ok(_) = self.cut_off.wait_for(|cut_off| *cut_off) => {
                return Err(ProposeError::Unknown("a majority of the nodes cannot be reached".to_owned()));
            }
            halt = halt(&mut self.halted) => return Err(halt.unknown()),
        };
        match answer {
            Ok(Ok(written)) => Ok(Accepted { index: written.log_id.index, outcomes: written.data.outcomes }),
            Ok(Err(ClientWriteError::ForwardToLeader(to))) => Err(no_leader(to)),
            Ok(Err(other)) => Err(ProposeError::Unknown(other.to_string())),
            Err(_) => Err(ProposeError::Stopped(self.health.word(&"raft has ended"))),
        }
    }
}

/// Waits until the leader takes no writes.
async fn halt(halted: &mut watch::Receiver<Option<Halt>>) -> Halt {
    match halted.wait_for(Option::is_some).await.map(|halt| halt.clone()) {
        Ok(Some(halt)) => halt,
        // It is kept for as long as the log is.
        _ => std::future::pending().await,
    }
}

/// Which node to ask instead.
pub(super) fn no_leader(to: ForwardToLeader<Types>) -> ProposeError {
    ProposeError::NoLeader { leader: to.leader_node.map(|member| member.name) }
}
