//! [`Membership`]: who belongs to the cluster, and this node's own place in it.

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use chronos_env::Loop;
use chronos_peer::Transport;
use chronos_types::NodeName;
use tokio::sync::watch;
use tokio::time::Instant;

use super::changes::Changes;
use super::client::ChangeClient;
use super::join::Joiner;
use super::keeper;
use super::rules::{can_follow, stands_apart, voters};
use super::state::MemberState;
use super::step_aside::{Rule, StepAside};
use crate::config::ReplicaConfig;
use crate::error::ChangeError;
use crate::leader::LeaderClient;
use crate::lock::lock;
use crate::messages::payload::{Change, Changed, JoinRequest, Standing};
use crate::messages::request::Request;
use crate::presence::handle::Presence;
use crate::raft::Figures;
use crate::types::Member;

/// How long a node that is removed may take to leave by itself, beside the time after which it is not
/// waited for.
const LEAVES_WITHIN: Duration = Duration::from_secs(60);
/// Between looks whether it has.
const LOOK: Duration = Duration::from_millis(250);
/// How long a node that joins may take to get the state and the log.
const CATCH_UP: Duration = Duration::from_secs(60);
/// How long a node that is invited may take to say who it is.
const INVITE_TIMEOUT: Duration = Duration::from_secs(5);
/// Between looks at whether this node may lead, who should have a vote, and whether the version can be raised.
const TEND: Duration = Duration::from_millis(250);

/// The members of the cluster. What is asked of it on any node is done by the leader.
pub struct Membership {
    /// This node's own membership.
    pub(crate) joiner: Arc<Joiner>,
    /// What the leader does.
    pub(crate) changes: Arc<Changes>,
    client: Arc<ChangeClient>,
    transport: Arc<dyn Transport>,
    max_voters: usize,
    reassign_after: Duration,
    /// How long an election takes, about.
    election: Duration,
    /// They end with this.
    running: Mutex<Vec<Loop>>,
}

impl std::fmt::Debug for Membership {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Membership").field(&*self.joiner.state.borrow()).finish()
    }
}

impl Membership {
    /// `founds` is the id of the cluster that this node is to found if there is none.
    pub(crate) fn new(
        leader: LeaderClient,
        presence: Arc<Presence>,
        config: &ReplicaConfig,
        founds: Option<String>,
    ) -> Self {
        let LeaderClient { log, transport } = leader.clone();
        let (max_voters, reassign_after) = (config.max_voters, config.reassign_after);
        let changes = Changes::new(log.clone(), presence.clone(), transport.clone(), config);
        let changes = Arc::new(changes);
        let client = Arc::new(ChangeClient { leader, changes: changes.clone() });
        let member = Member {
            name: config.node_id.clone(),
            address: config.advertise.clone(),
            http: config.http.clone(),
            version: config.version.clone(),
            tz_release: config.tz_release.clone(),
            follows: config.follows,
            encryption_keys: config.encryption_keys.clone(),
        };
        let joiner = Joiner {
            log,
            presence,
            client: client.clone(),
            transport: transport.clone(),
            member,
            join: config.join.clone(),
            founds,
            state: watch::Sender::new(MemberState::Joining("it is starting".to_owned())),
            invited_by: Mutex::default(),
        };
        let (joiner, running) = (Arc::new(joiner), Mutex::default());
        let election = Duration::from_millis(config.election_timeout_ms);
        Self { joiner, changes, client, transport, max_voters, reassign_after, election, running }
    }

    /// Has this node's place in the cluster, as many voters as there should be, the highest version that all can
    /// follow, and that no node leads which makes no progress, seen to from now on.
    pub(crate) fn keep(&self, was_member: bool) {
        let loops = &self.joiner.log.loops;
        let keep = keeper::keep(Arc::downgrade(&self.joiner), was_member);
        let (joiner, election) = (self.joiner.clone(), self.election);
        let step_aside = StepAside { joiner, election, rule: Rule::default() };
        lock(&self.running).extend([
            loops.start("membership", keep),
            loops.start("voters and version", tend(Arc::downgrade(&self.changes))),
            loops.start("progress", step_aside.run()),
        ]);
    }

    /// Where this node is all of its cluster, raises the version as far as this node follows: so it can do from its first
    /// request on what it can do. It takes a second at most. Does nothing where others are to follow.
    pub async fn raise_alone(&self) {
        self.changes.raise_alone().await;
    }

    /// Has the node at an address join. Answers with its name and whether it is new, when it is a member,
    /// has a vote where one is due, and has in its log what this node knew to be committed when it became one.
    ///
    /// # Errors
    /// See [`ChangeError`]. Where the outcome is not known, the node goes on joining, and this can be called again.
    pub async fn add(&self, address: &str) -> Result<(NodeName, bool), ChangeError> {
        if !self.joiner.is_member() {
            return Err(ChangeError::NoLeader);
        }
        let Member { name, address: own, .. } = &self.joiner.member;
        if own.is_empty() {
            return Err(ChangeError::Refused(format!(
                "{name} listens for no other nodes, so {address} cannot join it; set cluster.raft.address on {name}, and \
                 restart it"
            )));
        }
        let JoinRequest { id, member } = self.invite(address).await?;
        let log = &self.joiner.log;
        let now = log.figures();
        stands_apart(&now, id, &member)?;
        can_follow(log.version(), &member)?;
        let new = now.membership_config.get_node(&id).is_none();
        let max_voters = self.max_voters;
        let has_place = move |now: &Figures| {
            let voters = voters(now);
            let votes = voters.contains(&id) || voters.len() >= max_voters;
            now.membership_config.get_node(&id).is_some() && votes
        };
        let there = log.raft.wait(Some(CATCH_UP)).metrics(has_place, "a new member").await;
        let slow = |_| ChangeError::Unknown(format!("{} has not caught up within {CATCH_UP:?}", member.name));
        there.map_err(slow)?;
        Ok((member.name, new))
    }

    /// Removes a member. One that is heard from is asked to leave, and ends what it fires first. One that is not
    /// is waited for until it must have fenced itself. So no node fires what another one has taken over. The
    /// data of a removed node must be emptied before it can join anew.
    ///
    /// # Errors
    /// See [`ChangeError`]. Without a majority of the members nobody can be removed.
    pub async fn remove(&self, name: &NodeName) -> Result<(), ChangeError> {
        let until = Instant::now() + self.reassign_after + LEAVES_WITHIN;
        let mut waited = false;
        loop {
            match self.client.change(Change::Remove { name: name.clone() }).await {
                Err(ChangeError::StillThere(_)) if Instant::now() < until => waited = true,
                // It has left by itself.
                Err(ChangeError::NotFound(_)) if waited => return Ok(()),
                other => return other.map(drop),
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Removes this node from the cluster. It must fire nothing any more, and can only be stopped then.
    ///
    /// # Errors
    /// See [`ChangeError`]; the last voter cannot leave.
    pub async fn leave(&self) -> Result<(), ChangeError> {
        let name = self.joiner.log.name.clone();
        // Asked first: a node that was restarted while it was taken in may take itself to be removed, and be a member.
        match self.client.change(Change::Leave { name }).await {
            Ok(_) | Err(ChangeError::NotFound(_)) => Ok(()),
            Err(_) if *self.joiner.state.borrow() == MemberState::Removed => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Hands leadership to the voter of this name, or to any.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub async fn transfer(&self, to: Option<NodeName>) -> Result<(), ChangeError> {
        self.client.change(Change::Transfer { to }).await.map(drop)
    }

    /// What keeps this node from its work in the cluster, for people.
    pub(crate) fn obstacle(&self) -> Option<String> {
        self.joiner.state.borrow().obstacle()
    }

    /// Whether a node is a member, as this one knows.
    pub(crate) fn standing_of(&self, id: u64) -> Standing {
        self.joiner.standing_of(id)
    }

    /// Has the leader make a change for a node that knows no leader.
    pub(crate) async fn introduce(&self, change: Change) -> Result<Result<Changed, ChangeError>, String> {
        let log = &self.joiner.log;
        let state = self.joiner.state.borrow().clone();
        match state {
            MemberState::Member => Ok(self.client.change(change).await),
            // This node has just started, or is just joining. There is a cluster, and a node that is about to
            // found one must hear of it.
            MemberState::Joining(_) if log.cluster.get().is_some() => Ok(Err(ChangeError::NoLeader)),
            MemberState::Joining(_) => Ok(Err(ChangeError::Outside(log.name.clone()))),
            MemberState::Removed => Err(format!("{} is no member of its cluster any more", log.name)),
        }
    }

    /// Asks the node at an address to join by way of this one. Says who it is.
    async fn invite(&self, address: &str) -> Result<JoinRequest, ChangeError> {
        let refused =
            |why: String| ChangeError::Refused(format!("the node at {address} does not join: {why}"));
        let message = Request::Invite(self.joiner.member.address.clone()).encode();
        let message = message.map_err(refused)?;
        let answer = message.send(&*self.transport, address, INVITE_TIMEOUT).await;
        let answer = answer.map_err(|error| refused(error.to_string()))?;
        let answer: Result<JoinRequest, String> = message.answer(&answer).map_err(refused)?;
        answer.map_err(refused)
    }
}

/// Keeps the lead where the clock and the state are right, as many voters as there should be, and the version of the
/// cluster as high as all can follow, until `changes` is gone.
async fn tend(changes: Weak<Changes>) {
    loop {
        tokio::time::sleep(TEND).await;
        let Some(changes) = changes.upgrade() else { return };
        changes.tend_lead().await;
        changes.tend_voters().await;
        changes.tend_version().await;
    }
}
