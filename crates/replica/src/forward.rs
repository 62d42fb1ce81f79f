//! Writes and fresh reads on a node that does not lead.

use std::time::Duration;

use chronos_peer::PeerError;
use chronos_state::{Batch, Proposal};
use tokio::time::Instant;

use crate::error::ProposeError;
use crate::leader::{Leader, LeaderClient, PATIENCE, SETTLE};
use crate::messages::payload::Accepted;
use crate::messages::request::Request;

/// Between attempts while leadership settles.
const PAUSE: Duration = Duration::from_millis(20);

/// Has the leader propose these, together, and waits until they are applied on this node too.
///
/// # Errors
/// See [`ProposeError`]. That there is no leader is said also where this node leads by now.
pub(crate) async fn propose(leader: &LeaderClient, items: &[Proposal]) -> Result<Accepted, ProposeError> {
    // The leader stamps them.
    let message = Request::Propose(Batch { at: 0, items: items.to_vec() }).encode();
    let message = message.map_err(ProposeError::Stopped)?;
    let until = Instant::now() + SETTLE;
    let accepted = loop {
        let answer = match leader.find(until).await {
            Some(Leader::Other(member)) => leader.ask(&member, &message).await,
            Some(Leader::Me) => return Err(ProposeError::NoLeader { leader: Some(leader.log.name.clone()) }),
            None => return Err(ProposeError::NoLeader { leader: None }),
        };
        let answer: Result<Accepted, _> = match answer {
            Ok(bytes) => leader.read(&message, &bytes).unwrap_or_else(|why| Err(ProposeError::Unknown(why))),
            Err(PeerError::Stranger(_)) => Err(ProposeError::NoLeader { leader: None }),
            Err(error) => Err(ProposeError::Unknown(error.to_string())),
        };
        match answer {
            Err(ProposeError::NoLeader { .. }) if Instant::now() < until => {
                tokio::time::sleep(PAUSE).await;
            }
            // What stops is the leader, not this node.
            Err(ProposeError::Stopped(why)) => return Err(ProposeError::Unknown(why)),
            other => break other?,
        }
    };
    leader.log.applied(accepted.index, PATIENCE).await?;
    Ok(accepted)
}

/// Waits until this node has applied every write that was acknowledged before the call, on whichever node.
///
/// # Errors
/// No leader is found, or it cannot reach enough others to know that it still leads.
pub(crate) async fn barrier(leader: &LeaderClient) -> Result<(), ProposeError> {
    let message = Request::ReadIndex.encode().map_err(ProposeError::Stopped)?;
    let log = &leader.log;
    let until = Instant::now() + SETTLE;
    let index = loop {
        let answer = match leader.find(until).await {
            // Alone, this node is the one that acknowledges, and it does so when it has applied. So it is also
            // while its disk is full and writes that were not acknowledged wait.
            Some(Leader::Me) if log.raft.voter_ids().count() == 1 => return Ok(()),
            Some(Leader::Me) => log.read_index().await,
            Some(Leader::Other(member)) => match leader.ask(&member, &message).await {
                Ok(bytes) => {
                    leader.read(&message, &bytes).unwrap_or_else(|why| Err(ProposeError::Unknown(why)))
                }
                Err(_) => Err(ProposeError::NoLeader { leader: Some(member.name) }),
            },
            None => return Err(ProposeError::NoLeader { leader: None }),
        };
        match answer {
            Err(ProposeError::NoLeader { .. }) if Instant::now() < until => {
                tokio::time::sleep(PAUSE).await;
            }
            Err(ProposeError::Stopped(_)) if !log.storage.health.stopping() => {
                return Err(ProposeError::NoLeader { leader: None });
            }
            other => break other?,
        }
    };
    log.applied(index, PATIENCE).await
}
