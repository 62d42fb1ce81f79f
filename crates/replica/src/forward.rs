//! Writes and fresh reads on a node that does not lead.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use chronos_env::BoxFuture;
use chronos_peer::{Lane, PeerError};
use chronos_state::{Batch, Proposal};
use openraft::ReadPolicy;
use openraft::async_runtime::WatchReceiver as _;
use openraft::errors::{LinearizableReadError, RaftError as OpenraftError};
use tokio::time::Instant;

use super::propose::{Accepted, no_leader};
use super::types::Member;
use super::{ProposeError, Raft, wire};

/// How long a leader is looked for: about what an election takes.
const SETTLE: Duration = Duration::from_secs(1);
/// Between attempts while leadership settles.
const PAUSE: Duration = Duration::from_millis(20);
/// How long a leader may take. Longer than it waits for its disk, so that its own word comes first.
const PATIENCE: Duration = Duration::from_secs(10);

/// Takes proposals from other nodes, on the node that leads.
pub type OnPropose =
    Box<dyn Fn(Vec<Proposal>) -> BoxFuture<'static, Result<Accepted, ProposeError>> + Send + Sync>;

/// Who leads.
pub(super) enum Leader {
    Me,
    Other(Member),
}

impl Raft {
    /// Sets what takes the proposals that other nodes send here because this one leads; once.
    pub fn on_propose(&self, handler: OnPropose) {
        // A second one would be a mistake of ours, and the first serves as well.
        let _ = self.shared.on_propose.set(handler);
    }

    /// Has the leader propose these, together, and waits until they are applied on this node too.
    ///
    /// # Errors
    /// See [`ProposeError`]. That there is no leader is said also where this node leads by now.
    pub async fn forward(&self, items: &[Proposal]) -> Result<Accepted, ProposeError> {
        // The leader stamps them.
        let message = Batch { at: 0, items: items.to_vec() }.encode();
        let message: Bytes = message.map_err(|error| ProposeError::Stopped(error.to_string()))?.into();
        let until = Instant::now() + SETTLE;
        let accepted = loop {
            let answer = match self.leader(until).await {
                Some(Leader::Other(leader)) => self.ask(&leader, "propose", message.clone()).await,
                Some(Leader::Me) => return Err(ProposeError::NoLeader { leader: Some(self.name()) }),
                None => return Err(ProposeError::NoLeader { leader: None }),
            };
            let answer: Result<Accepted, _> = match answer {
                Ok(bytes) => wire::decode(&bytes).unwrap_or_else(|why| Err(ProposeError::Unknown(why))),
                Err(PeerError::Stranger(_)) => Err(ProposeError::NoLeader { leader: None }),
                Err(error) => Err(ProposeError::Unknown(error.to_string())),
            };
            match answer {
                Err(ProposeError::NoLeader { .. }) if Instant::now() < until => {
                    tokio::time::sleep(PAUSE).await;
                }
                // What stops is the leader, not this node.
                Err(ProposeError::Stopped(why)) => return Err(ProposeError::Unknown(why)),
                other => break other?,
            }
        };
        self.applied(accepted.index).await?;
        Ok(accepted)
    }

    /// Waits until this node has applied every write that was acknowledged before the call,
    /// wherever it was.
    ///
    /// # Errors
    /// No leader is found, or it cannot reach enough others to know that it still leads.
    pub async fn barrier(&self) -> Result<(), ProposeError> {
        let until = Instant::now() + SETTLE;
        let index = loop {
            let answer = match self.leader(until).await {
                // Alone, this node is the one that acknowledges, and it does so when it has
                // applied. Also when its disk is full and what was not acknowledged waits.
                Some(Leader::Me) if self.shared.raft.voter_ids().count() == 1 => return Ok(()),
                Some(Leader::Me) => self.read_index().await,
                Some(Leader::Other(leader)) => match self.ask(&leader, "read_index", Bytes::new()).await {
                    Ok(bytes) => wire::decode(&bytes).unwrap_or_else(|why| Err(ProposeError::Unknown(why))),
                    Err(_) => Err(ProposeError::NoLeader { leader: Some(leader.name) }),
                },
                None => return Err(ProposeError::NoLeader { leader: None }),
            };
            match answer {
                Err(ProposeError::NoLeader { .. }) if Instant::now() < until => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(ProposeError::Stopped(_)) if !self.shared.health.stopping() => {
                    return Err(ProposeError::NoLeader { leader: None });
                }
                other => break other?,
            }
        };
        self.applied(index).await
    }

    /// The index up to which a node must have applied to show all that was acknowledged, where
    /// this node leads.
    pub(super) async fn read_index(&self) -> Result<u64, ProposeError> {
        match self.shared.raft.get_read_linearizer(ReadPolicy::ReadIndex).await {
            Ok(linearizer) => Ok(linearizer.read_log_id().index()),
            Err(OpenraftError::APIError(LinearizableReadError::ForwardToLeader(to))) => Err(no_leader(to)),
            Err(OpenraftError::APIError(LinearizableReadError::QuorumNotEnough(_))) => {
                Err(ProposeError::NoLeader { leader: None })
            }
            Err(OpenraftError::Fatal(fatal)) => Err(ProposeError::Stopped(self.shared.health.word(&fatal))),
        }
    }

    /// The leader, as soon as one is known and was heard of lately.
    pub(super) async fn leader(&self, until: Instant) -> Option<Leader> {
        let mut metrics = self.shared.raft.server_metrics();
        let mut cut_off = self.shared.cut_off.clone();
        loop {
            let known = {
                let now = metrics.borrow_watched();
                let member = |id| now.membership_config.get_node(&id).cloned();
                if now.state.is_leader() {
                    Some(Leader::Me)
                } else {
                    now.current_leader.filter(|id| *id != now.id).and_then(member).map(Leader::Other)
                }
            };
            if known.is_some() && !*cut_off.borrow_and_update() {
                return known;
            }
            tokio::select! {
                () = tokio::time::sleep_until(until) => return None,
                changed = metrics.changed() => changed.ok()?,
                changed = cut_off.changed() => changed.ok()?,
            }
        }
    }

    /// Asks a leader, and gives up when it has not been the leader for a while.
    pub(super) async fn ask(
        &self,
        leader: &Member,
        kind: &'static str,
        message: Bytes,
    ) -> Result<Bytes, PeerError> {
        let call = self.shared.transport.call(&leader.address, Lane::Log, kind, message, PATIENCE);
        let mut leadership = self.leadership();
        let mut cut_off = self.shared.cut_off.clone();
        let deposed = pin!(async {
            let other = leadership.wait_for(|now| now.leader.as_ref() != Some(&leader.name));
            tokio::select! {
                _ = other => {}
                _ = cut_off.wait_for(|cut_off| *cut_off) => {}
            }
            // Its answer may be on its way.
            tokio::time::sleep(SETTLE).await;
        });
        first(call, deposed, || PeerError::Unreachable(format!("{} does not lead any more", leader.name)))
            .await
    }

    /// Waits until this node has applied that entry.
    async fn applied(&self, index: u64) -> Result<(), ProposeError> {
        let wait = self.shared.raft.wait(Some(PATIENCE));
        match wait.applied_index_at_least(Some(index), "applied").await {
            Ok(_) => Ok(()),
            Err(openraft::metrics::WaitError::Timeout(..)) => Err(ProposeError::Unknown(format!(
                "it is accepted as entry {index}, and this node has not applied that after {} s",
                PATIENCE.as_secs()
            ))),
            Err(error) => Err(ProposeError::Stopped(self.shared.health.word(&error))),
        }
    }
}

async fn first<T, E>(
    wanted: impl Future<Output = Result<T, E>>,
    end: impl Future<Output = ()>,
    error: impl FnOnce() -> E,
) -> Result<T, E> {
    tokio::select! {
        biased;
        answer = wanted => answer,
        () = end => Err(error()),
    }
}
