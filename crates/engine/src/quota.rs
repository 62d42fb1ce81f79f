//! The bound on what the state takes on the disk (`history.max_bytes`), and what is refused where jobs alone
//! exceed it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chronos_env::BoxFuture;
use chronos_replica::{Admission, Store};
use chronos_state::{Command, Proposal, PutItem, PutJob, PutJobs, Refusal};

use crate::metrics::Metrics;

/// Knows whether the bound is reached. Retention says so on the node that leads, once there is nothing left that
/// can be forgotten. Then what makes the state grow is refused: new and growing jobs, and runs that are asked for.
/// Deletions and all that is scheduled go on. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Quota(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    bound: u64,
    /// Bytes in use, while the bound is reached; else 0.
    reached: AtomicU64,
    store: Store,
    metrics: Metrics,
}

impl Quota {
    /// A bound of so many bytes on what the store reads.
    #[must_use]
    pub fn new(bound: u64, store: Store, metrics: Metrics) -> Self {
        Self(Arc::new(Inner { bound, reached: AtomicU64::new(0), store, metrics }))
    }

    /// The bound, in bytes.
    #[must_use]
    pub fn bound(&self) -> u64 {
        self.0.bound
    }

    /// Bytes in use, where they exceed the bound and nothing is left to be forgotten.
    #[must_use]
    pub fn reached(&self) -> Option<u64> {
        Some(self.0.reached.load(Ordering::Relaxed)).filter(|in_use| *in_use > 0)
    }

    /// The bound is exceeded by this many bytes in use, or it is not.
    pub(crate) fn set(&self, reached: Option<u64>) {
        let before = self.0.reached.swap(reached.unwrap_or_default(), Ordering::Relaxed);
        match reached {
            Some(in_use) if before == 0 => tracing::error!(
                in_use,
                max_bytes = self.0.bound,
                "jobs alone take more than history.max_bytes: new jobs and triggers are refused; delete jobs, or \
                 raise history.max_bytes"
            ),
            None if before > 0 => {
                tracing::info!("history.max_bytes is kept again: no write is refused for it")
            }
            _ => {}
        }
    }

    /// Whether one of these jobs is new or becomes larger.
    async fn grow(&self, puts: &PutJobs) -> bool {
        for item in &puts.items {
            if let PutItem::Put(put) = item
                && self.grows(put).await
            {
                return true;
            }
        }
        false
    }

    /// Whether a job is new, or a change makes it larger. What cannot be found out is for the machine to judge.
    async fn grows(&self, put: &PutJob) -> bool {
        if put.from_version.is_none() {
            return true;
        }
        let id = put.id;
        let stored = self.0.store.recall(move |reader| reader.spec_bytes(id)).await;
        matches!((stored, put.spec_bytes()), (Ok(Some(stored)), Ok(new)) if new > stored)
    }
}

impl Quota {
    /// Why a command is refused, if it is: it would make the state grow beyond the bound.
    pub(crate) async fn judge(&self, command: &Command) -> Option<Refusal> {
        let in_use = self.reached()?;
        let grows = match command {
            Command::Trigger(_) => true,
            Command::PutJob(put) => self.grows(put).await,
            Command::PutJobs(puts) => self.grow(puts).await,
            _ => false,
        };
        if !grows {
            return None;
        }
        self.0.metrics.refused();
        Some(Refusal::OverBound { in_use, bound: self.0.bound })
    }
}

impl Admission for Quota {
    fn is_open(&self) -> bool {
        self.reached().is_none()
    }

    fn refuse<'a>(&'a self, proposal: &'a Proposal) -> BoxFuture<'a, Option<Refusal>> {
        Box::pin(self.judge(&proposal.command))
    }
}
