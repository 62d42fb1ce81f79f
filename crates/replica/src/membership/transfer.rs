//! Handing over the lead.

use std::time::Duration;

use chronos_types::NodeName;
use tokio::time::Instant;

use super::rules::{find, nearest_voter, voters};
use crate::error::ChangeError;
use crate::log::handle::Log;
use crate::presence::handle::Presence;
use crate::raft::Figures;

/// A voter that has not answered for so long is not asked to lead: nothing can be written while it is asked in vain.
const ANSWERS: Duration = Duration::from_secs(1);
/// Between looks whether it has.
const LOOK: Duration = Duration::from_millis(20);

/// Has the voter of this name lead, or any, where this node leads. `round` is how long one that was asked may
/// take before it is asked again.
pub(super) async fn hand_over(
    log: &Log,
    presence: &Presence,
    round: Duration,
    to: Option<&NodeName>,
) -> Result<(), ChangeError> {
    let now = log.figures();
    let named = match to {
        None => None,
        Some(name) => match find(&now, name) {
            None => return Err(ChangeError::NotFound(name.clone())),
            Some((id, _)) if id == log.id() => return Ok(()),
            Some((id, _)) if !voters(&now).contains(&id) => {
                return Err(ChangeError::Refused(format!("{name} has no vote, and only a voter can lead")));
            }
            Some((id, _)) => {
                answers(presence, id, name).await?;
                Some(id)
            }
        },
    };
    // A message can be lost, and openraft then waits for ever: so the node is asked again.
    loop {
        let mut well = presence.well();
        well.retain(|name| !log.storage.differences.is_against(name));
        let Some(target) = named.or_else(|| nearest_voter(&log.figures(), &well)) else {
            return Err(ChangeError::Refused(format!("{} is the only voter", log.name)));
        };
        if let Some(why) = difference(log, presence, target) {
            return Err(ChangeError::Refused(why));
        }
        if log.raft.trigger().transfer_leader(target).await.is_err() {
            return Err(ChangeError::NoLeader);
        }
        let moved = |now: &Figures| {
            !now.state.is_leader() && now.current_leader.is_some_and(|leader| leader != now.id)
        };
        if let Ok(now) = log.raft.wait(Some(round)).metrics(moved, "a new leader").await {
            // Another one than the one named may have been elected, and is asked next.
            let done = named.is_none_or(|named| now.current_leader == Some(named));
            return if done { Ok(()) } else { Err(ChangeError::NoLeader) };
        }
        if !log.figures().state.is_leader() {
            return Err(ChangeError::NoLeader);
        }
    }
}

/// Whether a voter answers. One that was not asked for anything in this term yet has a moment.
async fn answers(presence: &Presence, id: u64, name: &NodeName) -> Result<(), ChangeError> {
    let until = Instant::now() + ANSWERS;
    while !presence.has_answered(id, ANSWERS) {
        if Instant::now() >= until {
            let why = format!(
                "{name} has not answered for {} s, so it cannot take over the lead",
                ANSWERS.as_secs()
            );
            return Err(ChangeError::Refused(why));
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// That the state of a member is not that of most nodes, so that it is not to lead: as this node has found, or as the
/// member says.
pub(super) fn difference(log: &Log, presence: &Presence, id: u64) -> Option<String> {
    log.storage.differences.against(id, &log.name).or_else(|| {
        let name = log.figures().membership_config.get_node(&id)?.name.clone();
        presence
            .differs(id)
            .then(|| {
                format!("the state of {name} is not that of most nodes, or it lacks an encryption key, as it says itself")
            })
    })
}
