//! Asks for changes of the membership, from whichever node.

use std::sync::Arc;

use chronos_peer::PeerError;
use tokio::time::Instant;

use super::changes::{Changes, PATIENCE};
use super::commit::PAUSE;
use crate::error::ChangeError;
use crate::leader::{Leader, LeaderClient};
use crate::messages::payload::{Change, Changed};
use crate::messages::request::Request;

/// Has the leader make changes, be it this node or another one.
pub(crate) struct ChangeClient {
    pub leader: LeaderClient,
    pub changes: Arc<Changes>,
}

impl ChangeClient {
    /// Has the leader make a change, as soon as there is a leader.
    pub(crate) async fn change(&self, change: Change) -> Result<Changed, ChangeError> {
        let message = Request::Change(change.clone()).encode().map_err(ChangeError::Refused)?;
        let until = Instant::now() + PATIENCE;
        loop {
            let answer = match self.leader.find(until).await {
                Some(Leader::Me) => self.changes.carry_out(change.clone()).await,
                Some(Leader::Other(leader)) => match self.leader.ask(&leader, &message).await {
                    Ok(bytes) => {
                        let answer = self.leader.read(&message, &bytes);
                        answer.unwrap_or_else(|why| Err(ChangeError::Unknown(why)))
                    }
                    Err(PeerError::Stranger(_)) => Err(ChangeError::NoLeader),
                    Err(error) => Err(ChangeError::Unknown(error.to_string())),
                },
                None => return Err(ChangeError::NoLeader),
            };
            match answer {
                Err(ChangeError::NoLeader) if Instant::now() < until => tokio::time::sleep(PAUSE).await,
                other => return other,
            }
        }
    }
}
