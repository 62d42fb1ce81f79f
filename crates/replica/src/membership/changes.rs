//! [`Changes`]: carries out changes of the membership, where this node leads.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chronos_peer::Transport;
use chronos_state::Command;
use chronos_types::NodeName;
use openraft::ChangeMembers;
use tokio::sync::Mutex;

use super::commit::{agreed, begin_behind_a_copy, commit};
use super::rules::{can_follow, find, next_version, next_voter, stands_apart, voters};
use super::transfer::hand_over;
use crate::config::ReplicaConfig;
use crate::error::ChangeError;
use crate::keys;
use crate::log::handle::Log;
use crate::messages::payload::{Change, Changed, To};
use crate::messages::request::Request;
use crate::presence::handle::Presence;
use crate::types::Member;

/// How long a change may take. It needs a majority of the old members and of the new.
pub(super) const PATIENCE: Duration = Duration::from_secs(8);
/// How long a node may take to hear that it is to leave.
const ASK_WITHIN: Duration = Duration::from_millis(250);
/// So often a node that is all of its cluster tries to raise the version before it serves, and so long it waits between two
/// tries.
const RAISES: usize = 100;
const RAISE_AGAIN: Duration = Duration::from_millis(10);

/// Makes changes, one at a time: each is decided by what the one before left.
pub(crate) struct Changes {
    log: Arc<Log>,
    presence: Arc<Presence>,
    transport: Arc<dyn Transport>,
    max_voters: usize,
    /// The highest version of the cluster that this node can follow.
    follows: u32,
    /// How long a node that is asked to lead may take before it is asked again.
    transfer_round: Duration,
    /// Held while the membership changes.
    turn: Mutex<()>,
}

impl Changes {
    pub(super) fn new(
        log: Arc<Log>,
        presence: Arc<Presence>,
        transport: Arc<dyn Transport>,
        config: &ReplicaConfig,
    ) -> Self {
        let ReplicaConfig { max_voters, follows, election_timeout_ms, .. } = *config;
        let (transfer_round, turn) = (Duration::from_millis(election_timeout_ms) * 2, Mutex::default());
        Self { log, presence, transport, max_voters, follows, transfer_round, turn }
    }

    /// Makes a change, where this node leads.
    pub(crate) async fn carry_out(&self, change: Change) -> Result<Changed, ChangeError> {
        let done = tokio::time::timeout(PATIENCE, async {
            let _turn = self.turn.lock().await;
            if !self.log.figures().state.is_leader() {
                return Err(ChangeError::NoLeader);
            }
            match change {
                Change::Join { id, member } => self.add(id, member, true).await,
                Change::Update { id, member } => self.add(id, member, false).await,
                Change::Remove { name } => self.remove(&name, false).await,
                Change::Leave { name } => self.remove(&name, true).await,
                Change::Transfer { to } => self.hand_over(to.as_ref()).await,
            }
        });
        let slow = || ChangeError::Unknown(format!("no majority agreed within {} s", PATIENCE.as_secs()));
        done.await.map_err(|_| slow())??;
        Ok(Changed { cluster: self.log.cluster.get().cloned().unwrap_or_default() })
    }

    /// Has another voter lead, the one of this name or any.
    pub(crate) async fn hand_over(&self, to: Option<&NodeName>) -> Result<(), ChangeError> {
        hand_over(&self.log, &self.presence, self.transfer_round, to).await
    }

    /// Takes in a node that is `new`, or learns where a member is now.
    async fn add(&self, id: u64, member: Member, new: bool) -> Result<(), ChangeError> {
        if !new && self.log.figures().membership_config.get_node(&id).is_none() {
            // A node that is told it is no member stops for good. Another node may lead by now, and know better.
            agreed(&self.log).await?;
        }
        let now = self.log.figures();
        // One of a release without encryption keys would not understand them.
        let member = member.known_at(self.log.version());
        stands_apart(&now, id, &member)?;
        match now.membership_config.get_node(&id) {
            Some(known) if *known == member => Ok(()),
            Some(_) => {
                self.admit(&member).await?;
                self.commit(ChangeMembers::SetNodes([(id, member)].into()), true).await
            }
            None if !new => Err(ChangeError::NotFound(member.name)),
            None => {
                self.admit(&member).await?;
                self.has_keys(&member)?;
                tracing::info!(node = member.name.as_str(), address = member.address, "a node joins");
                begin_behind_a_copy(&self.log).await?;
                self.commit(ChangeMembers::AddNodes([(id, member)].into()), true).await
            }
        }
    }

    /// Refuses a node that cannot follow the cluster. A raise of its version that is in the log already counts, and
    /// this leader begins none meanwhile.
    async fn admit(&self, member: &Member) -> Result<(), ChangeError> {
        agreed(&self.log).await?;
        can_follow(self.log.version(), member)
    }

    /// Refuses a new node that lacks an encryption key: it could do no part of what members do. A member that lacks one is
    /// known as such, and gets no runs.
    fn has_keys(&self, member: &Member) -> Result<(), ChangeError> {
        let missing = self.log.storage.keys.missing(&member.encryption_keys);
        match keys::sentence(&member.name, &missing) {
            None => Ok(()),
            Some(why) => Err(ChangeError::Refused(why)),
        }
    }

    /// Removes a member. One that may still fire is only asked to leave.
    async fn remove(&self, name: &NodeName, fires_nothing: bool) -> Result<(), ChangeError> {
        if find(&self.log.figures(), name).is_none() {
            agreed(&self.log).await?;
        }
        let now = self.log.figures();
        let (id, member) = find(&now, name).ok_or_else(|| ChangeError::NotFound(name.clone()))?;
        if id == self.log.id() {
            // Whoever leads then removes this node.
            self.hand_over(None).await?;
            return Err(ChangeError::NoLeader);
        }
        if !fires_nothing && !self.presence.is_silent(name) {
            self.ask_to_leave(id, &member).await?;
            return Err(ChangeError::StillThere(name.clone()));
        }
        tracing::info!(node = name.as_str(), "a node is removed");
        if voters(&now).contains(&id) {
            self.commit(ChangeMembers::RemoveVoters([id].into()), false).await
        } else {
            self.commit(ChangeMembers::RemoveNodes([id].into()), false).await
        }
    }

    /// Asks a member to leave. If that is lost, it is asked again, or soon not heard from any more.
    async fn ask_to_leave(&self, id: u64, member: &Member) -> Result<(), ChangeError> {
        let message = Request::Leave(To { to: id, message: () }).encode();
        let message = message.map_err(ChangeError::Refused)?;
        if let Err(error) = message.send(&*self.transport, &member.address, ASK_WITHIN).await {
            tracing::debug!(node = member.name.as_str(), %error, "asked to leave");
        }
        Ok(())
    }

    /// Gives a learner a vote where there are too few, and ends a change that an earlier leader
    /// began. Does nothing where this node does not lead.
    pub(super) async fn tend_voters(&self) {
        let now = self.log.figures();
        if !now.state.is_leader() {
            return;
        }
        let Ok(_turn) = self.turn.try_lock() else { return };
        let half_done = now.membership_config.get_joint_config().len() > 1;
        let change = if half_done {
            ChangeMembers::AddVoterIds(BTreeSet::new())
        } else {
            let next = next_voter(&now, |id| self.presence.is_steady(id), self.max_voters);
            let Some((id, name)) = next else { return };
            tracing::info!(node = name.as_str(), "a learner is given a vote");
            ChangeMembers::AddVoterIds([id].into())
        };
        // What fails is tried again the next time.
        match tokio::time::timeout(PATIENCE, self.commit(change, !half_done)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the voters could not be changed"),
            Err(_) => tracing::warn!("no majority agreed to a change of the voters"),
        }
    }

    /// Has another node lead where the clock of this node does not say what most clocks say, or its state is not that
    /// of most nodes. It plans nothing meanwhile.
    pub(super) async fn tend_lead(&self) {
        let Some(why) = self.presence.must_hand_over() else { return };
        let Ok(_turn) = self.turn.try_lock() else { return };
        tracing::warn!("{why}: this node hands over the lead");
        match tokio::time::timeout(PATIENCE, self.hand_over(None)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "no other node takes the lead"),
            Err(_) => tracing::warn!("no other node took the lead in time"),
        }
    }

    /// Raises the cluster's version by one where every member can follow. Does nothing where this node does not
    /// lead.
    pub(super) async fn tend_version(&self) {
        let Ok(_turn) = self.turn.try_lock() else { return };
        // Only now: an older node may have been taken in before.
        let now = self.log.figures();
        if !now.state.is_leader() {
            return;
        }
        let Some(to) = next_version(&now, self.log.version(), self.follows) else { return };
        // Until it is in the log or has failed, however long that takes: `admit` counts on it. What fails is tried
        // again the next time.
        match self.log.propose(vec![Command::RaiseVersion { to }.into()]).await {
            Ok(_) => tracing::info!(to, "every member can follow: the cluster's version was raised"),
            Err(error) => tracing::warn!(%error, "the cluster's version could not be raised"),
        }
    }

    /// Raises the version of a cluster of which this node is all as far as it goes. What fails for longer than a moment is
    /// tried again as for every cluster.
    pub(super) async fn raise_alone(&self) {
        // Nobody is taken in meanwhile.
        let Ok(_turn) = self.turn.try_lock() else { return };
        for _ in 0..RAISES {
            let now = self.log.figures();
            let next = next_version(&now, self.log.version(), self.follows);
            let Some(to) = next.filter(|_| now.membership_config.nodes().count() == 1) else { return };
            if let Err(error) = self.log.propose(vec![Command::RaiseVersion { to }.into()]).await {
                tracing::debug!(%error, "the version of the cluster is not raised yet");
                tokio::time::sleep(RAISE_AGAIN).await;
            }
        }
    }

    async fn commit(&self, change: ChangeMembers<u64, Member>, retain: bool) -> Result<(), ChangeError> {
        commit(&self.log, change, retain).await
    }
}
