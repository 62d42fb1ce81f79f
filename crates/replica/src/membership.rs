//! Who is a member, and who has a vote: asked for on any node, done by the leader.

use std::collections::BTreeSet;
use std::time::Duration;

use chronos_peer::{Lane, PeerError};
use chronos_types::NodeName;
use openraft::async_runtime::WatchReceiver as _;
use openraft::errors::{ChangeMembershipError, ClientWriteError, RaftError as OpenraftError};
use openraft::{ChangeMembers, RaftMetrics};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::forward::Leader;
use super::join::Place;
use super::service::JoinRequest;
use super::types::{Member, Types};
use super::wire::To;
use super::{ChangeError, Raft, wire};

/// How long a change may take. It needs a majority of the old members and of the new.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long a node that is removed may take to leave by itself, beside the time after which it is not
/// waited for.
const LEAVES_WITHIN: Duration = Duration::from_secs(60);
/// Between looks whether it has, and how long it may take to hear that it is to.
const LOOK: Duration = Duration::from_millis(250);
/// How long a node that joins may take to get the state and the log.
const CATCH_UP: Duration = Duration::from_secs(60);
/// Between attempts while another change, or an election, is under way.
const PAUSE: Duration = Duration::from_millis(50);
/// A learner that lacks no more entries than this can have a vote.
const CLOSE: u64 = 1_000;

/// What can be asked of a leader.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Change {
    /// Take this node in, or, where it is a member, learn where it is now.
    Join { id: u64, member: Member },
    /// The same, of a node that knows itself to have been a member.
    Update { id: u64, member: Member },
    /// Forget the member of this name, once it has left by itself or is not heard of any more.
    Remove { name: NodeName },
    /// Forget the member of this name, which asks for that itself and fires nothing any more.
    Leave { name: NodeName },
    /// Let the voter of this name lead, or any.
    Transfer { to: Option<NodeName> },
}

/// The answer to a change that is done.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Changed {
    /// The cluster's id.
    pub cluster: String,
}

type Now = RaftMetrics<Types>;

impl Raft {
    /// Removes a member. One that is there is asked to leave, and ends what it fires; one that is not is
    /// waited for until it must have fenced itself. So nobody fires what another has taken over. It must
    /// be emptied before it can join anew.
    ///
    /// # Errors
    /// See [`ChangeError`]. Without a majority of the members nobody can be removed.
    pub async fn remove(&self, name: &NodeName) -> Result<(), ChangeError> {
        let until = Instant::now() + self.shared.config.reassign_after + LEAVES_WITHIN;
        let mut waited = false;
        loop {
            match self.change(Change::Remove { name: name.clone() }).await {
                Err(ChangeError::StillThere(_)) if Instant::now() < until => waited = true,
                // It has left by itself.
                Err(ChangeError::NotFound(_)) if waited => return Ok(()),
                other => return other.map(drop),
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Has the node at an address join. Answers with its name and whether it is new, when it is a member,
    /// has a vote where one is due, and has in its log what this node knew to be committed when it became one.
    ///
    /// # Errors
    /// See [`ChangeError`]. Where the outcome is not known, the node goes on joining, and this can be called again.
    pub async fn add(&self, address: &str) -> Result<(NodeName, bool), ChangeError> {
        if !self.is_member() {
            return Err(ChangeError::NoLeader);
        }
        let JoinRequest { id, member } = self.invite(address).await?;
        let now = self.metrics();
        stands_apart(&now, id, &member)?;
        let new = now.membership_config.get_node(&id).is_none();
        let max_voters = self.shared.config.max_voters;
        let has_place = move |now: &Now| {
            let voters: BTreeSet<u64> = now.membership_config.voter_ids().collect();
            let votes = voters.contains(&id) || voters.len() >= max_voters;
            now.membership_config.get_node(&id).is_some() && votes
        };
        let there = self.shared.raft.wait(Some(CATCH_UP)).metrics(has_place, "a new member").await;
        let slow = |_| ChangeError::Unknown(format!("{} has not caught up within {CATCH_UP:?}", member.name));
        there.map_err(slow)?;
        Ok((member.name, new))
    }

    /// Removes this node from the cluster. It must fire nothing any more, and can only be stopped then.
    ///
    /// # Errors
    /// See [`ChangeError`]; the last voter cannot leave.
    pub async fn leave(&self) -> Result<(), ChangeError> {
        // Asked first: a node that was restarted while it was taken in may count itself as removed, and be a member.
        match self.change(Change::Leave { name: self.name() }).await {
            Ok(_) | Err(ChangeError::NotFound(_)) => Ok(()),
            Err(_) if *self.shared.place.borrow() == Place::Removed => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Waits until this node is asked to leave, since it is to be removed.
    pub async fn asked_to_leave(&self) {
        let mut asked = self.shared.asked_to_leave.subscribe();
        // The sender lives as long as this handle.
        let _ = asked.wait_for(|asked| *asked).await;
    }

    /// Hands leadership to the voter of this name, or to any.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub async fn transfer(&self, to: Option<NodeName>) -> Result<(), ChangeError> {
        self.change(Change::Transfer { to }).await.map(drop)
    }

    /// Has the leader do it.
    pub(super) async fn change(&self, change: Change) -> Result<Changed, ChangeError> {
        let message = wire::encode(&change).map_err(ChangeError::Refused)?;
        let until = Instant::now() + PATIENCE;
        loop {
            let answer = match self.leader(until).await {
                Some(Leader::Me) => self.carry_out(change.clone()).await,
                Some(Leader::Other(leader)) => match self.ask(&leader, "change", message.clone()).await {
                    Ok(bytes) => wire::decode(&bytes).unwrap_or_else(|why| Err(ChangeError::Unknown(why))),
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

    /// Does it, where this node leads.
    pub(super) async fn carry_out(&self, change: Change) -> Result<Changed, ChangeError> {
        let done = tokio::time::timeout(PATIENCE, async {
            // One at a time: each is decided by what the one before left.
            let _turn = self.shared.changes.lock().await;
            if !self.metrics().state.is_leader() {
                return Err(ChangeError::NoLeader);
            }
            match change {
                Change::Join { id, member } => self.take_in(id, member, true).await,
                Change::Update { id, member } => self.take_in(id, member, false).await,
                Change::Remove { name } => self.take_out(&name, false).await,
                Change::Leave { name } => self.take_out(&name, true).await,
                Change::Transfer { to } => self.hand_over(to.as_ref()).await,
            }
        });
        let slow = || ChangeError::Unknown(format!("no majority agreed within {} s", PATIENCE.as_secs()));
        done.await.map_err(|_| slow())??;
        let cluster = self.shared.caller.cluster.get().cloned().unwrap_or_default();
        Ok(Changed { cluster })
    }

    async fn take_in(&self, id: u64, member: Member, new: bool) -> Result<(), ChangeError> {
        if !new && self.metrics().membership_config.get_node(&id).is_none() {
            // Who is told that it is no member stops for good. Another may lead by now, and know better.
            self.agreed().await?;
        }
        let now = self.metrics();
        stands_apart(&now, id, &member)?;
        match now.membership_config.get_node(&id) {
            Some(known) if *known == member => Ok(()),
            Some(_) => self.set(ChangeMembers::SetNodes([(id, member)].into()), true).await,
            None if !new => Err(ChangeError::NotFound(member.name)),
            None => {
                tracing::info!(node = member.name.as_str(), address = member.address, "a node joins");
                self.begin_behind_a_copy().await?;
                self.set(ChangeMembers::AddNodes([(id, member)].into()), true).await
            }
        }
    }

    /// Drops the first entries of the log, so that a node that joins begins from a copy of the state.
    /// What this cluster was founded with, from a backup, is in no entry.
    async fn begin_behind_a_copy(&self) -> Result<(), ChangeError> {
        if self.shared.log.edges().0.is_some() {
            return Ok(());
        }
        // A copy that is asked for before anything is applied is never made, and waited for in vain.
        self.agreed().await?;
        let stopped = |_| ChangeError::NoLeader;
        let raft = &self.shared.raft;
        raft.trigger().snapshot().await.map_err(stopped)?;
        let made = raft.wait(None).metrics(|now| now.snapshot.is_some(), "a snapshot").await;
        let made = made.map_err(|error| ChangeError::Unknown(error.to_string()))?;
        let Some(last) = made.snapshot else { return Ok(()) };
        raft.trigger().purge_log(last.index).await.map_err(stopped)?;
        let purged = raft.wait(None).metrics(|now| now.purged.is_some(), "a shorter log").await;
        purged.map(drop).map_err(|error| ChangeError::Unknown(error.to_string()))
    }

    async fn take_out(&self, name: &NodeName, fires_nothing: bool) -> Result<(), ChangeError> {
        if find(&self.metrics(), name).is_none() {
            self.agreed().await?;
        }
        let now = self.metrics();
        let (id, member) = find(&now, name).ok_or_else(|| ChangeError::NotFound(name.clone()))?;
        let voters: BTreeSet<u64> = now.membership_config.voter_ids().collect();
        if id == self.shared.id {
            // Whoever leads then removes this node.
            self.hand_over(None).await?;
            return Err(ChangeError::NoLeader);
        }
        let is_silent = || self.shared.view.borrow().silent.iter().any(|silent| silent == name);
        if !fires_nothing && !is_silent() {
            self.ask_to_leave(id, &member).await?;
            return Err(ChangeError::StillThere(name.clone()));
        }
        tracing::info!(node = name.as_str(), "a node is removed");
        if voters.contains(&id) {
            self.set(ChangeMembers::RemoveVoters([id].into()), false).await
        } else {
            self.set(ChangeMembers::RemoveNodes([id].into()), false).await
        }
    }

    /// Where that is lost, it is asked again, or not heard of any more soon.
    async fn ask_to_leave(&self, id: u64, member: &Member) -> Result<(), ChangeError> {
        let message = wire::encode(&To { to: id, message: () }).map_err(ChangeError::Refused)?;
        let call = self.shared.transport.call(&member.address, Lane::Control, "leave", message, LOOK);
        if let Err(error) = call.await {
            tracing::debug!(node = member.name.as_str(), %error, "asked to leave");
        }
        Ok(())
    }

    /// Waits until the members that this leader knows are agreed on. An attempt to remove a node whose
    /// outcome nobody heard of may have come to nothing yet, and its disk must not be thrown away on that.
    async fn agreed(&self) -> Result<(), ChangeError> {
        self.read_index().await.map_err(|_| ChangeError::NoLeader)?;
        let known = self.metrics().membership_config.log_id().map(|id| id.index);
        let applied = move |now: &Now| now.last_applied.map(|id| id.index) >= known;
        let waited = self.shared.raft.wait(None).metrics(applied, "the members are agreed on").await;
        waited.map_err(|_| ChangeError::NoLeader)?;
        if self.metrics().state.is_leader() { Ok(()) } else { Err(ChangeError::NoLeader) }
    }

    /// Has another voter lead.
    pub(super) async fn hand_over(&self, to: Option<&NodeName>) -> Result<(), ChangeError> {
        let now = self.metrics();
        let voters: BTreeSet<u64> = now.membership_config.voter_ids().collect();
        let named = match to {
            None => None,
            Some(name) => match find(&now, name) {
                None => return Err(ChangeError::NotFound(name.clone())),
                Some((id, _)) if id == self.shared.id => return Ok(()),
                Some((id, _)) if !voters.contains(&id) => {
                    return Err(ChangeError::Refused(format!(
                        "{name} has no vote, and only a voter can lead"
                    )));
                }
                Some((id, _)) => Some(id),
            },
        };
        // A message can be lost, and a node that was asked then waits for ever: asked again.
        let round = Duration::from_millis(self.shared.config.election_timeout_ms * 2);
        loop {
            let Some(target) = named.or_else(|| self.nearest()) else {
                return Err(ChangeError::Refused(format!("{} is the only voter", self.name())));
            };
            if self.shared.raft.trigger().transfer_leader(target).await.is_err() {
                return Err(ChangeError::NoLeader);
            }
            let moved = |now: &Now| {
                !now.state.is_leader() && now.current_leader.is_some_and(|leader| leader != now.id)
            };
            if let Ok(now) = self.shared.raft.wait(Some(round)).metrics(moved, "a new leader").await {
                // Another one may have been elected, and is asked next.
                let done = named.is_none_or(|named| now.current_leader == Some(named));
                return if done { Ok(()) } else { Err(ChangeError::NoLeader) };
            }
            if !self.metrics().state.is_leader() {
                return Err(ChangeError::NoLeader);
            }
        }
    }

    /// The voter that was heard of and lacks least.
    fn nearest(&self) -> Option<u64> {
        let now = self.metrics();
        let replication = now.replication.as_ref();
        let matched = |id: &u64| replication.and_then(|matched| *matched.get(id)?).map(|id| id.index);
        let live = self.shared.view.borrow().live.clone();
        let is_live =
            |id: &u64| now.membership_config.get_node(id).is_some_and(|member| live.contains(&member.name));
        let others = now.membership_config.voter_ids().filter(|id| *id != self.shared.id);
        others.max_by_key(|id| (is_live(id), matched(id)))
    }

    /// Gives a learner a vote where there are too few, and ends a change that an earlier leader
    /// began. Does nothing where this node does not lead.
    pub(super) async fn tend(&self) {
        let now = self.metrics();
        if !now.state.is_leader() {
            return;
        }
        let Ok(_turn) = self.shared.changes.try_lock() else { return };
        let half_done = now.membership_config.get_joint_config().len() > 1;
        let change = if half_done {
            ChangeMembers::AddVoterIds(BTreeSet::new())
        } else {
            let Some((id, name)) = self.next_voter(&now) else { return };
            tracing::info!(node = name.as_str(), "a learner is given a vote");
            ChangeMembers::AddVoterIds([id].into())
        };
        // What fails is tried again the next time.
        match tokio::time::timeout(PATIENCE, self.set(change, !half_done)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the voters could not be changed"),
            Err(_) => tracing::warn!("no majority agreed to a change of the voters"),
        }
    }

    fn next_voter(&self, now: &Now) -> Option<(u64, NodeName)> {
        let voters: BTreeSet<u64> = now.membership_config.voter_ids().collect();
        if voters.len() >= self.shared.config.max_voters {
            return None;
        }
        let live = self.shared.view.borrow().live.clone();
        let replication = now.replication.as_ref()?;
        let learners = now.membership_config.nodes().filter(|(id, _)| !voters.contains(id));
        let ready = learners.filter_map(|(id, member)| {
            let matched = (*replication.get(id)?)?;
            let close = matched.index + CLOSE >= now.last_log_index.unwrap_or_default();
            (close && live.contains(&member.name)).then_some((matched.index, *id, member.name.clone()))
        });
        ready.max().map(|(_, id, name)| (id, name))
    }

    async fn set(&self, change: ChangeMembers<u64, Member>, retain: bool) -> Result<(), ChangeError> {
        use ChangeMembershipError::{InProgress, UncommittedLeaderLog};
        use ClientWriteError::{ChangeMembershipError as Change, ForwardToLeader, LogEntryDiscarded};
        loop {
            match self.shared.raft.change_membership(change.clone(), retain).await {
                Ok(_) => return Ok(()),
                Err(OpenraftError::APIError(error)) => match error {
                    Change(InProgress(_) | UncommittedLeaderLog(_)) => tokio::time::sleep(PAUSE).await,
                    ForwardToLeader(_) => return Err(ChangeError::NoLeader),
                    LogEntryDiscarded(_) => {
                        return Err(ChangeError::Unknown("the leader changed".to_owned()));
                    }
                    other => return Err(ChangeError::Refused(other.to_string())),
                },
                Err(OpenraftError::Fatal(fatal)) => {
                    return Err(ChangeError::Unknown(self.shared.health.word(&fatal)));
                }
            }
        }
    }

    /// openraft's figures as they are now.
    pub(super) fn metrics(&self) -> Now {
        self.shared.raft.metrics().borrow_watched().clone()
    }
}

/// Whether nobody else has the name or the address of a node that is to be taken in.
fn stands_apart(now: &Now, id: u64, member: &Member) -> Result<(), ChangeError> {
    let members = || now.membership_config.nodes().filter(|(known, _)| **known != id);
    if members().any(|(_, known)| known.name == member.name) {
        let name = &member.name;
        return Err(ChangeError::Refused(format!(
            "a node named {name} is already a member; remove it first (DELETE /api/v1/cluster/nodes/{name})"
        )));
    }
    if let Some((_, known)) = members().find(|(_, known)| known.address == member.address) {
        let Member { name, address, .. } = known;
        return Err(ChangeError::Refused(format!(
            "{address} is the address of the member {name}; advertise another one, or remove {name} first \
             (DELETE /api/v1/cluster/nodes/{name})"
        )));
    }
    Ok(())
}

fn find(now: &Now, name: &NodeName) -> Option<(u64, Member)> {
    let mut members = now.membership_config.nodes();
    members.find(|(_, member)| member.name == *name).map(|(id, member)| (*id, member.clone()))
}
