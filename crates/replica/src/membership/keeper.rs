//! Sees to it that this node is a member: asks to be taken in, has its new address noted, and learns when it
//! was removed.

use std::sync::Weak;
use std::time::Duration;

use tokio::time::Instant;

use super::join::Joiner;
use super::state::MemberState;
use crate::error::ChangeError;
use crate::messages::payload::{Change, Standing};
use crate::messages::request::Request;
use crate::raft::look_at;

/// Between rounds of asking.
const PAUSE: Duration = Duration::from_millis(500);
/// How long a node may take to say whether another one is a member.
const STANDING_TIMEOUT: Duration = Duration::from_secs(1);
/// Between log lines that say the same.
const REPEAT: Duration = Duration::from_secs(30);

/// Goes on until the node stops, or `joiner` is gone. `was_member` says whether this node was a
/// member before it started.
pub(super) async fn keep(joiner: Weak<Joiner>, mut was_member: bool) {
    let mut said = None;
    loop {
        {
            let Some(joiner) = joiner.upgrade() else { return };
            if joiner.log.storage.health.stopping() {
                return;
            }
            let state = joiner.look(was_member).await;
            match &state {
                MemberState::Member => was_member = true,
                MemberState::Removed => {
                    joiner.log.raft.runtime_config().elect(false);
                    tracing::error!("this node was removed from its cluster");
                }
                MemberState::Joining(why) => {
                    let now = Instant::now();
                    if said.as_ref().is_none_or(|(before, at)| before != why || now - *at >= REPEAT) {
                        tracing::warn!(%why, "asking to join a cluster");
                        said = Some((why.clone(), now));
                    }
                }
            }
            let removed = state == MemberState::Removed;
            joiner.state.send_if_modified(|known| {
                let changed = *known != state;
                *known = state;
                changed
            });
            if removed {
                break;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    // A node that was removed stays so. It goes on answering reads.
    std::future::pending().await
}

impl Joiner {
    /// What this node is now. It asks others where it does not know.
    async fn look(&self, was_member: bool) -> MemberState {
        let now = self.log.figures();
        let itself = now.membership_config.get_node(&self.log.id());
        let cut_off = self.log.is_cut_off();
        match itself {
            // A node that is to leave does not ask to be taken in. It may not have heard yet that it had been.
            _ if self.presence.is_asked_to_leave() => {
                self.ask_whether_member(itself.is_none(), cut_off).await
            }
            // The answer to `join` was lost, and nobody answers a node that cannot name its cluster.
            _ if self.log.cluster.get().is_none() => self.ask_to_join().await,
            Some(known) if *known == self.own() && !cut_off => MemberState::Member,
            _ if was_member => self.ask_whether_member(itself.is_none(), cut_off).await,
            Some(known) if *known == self.own() => MemberState::Member,
            _ => self.ask_to_join().await,
        }
    }

    /// For a node that was a member, and is cut off, not among the members, or known under another address.
    async fn ask_whether_member(&self, is_absent: bool, cut_off: bool) -> MemberState {
        let as_of = self.log.figures().membership_config.log_id().as_ref().map(|id| id.index);
        if is_absent || cut_off {
            for address in self.addresses() {
                // The answer counts if it is newer than what is known here, or as old and says the same.
                if let Some(standing) = self.standing_at(&address).await
                    && !standing.is_member
                    && (standing.as_of > as_of || (is_absent && standing.as_of == as_of))
                {
                    return MemberState::Removed;
                }
            }
        }
        let known = self.log.figures().membership_config.get_node(&self.log.id()).cloned();
        if known.is_some_and(|known| known != self.own()) {
            return self.tell_address().await;
        }
        MemberState::Member
    }

    /// Has the cluster learn where this node is now, and what it runs.
    async fn tell_address(&self) -> MemberState {
        if self.log.is_leader() {
            let update = Change::Update { id: self.log.id(), member: self.own() };
            if let Err(error) = self.client.change(update).await {
                tracing::warn!(%error, "this node's new address or version could not be told");
            }
            return MemberState::Member;
        }
        for address in self.addresses() {
            match self.introduce_to(&address, Request::Update).await {
                Ok(Ok(_)) => break,
                Ok(Err(ChangeError::NotFound(_))) => return MemberState::Removed,
                Ok(Err(error @ ChangeError::CannotFollow { .. })) => return self.cannot_follow(&error),
                Ok(Err(error)) => {
                    tracing::warn!(address, %error, "this node's new address or version was not taken")
                }
                Err(error) => tracing::debug!(address, %error, "not told"),
            }
        }
        MemberState::Member
    }

    /// Whether this node is a member, as the node at an address knows.
    async fn standing_at(&self, address: &str) -> Option<Standing> {
        let message = Request::Standing(self.log.id()).encode().ok()?;
        let answer = message.send(&*self.transport, address, STANDING_TIMEOUT).await.ok()?;
        message.answer(&answer).ok()
    }

    /// Whether a node is a member, as this one knows.
    pub(super) fn standing_of(&self, id: u64) -> Standing {
        let members = look_at(&self.log.raft.metrics(), |now| now.committed_membership_config.clone());
        Standing {
            is_member: members.get_node(&id).is_some(),
            as_of: members.log_id().as_ref().map(|id| id.index),
        }
    }
}
