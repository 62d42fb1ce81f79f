//! [`Joiner`]: how this node comes to be a member of a cluster, be it one that it founds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chronos_peer::{PeerError, Transport};
use tokio::sync::watch;

use super::client::ChangeClient;
use super::state::MemberState;
use crate::error::{ChangeError, ReplicaError};
use crate::lock::lock;
use crate::log::handle::Log;
use crate::messages::payload::{Changed, JoinRequest};
use crate::messages::request::Request;
use crate::presence::handle::Presence;
use crate::types::Member;

/// How long a node that is asked may take: longer than a leader takes to change the membership.
const PATIENCE: Duration = Duration::from_secs(10);

/// Has this node taken in, and knows how far that is.
pub(crate) struct Joiner {
    pub log: Arc<Log>,
    pub presence: Arc<Presence>,
    pub client: Arc<ChangeClient>,
    pub transport: Arc<dyn Transport>,
    /// What every node is to know of this one; see [`Joiner::own`].
    pub member: Member,
    /// Where members of the cluster to join may be.
    pub join: Vec<String>,
    /// The id of the cluster that this node founds if there is none, where it is its part to found one.
    pub founds: Option<String>,
    pub state: watch::Sender<MemberState>,
    /// Where members are that asked this node to join.
    pub invited_by: Mutex<BTreeSet<String>>,
}

impl Joiner {
    /// Whether this node belongs to a cluster, as far as it knows.
    pub(super) fn is_member(&self) -> bool {
        *self.state.borrow() == MemberState::Member
    }

    /// Whether it is this node's part to found a cluster if there is none, and there is nobody to ask.
    pub(crate) fn founds_alone(&self) -> bool {
        self.founds.is_some() && self.addresses().is_empty()
    }

    /// What every node is to know of this one, at the version of its cluster.
    pub(super) fn own(&self) -> Member {
        self.member.known_at(self.log.version())
    }

    /// Who this node is.
    pub(super) fn introduction(&self) -> JoinRequest {
        JoinRequest { id: self.log.id(), member: self.own() }
    }

    /// Founds a cluster of this node alone.
    pub(crate) async fn found(&self) -> Result<(), ReplicaError> {
        let (log, raft) = (&self.log, &self.log.raft);
        let members = BTreeMap::from([(log.id(), self.own())]);
        raft.initialize(members).await.map_err(|error| log.failed(&error))?;
        // A crash before this is written leaves a cluster of one without an id. The next start gives it one.
        log.adopt(self.founds.clone().unwrap_or_default()).await?;
        raft.trigger().elect(false).await.map_err(|fatal| log.failed(&fatal))
    }

    /// The member at an address invites this node. If it is no member yet, it asks there from now on.
    pub(crate) fn accept(&self, address: String) -> Result<JoinRequest, String> {
        let state = self.state.borrow().clone();
        match state {
            MemberState::Member => {}
            MemberState::Joining(_) => drop(lock(&self.invited_by).insert(address)),
            MemberState::Removed => return Err(state.obstacle().unwrap_or_default()),
        }
        Ok(self.introduction())
    }

    /// Asks to be taken in, for a node that never was a member. Where it is to found a cluster, it does so once
    /// most of the nodes to join, itself among them, have said that there is none. The others may have a cluster
    /// that cannot be reached now, and a node that lost its disk must not found a second one.
    ///
    /// Nodes are counted by their names, because a node, also this one, may answer at several addresses. An
    /// address where nobody answers counts as a node of its own: what is not known makes for more to ask.
    ///
    /// A node that knows of a cluster may be unable to take this one in: it is joining itself, say, or does not
    /// reach the leader. The next one may be able to, so all are asked. But there is a cluster, and none is founded.
    pub(super) async fn ask_to_join(&self) -> MemberState {
        let mut why =
            "it waits to be taken in by POST /api/v1/cluster/nodes; cluster.raft.join names nobody else"
                .to_owned();
        let (mut outside, mut unheard) = (BTreeSet::from([self.log.name.clone()]), 0);
        let mut undecided = None;
        for address in self.addresses() {
            match self.introduce_to(&address, Request::Join).await {
                Ok(Ok(_)) => {
                    return MemberState::Joining(format!("{address} has agreed; waiting for the log"));
                }
                Ok(Err(ref error @ ChangeError::Outside(ref name))) => {
                    if outside.insert(name.clone()) {
                        why = format!("{address}: {error}");
                    }
                }
                Ok(Err(error @ (ChangeError::NoLeader | ChangeError::Unknown(_)))) => {
                    undecided = Some(format!("{address}: {error}"));
                }
                // The leader has decided.
                Ok(Err(error @ ChangeError::CannotFollow { .. })) => return self.cannot_follow(&error),
                Ok(Err(error)) => return MemberState::Joining(format!("{address}: {error}")),
                Err(error) => {
                    unheard += 1;
                    why = format!("{address}: {error}");
                }
            }
        }
        if let Some(why) = undecided {
            return MemberState::Joining(why);
        }
        let founds = self.founds.is_some() && self.log.cluster.get().is_none();
        if !founds {
            return MemberState::Joining(why);
        }
        let of = outside.len() + unheard;
        if outside.len() * 2 <= of {
            return MemberState::Joining(format!(
                "it founds a cluster once most of the {of} nodes to join say that there is none; {why}"
            ));
        }
        match self.found().await {
            Ok(()) => MemberState::Member,
            Err(error) => MemberState::Joining(format!("a cluster could not be founded: {error}")),
        }
    }

    /// Stops this node. It must not look as if it took part, and asking again does not help: a version is never
    /// lowered.
    pub(super) fn cannot_follow(&self, refused: &ChangeError) -> MemberState {
        self.log.storage.health.report(refused.to_string());
        MemberState::Joining(refused.to_string())
    }

    /// Makes this node known to the one at an address, and takes over the cluster's id.
    pub(super) async fn introduce_to(
        &self,
        address: &str,
        request: fn(JoinRequest) -> Request,
    ) -> Result<Result<Changed, ChangeError>, PeerError> {
        // It has to say which keys it has, and does not know its cluster's version yet. A release without them refuses that.
        let whole = JoinRequest { id: self.log.id(), member: self.member.clone() };
        let answer = match self.introduce(address, request(whole)).await {
            Err(PeerError::Refused(_)) if self.own() != self.member => {
                self.introduce(address, request(self.introduction())).await?
            }
            answer => answer?,
        };
        if let Ok(changed) = &answer
            && self.log.cluster.get() != Some(&changed.cluster)
        {
            let adopted = self.log.adopt(changed.cluster.clone()).await;
            adopted.map_err(|error| PeerError::Refused(error.to_string()))?;
        }
        Ok(answer)
    }

    async fn introduce(
        &self,
        address: &str,
        request: Request,
    ) -> Result<Result<Changed, ChangeError>, PeerError> {
        let message = request.encode().map_err(PeerError::Refused)?;
        let answer = message.send(&*self.transport, address, PATIENCE).await?;
        message.answer(&answer).map_err(PeerError::Refused)
    }

    /// Where others may be: the members that are known, and the nodes to join. Each address once.
    pub(super) fn addresses(&self) -> Vec<String> {
        let now = self.log.figures();
        let members = now.membership_config.nodes().filter(|(id, _)| **id != self.log.id());
        let members = members.map(|(_, member): (_, &Member)| member.address.clone());
        let known: BTreeSet<String> = members.filter(|address| !address.is_empty()).collect();
        let invited_by = lock(&self.invited_by).clone();
        let join = self.join.iter().cloned();
        let mut seen = BTreeSet::from([self.member.address.clone()]);
        let all = invited_by.into_iter().chain(known).chain(join);
        all.filter(|address| seen.insert(address.clone())).collect()
    }
}
