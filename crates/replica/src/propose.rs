//! The way of one batch into the log, as its proposer sees it.

use std::sync::Arc;

use chronos_state::{Batch, Outcome};
use openraft::alias::OneshotReceiverOf;
use openraft::errors::{ClientWriteError, ForwardToLeader};
use openraft::impls::ProgressResponder;
use openraft::raft::ClientWriteResult;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::health::Health;
use super::types::{LoggedBatch, Types};
use super::{ProposeError, Raft};

/// A batch that was handed over.
#[must_use = "whether it was accepted is known only by waiting"]
pub struct Pending {
    answer: OneshotReceiverOf<Types, ClientWriteResult<Types>>,
    disk_full: watch::Receiver<Option<String>>,
    cut_off: watch::Receiver<bool>,
    health: Arc<Health>,
}

/// A batch that is in the log for good, and in the state of this node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// Its place in the log. A node that has applied this index shows the batch.
    pub index: u64,
    /// One for each command, in order.
    pub outcomes: Vec<Outcome>,
}

impl Raft {
    /// Proposes a batch. Resolves when it is committed, durable and applied on this node. Many can
    /// be under way at once.
    ///
    /// # Errors
    /// See [`ProposeError`]; in some cases the batch may be accepted all the same.
    #[cfg(test)]
    pub async fn propose(&self, batch: Batch) -> Result<Accepted, ProposeError> {
        self.submit(batch).await?.applied().await
    }

    /// Hands a batch over and returns. Batches are ordered as the calls of this return.
    ///
    /// # Errors
    /// See [`ProposeError`]; nothing was written then.
    pub async fn submit(&self, batch: Batch) -> Result<Pending, ProposeError> {
        let health = self.shared.health.clone();
        let disk_full = health.disk_full();
        if let Some(reason) = disk_full.borrow().clone() {
            return Err(ProposeError::DiskFull(reason));
        }
        let cut_off = self.shared.cut_off.clone();
        if *cut_off.borrow() {
            return Err(ProposeError::NoLeader { leader: None });
        }
        let logged = LoggedBatch::new(batch).map_err(|error| ProposeError::Stopped(error.to_string()))?;
        let (responder, answer) = ProgressResponder::complete_only();
        let submitted = self.shared.raft.client_write_ff(logged, Some(responder)).await;
        submitted.map_err(|fatal| ProposeError::Stopped(health.word(&fatal)))?;
        Ok(Pending { answer, disk_full, cut_off, health })
    }
}

impl Pending {
    /// Waits until the batch is committed, durable and applied on this node.
    ///
    /// # Errors
    /// See [`ProposeError`].
    pub async fn applied(mut self) -> Result<Accepted, ProposeError> {
        let answer = tokio::select! {
            biased;
            answer = self.answer => answer,
            Ok(reason) = self.disk_full.wait_for(Option::is_some) => {
                return Err(ProposeError::Unknown(reason.clone().unwrap_or_default()));
            }
            Ok(_) = self.cut_off.wait_for(|cut_off| *cut_off) => {
                return Err(ProposeError::Unknown("a majority of the nodes cannot be reached".to_owned()));
            }
        };
        match answer {
            Ok(Ok(written)) => Ok(Accepted { index: written.log_id.index, outcomes: written.data.outcomes }),
            Ok(Err(ClientWriteError::ForwardToLeader(to))) => Err(no_leader(to)),
            Ok(Err(other)) => Err(ProposeError::Unknown(other.to_string())),
            Err(_) => Err(ProposeError::Stopped(self.health.word(&"raft has ended"))),
        }
    }
}

/// Where to turn instead.
pub(super) fn no_leader(to: ForwardToLeader<Types>) -> ProposeError {
    ProposeError::NoLeader { leader: to.leader_node.map(|member| member.name) }
}
