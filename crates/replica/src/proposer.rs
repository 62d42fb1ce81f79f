//! [`Proposer`]: the one write path. Commands go to the log together with all others that are waiting, by
//! way of the node that leads.

mod admission;
mod gather;
mod group;
mod lines;
mod stamp;

use std::sync::Arc;

use chronos_state::{MAX_ROWS, Outcome, Proposal};
use chronos_types::{Millis, NodeName};
use tokio::sync::watch;

use crate::error::ProposeError;
use crate::replica::Replica;
use crate::status::Leadership;
use admission::Gate;
use gather::Gather;
use lines::Entrances;

pub use admission::Admission;

/// So many rows of plans and reports go into one batch together. They come in thousands when a node is busy, and each
/// batch costs a sync of the disk.
pub const MAX_ROWS_TOGETHER: usize = 4 * MAX_ROWS;

/// Takes commands and proposes them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Proposer {
    entrances: Arc<Entrances>,
    replica: Replica,
    gate: Gate,
}

impl Proposer {
    /// Starts the task that gathers commands into batches; it ends when the last handle is dropped.
    #[must_use]
    pub fn start(replica: Replica) -> Self {
        let (entrances, lines) = lines::lines();
        let entrances = Arc::new(entrances);
        let gather = Gather::new(replica.clone());
        replica.loops().start("proposals", gather.run(lines)).detach();
        let peers = Arc::downgrade(&entrances);
        let gate = Gate::default();
        let of_peers = gate.clone();
        replica.on_propose(Box::new(move |items| {
            let (peers, gate) = (peers.clone(), of_peers.clone());
            Box::pin(async move {
                let closed = || ProposeError::Stopped("writes are closed".into());
                let entrances = peers.upgrade().ok_or_else(closed)?;
                gate.pass(items, |items| entrances.enter(items, true)).await
            })
        }));
        Self { entrances, replica, gate }
    }

    /// Has this decide, from now on, whether commands may be proposed. The first call wins.
    pub fn ask(&self, admission: Arc<dyn Admission>) {
        self.gate.ask(admission);
    }

    /// Proposes a command, on whichever node leads; answers when it is durable on a quorum and applied
    /// on this node.
    ///
    /// # Errors
    /// It was not accepted, or it is not known whether it was.
    pub async fn propose(&self, proposal: Proposal) -> Result<Outcome, ProposeError> {
        let outcomes = self.propose_all(vec![proposal]).await?;
        outcomes.into_iter().next().ok_or_else(|| ProposeError::Stopped("no answer to a command".into()))
    }

    /// Proposes commands that stay together. They wait in the line of their class ([`chronos_state::Class`]), and
    /// together they are of one size at most, in bytes and in rows that they change. What a release adds is used
    /// from its cluster version on: a command of a higher one than this node has applied is not proposed, so
    /// whoever proposes it needs no check.
    ///
    /// # Errors
    /// They were not accepted, or it is not known whether they were.
    pub async fn propose_all(&self, items: Vec<Proposal>) -> Result<Vec<Outcome>, ProposeError> {
        let (since, version) = (since(&items), self.replica.version());
        if since > version {
            return Err(ProposeError::NotInUse { since, version });
        }
        let entered = self.gate.pass(items, |items| self.entrances.enter(items, false)).await;
        Ok(entered.inspect_err(|error| self.replica.metrics().refused(error))?.outcomes)
    }

    /// The version of the cluster, as this node has applied it.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.replica.version()
    }

    /// The members that lack an encryption key, as they said when they joined or started.
    #[must_use]
    pub fn lacking(&self, key: &str) -> Vec<NodeName> {
        let members = self.replica.status().members.into_iter();
        let lacks = members.filter(|member| !member.encryption_keys.iter().any(|own| own == key));
        lacks.map(|member| member.name).collect()
    }

    /// How many members come before one, in the order of their names.
    #[must_use]
    pub fn place_of(&self, node: &NodeName) -> usize {
        self.replica.status().members.iter().filter(|member| member.name < *node).count()
    }

    /// From now on these encryption keys are needed, by their ids: a member that lacks one fires nothing and does not lead,
    /// and no node that lacks one becomes a member.
    pub fn needs_keys(&self, needed: Vec<String>) {
        self.replica.needs_keys(needed);
    }

    /// Takes what was written over or deleted out of the files of this node, once for each `mark`: its log is cut, and both
    /// files are written anew. Answers whether it was done now. Writes wait for it on this node.
    ///
    /// # Errors
    /// It was not done, or not to its end, and why.
    pub async fn clean(&self, mark: &str) -> Result<bool, String> {
        self.replica.clean(mark).await
    }

    /// Whether this node can take writes, else why not.
    ///
    /// # Errors
    /// The reason, for people.
    pub fn is_ready(&self) -> Result<(), String> {
        self.replica.is_ready()
    }

    /// The time that this node goes by as a leader: that of its clock, but not where the clock was set and has not been
    /// compared with those of the others since.
    #[must_use]
    pub fn time(&self) -> Millis {
        self.replica.time()
    }

    /// That the state of this node is not that of most nodes, so that nothing fresh can be read here; for people.
    #[must_use]
    pub fn difference(&self) -> Option<String> {
        self.replica.difference()
    }

    /// Follows who leads.
    #[must_use]
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.replica.leadership()
    }

    /// The log's transactions since the start.
    #[must_use]
    pub fn log_commits(&self) -> u64 {
        self.replica.status().log_commits
    }

    /// Waits until this node has applied every write acknowledged before now.
    ///
    /// # Errors
    /// There is no leader that can confirm it.
    pub async fn barrier(&self) -> Result<(), ProposeError> {
        self.replica.barrier().await
    }

    /// Waits until this node has applied every command that the leader has taken up before now, acknowledged or not. A
    /// leader that had no majority for a while has some in its log, and in its lines, and they are agreed on later. So
    /// this goes into a line behind them, as a batch of nothing.
    ///
    /// # Errors
    /// There is no leader that takes it, or it is not known whether it did.
    pub async fn catch_up(&self) -> Result<(), ProposeError> {
        if self.replica.is_alone() {
            // What this node has in its log is applied before it takes anything up, also while its disk is full.
            return self.replica.barrier().await;
        }
        self.propose_all(Vec::new()).await.map(drop)
    }
}

/// The lowest cluster version that has all of these.
fn since(items: &[Proposal]) -> u32 {
    items.iter().map(Proposal::since).max().unwrap_or_default()
}
