//! How a node comes to its place in a cluster, and how it learns that it has lost it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Weak;
use std::time::Duration;

use chronos_peer::{Lane, PeerError};
use tokio::time::Instant;

use super::lock::lock;
use super::log_file::Identity;
use super::membership::{Change, Changed};
use super::service::{JoinRequest, Standing};
use super::types::Member;
use super::{ChangeError, Raft, RaftError, Shared, wire};

/// Between rounds of asking.
const PAUSE: Duration = Duration::from_millis(500);
/// How long one who is asked may take: longer than a leader takes to change the membership.
const PATIENCE: Duration = Duration::from_secs(10);
const STANDING_TIMEOUT: Duration = Duration::from_secs(1);
/// How long one who is invited may take to say who it is.
const INVITE_TIMEOUT: Duration = Duration::from_secs(5);
/// Between log lines that say the same.
const REPEAT: Duration = Duration::from_secs(30);

/// Where a node stands with its cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It asks to be taken in. Why it is not yet, for people.
    Outside(String),
    Member,
    /// It was a member.
    Removed,
}

impl Place {
    /// What keeps a node from its work, for people.
    pub(super) fn obstacle(&self) -> Option<String> {
        match self {
            Self::Member => None,
            Self::Outside(why) => Some(format!("this node is not a member of a cluster yet: {why}")),
            Self::Removed => Some(
                "this node was removed from the cluster; to have it join anew, stop it and empty its cluster.data_dir"
                    .to_owned(),
            ),
        }
    }
}

/// Goes on until the node is removed, or the last handle is dropped.
pub(super) async fn keep_place(shared: Weak<Shared>, mut was_member: bool) {
    let (mut said, mut is_back) = (None, false);
    loop {
        {
            let Some(shared) = shared.upgrade() else { return };
            let raft = Raft { shared };
            if raft.shared.health.stopping() {
                return;
            }
            let place = raft.look_for_place(was_member).await;
            match &place {
                Place::Member => was_member = true,
                Place::Removed => {
                    raft.shared.raft.runtime_config().elect(false);
                    tracing::error!("this node was removed from its cluster");
                }
                Place::Outside(why) => {
                    let now = Instant::now();
                    if said.as_ref().is_none_or(|(before, at)| before != why || now - *at >= REPEAT) {
                        tracing::warn!(%why, "asking to join a cluster");
                        said = Some((why.clone(), now));
                    }
                }
            }
            if place == Place::Member && !is_back {
                // It may have said, before this start, that it was about to stop.
                is_back = raft.tell_presence(false).await;
            }
            let removed = place == Place::Removed;
            raft.shared.place.send_if_modified(|known| {
                let changed = *known != place;
                *known = place;
                changed
            });
            if removed {
                return;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

impl Raft {
    /// Whether this node belongs to a cluster, as far as it knows.
    pub(super) fn is_member(&self) -> bool {
        *self.shared.place.borrow() == Place::Member
    }

    /// Whether it is this node's to found a cluster where there is none, and there is nobody to ask.
    pub(super) fn founds_alone(&self) -> bool {
        self.shared.founds.is_some() && self.addresses().is_empty()
    }

    /// Founds a cluster of this node alone.
    pub(super) async fn found(&self) -> Result<(), RaftError> {
        let Shared { raft, health, id, member, founds, .. } = &*self.shared;
        let failed = |error: &dyn std::fmt::Display| RaftError::Storage(health.word(error));
        let members = BTreeMap::from([(*id, member.clone())]);
        raft.initialize(members).await.map_err(|error| failed(&error))?;
        // A crash before this is written leaves a cluster of one without an id, which is given one then.
        self.adopt(founds.clone().unwrap_or_default()).await?;
        raft.trigger().elect(false).await.map_err(|fatal| failed(&fatal))
    }

    /// Belongs to this cluster from now on.
    pub(super) async fn adopt(&self, cluster: String) -> Result<(), RaftError> {
        let name = self.name();
        let identity = Identity { name, id: self.shared.id, cluster: Some(cluster.clone()) };
        self.shared.log.claim(identity).await?;
        // Whoever set it before set the same: a node of one cluster is not answered by another.
        let _ = self.shared.caller.cluster.set(cluster);
        Ok(())
    }

    async fn look_for_place(&self, was_member: bool) -> Place {
        let now = self.metrics();
        let itself = now.membership_config.get_node(&self.shared.id);
        let cut_off = *self.shared.cut_off.borrow();
        let leaves = *self.shared.asked_to_leave.borrow();
        match itself {
            // Who is to leave does not ask to be taken in, though it may not have heard yet that it had been.
            _ if leaves => self.ask_after_place(itself.is_none(), cut_off).await,
            // The answer to `join` was lost, and nobody answers a node that cannot name its cluster.
            _ if self.shared.caller.cluster.get().is_none() => self.ask_for_place().await,
            Some(known) if *known == self.shared.member && !cut_off => Place::Member,
            _ if was_member => self.ask_after_place(itself.is_none(), cut_off).await,
            Some(known) if *known == self.shared.member => Place::Member,
            _ => self.ask_for_place().await,
        }
    }

    /// For a node that was a member, and is not heard of, or known under another address.
    async fn ask_after_place(&self, is_absent: bool, cut_off: bool) -> Place {
        let as_of = self.metrics().membership_config.log_id().as_ref().map(|id| id.index);
        if is_absent || cut_off {
            for address in self.addresses() {
                // Newer than what is here; or as old, where that says the same.
                if let Some(standing) = self.standing_at(&address).await
                    && !standing.is_member
                    && (standing.as_of > as_of || (is_absent && standing.as_of == as_of))
                {
                    return Place::Removed;
                }
            }
        }
        let known = self.metrics().membership_config.get_node(&self.shared.id).cloned();
        if known.is_some_and(|known| known != self.shared.member) {
            return self.tell_address().await;
        }
        Place::Member
    }

    /// Asks the node at an address to join by way of this one. Says who it is.
    pub(super) async fn invite(&self, address: &str) -> Result<JoinRequest, ChangeError> {
        let refused =
            |why: String| ChangeError::Refused(format!("the node at {address} does not join: {why}"));
        let message = wire::encode(&self.shared.config.advertise).map_err(refused)?;
        let answer = self.shared.transport.call(address, Lane::Log, "invite", message, INVITE_TIMEOUT).await;
        let answer = answer.map_err(|error| refused(error.to_string()))?;
        let answer: Result<JoinRequest, String> = wire::decode(&answer).map_err(refused)?;
        answer.map_err(refused)
    }

    /// Is invited by the member at an address: where this node has no place, it asks there from now on.
    pub(super) fn accept(&self, address: String) -> Result<JoinRequest, String> {
        let place = self.shared.place.borrow().clone();
        match place {
            Place::Member => {}
            Place::Outside(_) => drop(lock(&self.shared.invited_by).insert(address)),
            Place::Removed => return Err(place.obstacle().unwrap_or_default()),
        }
        Ok(JoinRequest { id: self.shared.id, member: self.shared.member.clone() })
    }

    /// Has the cluster learn where this node is now, and what it runs.
    async fn tell_address(&self) -> Place {
        if self.is_leader() {
            let update = Change::Update { id: self.shared.id, member: self.shared.member.clone() };
            if let Err(error) = self.change(update).await {
                tracing::warn!(%error, "this node's new address or version could not be told");
            }
            return Place::Member;
        }
        for address in self.addresses() {
            match self.introduce_to(&address, "update").await {
                Ok(Ok(_)) => break,
                Ok(Err(ChangeError::NotFound(_))) => return Place::Removed,
                Ok(Err(error)) => {
                    tracing::warn!(address, %error, "this node's new address or version was not taken")
                }
                Err(error) => tracing::debug!(address, %error, "not told"),
            }
        }
        Place::Member
    }

    /// For a node that never was a member. Where it is to found a cluster, it does so once most of those that
    /// it is to join, itself among them, have said that there is none: others may have one that cannot be
    /// reached now, and a node that lost its disk must not found a second one.
    ///
    /// Nodes are counted by their names, for a node, this one too, can be had under several addresses. An
    /// address where nobody answers counts as a node of its own, so what is not known makes for more to ask.
    ///
    /// One that knows of a cluster may not be able to take this node in (it is joining itself, say, or does not
    /// reach the leader), where the next one is. So it hides nobody; but there is a cluster, and none is founded.
    async fn ask_for_place(&self) -> Place {
        let mut why =
            "it waits to be taken in by POST /api/v1/cluster/nodes; cluster.raft.join names nobody else"
                .to_owned();
        let (mut outside, mut unheard) = (BTreeSet::from([self.name()]), 0);
        let mut undecided = None;
        for address in self.addresses() {
            match self.introduce_to(&address, "join").await {
                Ok(Ok(_)) => {
                    return Place::Outside(format!("{address} has agreed; waiting for the log"));
                }
                Ok(Err(ref error @ ChangeError::Outside(ref name))) => {
                    if outside.insert(name.clone()) {
                        why = format!("{address}: {error}");
                    }
                }
                Ok(Err(error @ (ChangeError::NoLeader | ChangeError::Unknown(_)))) => {
                    undecided = Some(format!("{address}: {error}"));
                }
                // The leader has spoken.
                Ok(Err(error)) => return Place::Outside(format!("{address}: {error}")),
                Err(error) => {
                    unheard += 1;
                    why = format!("{address}: {error}");
                }
            }
        }
        if let Some(why) = undecided {
            return Place::Outside(why);
        }
        let founds = self.shared.founds.is_some() && self.shared.caller.cluster.get().is_none();
        if !founds {
            return Place::Outside(why);
        }
        let of = outside.len() + unheard;
        if outside.len() * 2 <= of {
            return Place::Outside(format!(
                "it founds a cluster once most of the {of} nodes to join say that there is none; {why}"
            ));
        }
        match self.found().await {
            Ok(()) => Place::Member,
            Err(error) => Place::Outside(format!("a cluster could not be founded: {error}")),
        }
    }

    /// Makes this node known to the one at an address, and takes over the cluster's id.
    async fn introduce_to(
        &self,
        address: &str,
        kind: &'static str,
    ) -> Result<Result<Changed, ChangeError>, PeerError> {
        let Shared { id, member, transport, caller, .. } = &*self.shared;
        let request = JoinRequest { id: *id, member: member.clone() };
        let message = wire::encode(&request).map_err(PeerError::Refused)?;
        let answer = transport.call(address, Lane::Log, kind, message, PATIENCE).await?;
        let answer: Result<Changed, ChangeError> = wire::decode(&answer).map_err(PeerError::Refused)?;
        if let Ok(changed) = &answer
            && caller.cluster.get() != Some(&changed.cluster)
        {
            let adopted = self.adopt(changed.cluster.clone()).await;
            adopted.map_err(|error| PeerError::Refused(error.to_string()))?;
        }
        Ok(answer)
    }

    async fn standing_at(&self, address: &str) -> Option<Standing> {
        let message = wire::encode(&self.shared.id).ok()?;
        let call = self.shared.transport.call(address, Lane::Log, "standing", message, STANDING_TIMEOUT);
        wire::decode(&call.await.ok()?).ok()
    }

    /// Where others may be: the members that are known, and those to join. Each address once.
    fn addresses(&self) -> Vec<String> {
        let now = self.metrics();
        let members = now.membership_config.nodes().filter(|(id, _)| **id != self.shared.id);
        let members = members.map(|(_, member): (_, &Member)| member.address.clone());
        let known: BTreeSet<String> = members.filter(|address| !address.is_empty()).collect();
        let invited_by = lock(&self.shared.invited_by).clone();
        let join = self.shared.config.join.iter().cloned();
        let mut seen = BTreeSet::from([self.shared.config.advertise.clone()]);
        let all = invited_by.into_iter().chain(known).chain(join);
        all.filter(|address| seen.insert(address.clone())).collect()
    }
}
