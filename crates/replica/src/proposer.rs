//! [`Proposer`]: the one write path. Commands go to the log together with all others that are waiting, by
//! way of the node that leads.

mod admission;
mod stamp;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chronos_env::Env;
use chronos_state::{Batch, Outcome, Proposal};
use tokio::sync::{mpsc, oneshot, watch};

use crate::error::ProposeError;
use crate::log::pending::Pending;
use crate::messages::payload::Accepted;
use crate::replica::Replica;
use crate::status::Leadership;

use admission::Gate;

pub use admission::Admission;

/// Batches under way at once. While one is synced and applied, all commands that come gather for the next. With
/// two, batches were half as large and 64 clients created 13.7k jobs a second instead of
/// 19.2k, at 80 µs of CPU each instead of 55 (`cargo xtask bench create`).
const IN_FLIGHT: usize = 1;
/// At most so many commands go into one batch, and so many bytes: a log entry stays small.
const MAX_ITEMS: usize = 1_000;
const MAX_BYTES: usize = 1 << 20;

/// Where the outcomes of one proposal go.
type Answer = oneshot::Sender<Result<Accepted, ProposeError>>;

struct Waiting {
    items: Vec<Proposal>,
    bytes: usize,
    answer: Answer,
    /// Another node sent it here because this one led. It is not sent on.
    for_peer: bool,
}

/// Takes commands and proposes them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Proposer {
    queue: mpsc::Sender<Waiting>,
    replica: Replica,
    gate: Gate,
}

impl Proposer {
    /// Starts the task that gathers commands into batches; it ends when the last handle is dropped.
    #[must_use]
    pub fn start(replica: Replica, env: Env) -> Self {
        let (queue, waiting) = mpsc::channel(4_096);
        let last_at = Arc::new(AtomicI64::new(replica.last_at()));
        let gather = Gather { replica: replica.clone(), env, last_at };
        tokio::spawn(Arc::new(gather).run(waiting));
        let (peers, stopped) = (queue.downgrade(), || ProposeError::Stopped("writes are closed".into()));
        let gate = Gate::default();
        let of_peers = gate.clone();
        replica.on_propose(Box::new(move |items| {
            let (peers, gate) = (peers.clone(), of_peers.clone());
            Box::pin(async move {
                let queue = peers.upgrade().ok_or_else(stopped)?;
                let propose =
                    |items| async { enqueue(&queue, items, true).await.unwrap_or_else(|| Err(stopped())) };
                gate.pass(items, propose).await
            })
        }));
        Self { queue, replica, gate }
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

    /// Proposes commands that stay together. What a release adds is used from its cluster version on: a command
    /// of a higher one than this node has applied is not proposed, so whoever proposes it needs no check.
    ///
    /// # Errors
    /// They were not accepted, or it is not known whether they were.
    pub async fn propose_all(&self, items: Vec<Proposal>) -> Result<Vec<Outcome>, ProposeError> {
        let (since, version) = (since(&items), self.replica.version());
        if since > version {
            return Err(ProposeError::NotInUse { since, version });
        }
        let stopped = || ProposeError::Stopped("writes are closed".into());
        let propose =
            |items| async { enqueue(&self.queue, items, false).await.unwrap_or_else(|| Err(stopped())) };
        Ok(self.gate.pass(items, propose).await?.outcomes)
    }

    /// Whether this node can take writes, else why not.
    ///
    /// # Errors
    /// The reason, for people.
    pub fn is_ready(&self) -> Result<(), String> {
        self.replica.is_ready()
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
}

/// The lowest cluster version that has all of these.
fn since(items: &[Proposal]) -> u32 {
    items.iter().map(|item| item.command.since()).max().unwrap_or_default()
}

/// Puts commands into the queue and waits for their outcomes; none when the queue is closed.
async fn enqueue(
    queue: &mpsc::Sender<Waiting>,
    items: Vec<Proposal>,
    for_peer: bool,
) -> Option<Result<Accepted, ProposeError>> {
    let (answer, answered) = oneshot::channel();
    let bytes = items.iter().map(|item| item.command.weight()).sum();
    queue.send(Waiting { items, bytes, answer, for_peer }).await.ok()?;
    answered.await.ok()
}

struct Gather {
    replica: Replica,
    env: Env,
    last_at: Arc<AtomicI64>,
}

impl Gather {
    async fn run(self: Arc<Self>, mut waiting: mpsc::Receiver<Waiting>) {
        let slots = Arc::new(tokio::sync::Semaphore::new(IN_FLIGHT));
        let mut left_over = None;
        loop {
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
            let first = match left_over.take() {
                Some(first) => first,
                None => match waiting.recv().await {
                    Some(first) => first,
                    None => return,
                },
            };
            let mut bytes = first.bytes;
            let mut group = vec![first];
            let mut count = group[0].items.len();
            while let Ok(next) = waiting.try_recv() {
                if count + next.items.len() > MAX_ITEMS || bytes + next.bytes > MAX_BYTES {
                    left_over = Some(next);
                    break;
                }
                count += next.items.len();
                bytes += next.bytes;
                group.push(next);
            }
            let leads = self.replica.is_leader();
            if !leads {
                group = refuse_peers(group);
            }
            let (mut items, mut answers) = (Vec::with_capacity(count), Vec::with_capacity(group.len()));
            for waiting in group {
                answers.push((waiting.items.len(), waiting.answer));
                items.extend(waiting.items);
            }
            if leads {
                // Handed over here, in order, so that the log's instants never go back.
                let submitted = self.submit(items).await;
                tokio::spawn(async move {
                    let result = match submitted {
                        Ok(pending) => pending.applied().await,
                        Err(error) => Err(error),
                    };
                    drop(slot);
                    settle(answers, result);
                });
            } else {
                let this = self.clone();
                tokio::spawn(async move {
                    let result = this.forward(items).await;
                    drop(slot);
                    settle(answers, result);
                });
            }
        }
    }

    async fn submit(&self, items: Vec<Proposal>) -> Result<Pending, ProposeError> {
        // Another leader may have stamped later ones.
        // Where a batch sets the time back, the log knows that once the batch is applied; no other is under way
        // until then.
        let last_at = self.last_at.load(Ordering::Relaxed).max(self.replica.last_at());
        let at = stamp::instant(self.env.now(), last_at, &items);
        self.last_at.store(at, Ordering::Relaxed);
        self.replica.submit(Batch { at, items }).await
    }

    async fn forward(&self, items: Vec<Proposal>) -> Result<Accepted, ProposeError> {
        if items.is_empty() {
            return Ok(Accepted { index: 0, outcomes: Vec::new() });
        }
        match self.replica.forward(&items).await {
            // Nothing was written, and this node leads by now.
            Err(ProposeError::NoLeader { .. }) if self.replica.is_leader() => {
                self.submit(items).await?.applied().await
            }
            other => other,
        }
    }
}

/// Refuses what other nodes sent; what remains is for this node's own clients.
fn refuse_peers(group: Vec<Waiting>) -> Vec<Waiting> {
    let (peers, own): (Vec<_>, Vec<_>) = group.into_iter().partition(|waiting| waiting.for_peer);
    for waiting in peers {
        // A waiter that went away does not want its answer.
        let _ = waiting.answer.send(Err(ProposeError::NoLeader { leader: None }));
    }
    own
}

/// Gives each waiter its part of the outcomes.
fn settle(answers: Vec<(usize, Answer)>, result: Result<Accepted, ProposeError>) {
    match result {
        Ok(Accepted { index, outcomes }) => {
            let mut outcomes = outcomes.into_iter();
            for (count, answer) in answers {
                let part = outcomes.by_ref().take(count).collect();
                // A waiter that went away does not want its answer.
                let _ = answer.send(Ok(Accepted { index, outcomes: part }));
            }
        }
        Err(error) => {
            for (_, answer) in answers {
                let _ = answer.send(Err(error.clone()));
            }
        }
    }
}
