//! The use cases of the cluster as a whole: how its nodes are, who is a member, who leads, and a backup of all
//! that it remembers.

mod backup;
mod held;
mod time;

use std::path::Path;
use std::time::Duration;

use chronos_replica::{ChangeError, MemberReport, MemberStatus, NodeReport, RaftStatus, Replica, Role};
use chronos_types::{Actor, By, NodeName, Note, clip};
use futures::future::join_all;

use crate::access::{KeyRing, differences};
use crate::audit;
use crate::error::{MembershipError, ReadError, Unavailable};
use crate::lookup;
use crate::read::Consistency;
use crate::sealing::Encryption;
use crate::services::Services;
use backup::Backups;
use held::Held;

pub use backup::Backup;
pub use time::{TimeStatus, TimeWord};

/// How long the news of a new leader may take to come to this node.
const NEWS_WITHIN: Duration = Duration::from_secs(5);
/// How long a new member may take to apply what others have.
const CATCH_UP: Duration = Duration::from_secs(60);
/// Between looks whether it has.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Reads how the cluster is, and changes who belongs to it and who leads it.
#[derive(Debug)]
pub struct Cluster {
    services: Services,
    replica: Replica,
    ring: KeyRing,
    held: Held,
    backups: Backups,
    /// Of encryption.
    pub encryption: Encryption,
}

/// Where the cluster stands, as this node sees it.
#[derive(Clone, Debug)]
pub struct ClusterStatus {
    /// The id of the cluster.
    pub id: String,
    /// The name of this node.
    pub node: NodeName,
    /// The name of the leader, if one is known.
    pub leader: Option<NodeName>,
    /// The current term.
    pub term: u64,
    /// The index of the last log entry that is known to be on a quorum.
    pub committed: Option<u64>,
    /// The version of the cluster, as this node has applied it.
    pub version: u32,
    /// The members, sorted by name.
    pub members: Vec<Member>,
    /// The time that the cluster goes by.
    pub time: TimeStatus,
    /// What the state of this node takes.
    pub storage: StorageStatus,
    /// What an operator should know and is no fault, in whole sentences.
    pub warnings: Vec<String>,
    /// Where the keys in the configurations of the members are not the same, in whole sentences.
    pub keys_differ: Vec<String>,
}

/// What the state takes on the disk.
#[derive(Clone, Copy, Debug)]
pub struct StorageStatus {
    /// Bytes of the state file that hold records.
    pub in_use: u64,
    /// The bound on them.
    pub bound: u64,
    /// Whether jobs alone exceed the bound, so that new jobs and triggers are refused. Only a leader knows.
    pub is_reached: bool,
}

/// A member of the cluster.
#[derive(Clone, Debug)]
pub struct Member {
    /// What the log says of it.
    pub status: MemberStatus,
    /// What it says of itself, if it answers.
    pub report: Option<NodeReport>,
}

/// What it means that nodes have no encryption key. It is told by what they say of themselves, so without the disk.
fn warnings(members: &[Member]) -> Vec<String> {
    let (with, without): (Vec<_>, Vec<_>) =
        members.iter().partition(|member| !member.status.encryption_keys.is_empty());
    let names: Vec<_> = without.iter().map(|member| member.status.name.as_str()).collect();
    match (with.is_empty(), without.is_empty()) {
        (_, true) => Vec::new(),
        (true, false) => vec![
            "no node has a key in security.encryption_keys: the credentials of jobs, and secrets, are in the clear in \
             logs, states, copies and backups, for whoever can read them"
                .to_owned(),
        ],
        (false, false) => vec![format!(
            "{} has no key in security.encryption_keys: what is sealed cannot be used there, and nothing is sealed before \
             all nodes have the key",
            names.join(", ")
        )],
    }
}

/// Says in this node's log who asks for a change of the cluster, and of which node. The audit has it only once it is done.
pub(crate) fn asked(by: &By, what: &str, node: Option<&str>) {
    let By { actor: Actor { kind, id, name, address }, note } = by;
    let (kind, note) = (kind.as_str(), note.as_ref().map(Note::as_str));
    let address = address.map(tracing::field::display);
    let node = node.map(|node| tracing::field::debug(clip(node)));
    tracing::info!(
        node,
        kind,
        id = id.as_deref(),
        name = name.as_deref(),
        address,
        note,
        "asked for: {what}"
    );
}

impl Cluster {
    /// The use cases, with what they work with. Backups that a crash left in `data_dir` are removed.
    ///
    /// # Errors
    /// The directory cannot be read, or a backup not removed.
    pub async fn new(
        services: Services,
        replica: Replica,
        ring: KeyRing,
        data_dir: &Path,
    ) -> std::io::Result<Self> {
        let backups = Backups::open(data_dir, services.env.clone())?;
        let held = Held::of(&services.store).await;
        let encryption = Encryption::new(services.clone(), replica.clone());
        Ok(Self { services, replica, ring, backups, held, encryption })
    }

    /// How the cluster and each of its nodes are. It is told without the disk where that does not answer.
    ///
    /// # Errors
    /// This node belongs to no cluster, or its storage failed.
    pub async fn status(&self) -> Result<ClusterStatus, ReadError> {
        let (status, members) = self.look().await;
        let RaftStatus { cluster, leader, term, committed, version, .. } = status;
        let Some(id) = cluster else {
            let why = self.replica.is_ready().err();
            let why = why.unwrap_or_else(|| "this node has no cluster yet".to_owned());
            return Err(Unavailable::NoCluster(why).into());
        };
        let node = self.services.node.clone();
        let quota = &self.services.quota;
        let (in_use, time) = self.held.look(&self.services.store, self.replica.stands_still()).await?;
        let storage = StorageStatus { in_use, bound: quota.bound(), is_reached: quota.reached().is_some() };
        let time = self.time(time);
        let warnings = warnings(&members);
        let names: Vec<_> = members.iter().map(|member| member.status.name.clone()).collect();
        let keys_differ = differences(&self.ring.nodes(), &names);
        Ok(ClusterStatus {
            id,
            node,
            leader,
            term,
            committed,
            version,
            members,
            time,
            storage,
            warnings,
            keys_differ,
        })
    }

    /// Has the node at an address join. Answers once it has what this node has applied now, with the member and
    /// whether it is new.
    ///
    /// # Errors
    /// The node cannot join, or has not caught up in time.
    pub async fn add(&self, by: &By, address: &str) -> Result<(Member, bool), MembershipError> {
        asked(by, "a node is to be taken in", Some(address));
        let (name, new) = self.replica.membership().add(address).await?;
        if new {
            audit::note(&self.services, by, "cluster.add_node", Some(name.as_str())).await;
        }
        let applied = self.replica.status().applied;
        let caught_up = async {
            loop {
                let (_, members) = self.look().await;
                let found = members.into_iter().find(|member| member.status.name == name);
                let Some(member) = found else { return Err(ChangeError::NotFound(name.clone())) };
                if member.report.as_ref().is_some_and(|report| report.applied >= applied) {
                    return Ok(member);
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        let slow = || ChangeError::Unknown(format!("{name} is a member and has not caught up yet"));
        let member = tokio::time::timeout(CATCH_UP, caught_up).await.map_err(|_| slow())??;
        Ok((member, new))
    }

    /// Removes a member, whether it is there or not. Answers when it is no member any more.
    ///
    /// # Errors
    /// There is no such member, it must stay, or nobody knows yet whether it is removed.
    pub async fn remove(&self, by: &By, name: &NodeName) -> Result<(), MembershipError> {
        asked(by, "a node is to be removed", Some(name.as_str()));
        self.replica.membership().remove(name).await?;
        audit::note(&self.services, by, "cluster.remove_node", Some(name.as_str())).await;
        Ok(())
    }

    /// Has a voter lead: the one named, or any other than the leader. Answers with the name of the new leader
    /// when this node knows that it leads.
    ///
    /// # Errors
    /// There is no such member, it has no vote, or it is not known yet whether it leads.
    pub async fn transfer(&self, by: &By, to: Option<NodeName>) -> Result<NodeName, MembershipError> {
        asked(by, "another node is to lead", to.as_ref().map(NodeName::as_str));
        let mut leadership = self.replica.leadership();
        let before = leadership.borrow().term;
        self.replica.membership().transfer(to.clone()).await?;
        let known = leadership.wait_for(|now| match &to {
            Some(name) => now.leader.as_ref() == Some(name),
            // Until the news comes, this node knows the leader before.
            None => now.leader.is_some() && now.term > before,
        });
        let unknown = || ChangeError::Unknown("this node has not heard of the new leader".to_owned());
        let now = tokio::time::timeout(NEWS_WITHIN, known).await.map_err(|_| unknown())?;
        let leader = now.ok().and_then(|now| now.leader.clone()).ok_or_else(unknown)?;
        audit::note(&self.services, by, "cluster.transfer", Some(leader.as_str())).await;
        Ok(leader)
    }

    /// Makes a backup of what this node has applied. That somebody took it comes into the audit before they have any of it.
    ///
    /// # Errors
    /// Another is under way, there is no room for it, it cannot be made as demanded, this node's state is not that of
    /// most nodes, or the storage failed.
    pub async fn backup(&self, by: &By, consistency: Consistency) -> Result<Backup, ReadError> {
        if let Some(why) = self.services.proposer.difference() {
            return Err(Unavailable::NoCluster(why).into());
        }
        let place = self.backups.begin()?;
        lookup::catch_up(&self.services, consistency).await?;
        let backup = self.backups.make(place).await?;
        audit::note(&self.services, by, "backup.download", Some(self.services.node.as_str())).await;
        Ok(backup)
    }

    /// Where this node stands, and how each member is. The members are in the second part only.
    async fn look(&self) -> (RaftStatus, Vec<Member>) {
        let mut status = self.replica.status();
        let members = std::mem::take(&mut status.members);
        let asked = members.into_iter().map(|status| async move {
            let report = if status.name == self.services.node {
                Some(self.replica.presence().report())
            } else {
                match &status.address {
                    Some(address) => self.replica.presence().report_of(address).await,
                    None => None,
                }
            };
            Member { status, report }
        });
        let mut members = join_all(asked).await;
        // Only a leader knows how each does its part.
        let leader = members.iter().find(|member| member.status.role == Role::Leader);
        let known = leader.and_then(|leader| Some(leader.report.as_ref()?.members.clone()));
        let mut known = known.unwrap_or_default();
        let (own, leads) = (&self.services.node, status.leader.is_some());
        for Member { status, report } in &mut members {
            let MemberReport { last_contact_ms, behind, clock_skew_ms, problems } =
                known.remove(&status.name).unwrap_or_default();
            status.last_contact_ms = status.last_contact_ms.or(last_contact_ms);
            (status.behind, status.clock_skew_ms, status.problems) = (behind, clock_skew_ms, problems);
            match report {
                Some(report) => status.problems.extend_from_slice(&report.problems),
                None if status.problems.is_empty() => {
                    status.problems.push(format!("{} does not answer {own}", status.name));
                }
                None => {}
            }
            if status.name == *own && !leads {
                status.problems.push(format!(
                    "{own} knows no leader: nothing is written or planned until a majority of the voters elects one"
                ));
            }
        }
        (status, members)
    }
}
