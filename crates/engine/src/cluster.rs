//! The cluster as a whole, for those who look after it: how its nodes are, who is a member, who
//! leads, and a backup of all it remembers.

mod backup;

use std::path::PathBuf;
use std::time::Duration;

use chronos_env::{Env, Scratch};
use chronos_replica::{ChangeError, MemberStatus, NodeReport, RaftStatus, Replica, Role};
use chronos_types::NodeName;
use futures::future::join_all;

pub use backup::BackupFile;

/// For the news of a new leader to come to this node.
const NEWS_WITHIN: Duration = Duration::from_secs(5);

/// For a new member to apply what others have.
const CATCH_UP: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// What [`Cluster`] stands on.
pub struct ClusterConfig {
    /// This node's replica.
    pub replica: Replica,
    /// Where the state lies, and where a backup of it may.
    pub data_dir: PathBuf,
    /// This node's name.
    pub node: NodeName,
    /// The clock, and where blocking work runs.
    pub env: Env,
}

/// Asks about the cluster, and of it.
pub struct Cluster {
    config: ClusterConfig,
    backups: Scratch,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Cluster").field(&self.config.replica).finish()
    }
}

/// A member, and what it says of itself, if it answers.
pub struct Member {
    /// As the log has it.
    pub status: MemberStatus,
    /// As it is.
    pub report: Option<NodeReport>,
}

impl Cluster {
    /// Ready to be asked.
    ///
    /// # Errors
    /// The data directory cannot be tidied up.
    pub fn new(config: ClusterConfig) -> std::io::Result<Self> {
        let backups = Scratch::open(&config.data_dir, backup::PREFIX)?;
        Ok(Self { config, backups })
    }

    /// Where the cluster stands as this node sees it, and how each node is.
    pub async fn status(&self) -> (RaftStatus, Vec<Member>) {
        let mut status = self.config.replica.status();
        let members = std::mem::take(&mut status.members);
        let asked = members.into_iter().map(|status| async move {
            let report = if status.name == self.config.node {
                Some(self.config.replica.presence().report())
            } else {
                self.config.replica.presence().report_of(&status.address).await
            };
            Member { status, report }
        });
        let mut members = join_all(asked).await;
        // Only a leader knows when each was last heard of.
        let leader = members.iter().find(|member| member.status.role == Role::Leader);
        let heard = leader.and_then(|leader| Some(leader.report.as_ref()?.heard.clone())).unwrap_or_default();
        for Member { status, .. } in &mut members {
            status.last_contact_ms = status.last_contact_ms.or_else(|| heard.get(&status.name).copied());
        }
        (status, members)
    }

    /// Has the node at an address join. Answers with the member, and whether it is new, when it has what this
    /// node has applied.
    pub async fn add(&self, address: &str) -> Result<(Member, bool), ChangeError> {
        let (name, new) = self.config.replica.membership().add(address).await?;
        let applied = self.config.replica.status().applied;
        let caught_up = async {
            loop {
                let (_, members) = self.status().await;
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

    /// Removes a member, there or not; answers when it is none any more.
    pub async fn remove(&self, name: &NodeName) -> Result<(), ChangeError> {
        self.config.replica.membership().remove(name).await
    }

    /// Has a voter lead, this one or any; answers with its name when it does and this node knows.
    pub async fn transfer(&self, to: Option<NodeName>) -> Result<NodeName, ChangeError> {
        let mut leadership = self.config.replica.leadership();
        let before = leadership.borrow().term;
        self.config.replica.membership().transfer(to.clone()).await?;
        let known = leadership.wait_for(|now| match &to {
            Some(name) => now.leader.as_ref() == Some(name),
            // Until the news comes, this node knows the one before.
            None => now.leader.is_some() && now.term > before,
        });
        let unknown = || ChangeError::Unknown("this node has not heard of the new leader".to_owned());
        let now = tokio::time::timeout(NEWS_WITHIN, known).await.map_err(|_| unknown())?;
        now.ok().and_then(|now| now.leader.clone()).ok_or_else(unknown)
    }

    /// Makes a backup of what this node has applied.
    pub async fn backup(&self) -> Result<BackupFile, chronos_state::StateError> {
        backup::make(&self.config.data_dir, &self.backups, &self.config.env).await
    }
}
