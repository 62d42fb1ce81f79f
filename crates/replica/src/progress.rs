//! How the log and the state keep step.

use std::io;
use std::sync::Arc;

use tokio::sync::watch;

use super::lock::lock;
use super::log_writer::Shared;

/// What passes between the log and the state: how far the one is durable, the other applied.
pub(super) struct Progress {
    flushed: watch::Receiver<u64>,
    shared: Option<Arc<Shared>>,
}

impl Progress {
    pub(super) fn of(log: &Arc<Shared>) -> Self {
        Self { flushed: log.flushed.subscribe(), shared: Some(log.clone()) }
    }

    /// Waits until the entry is durable here. A follower may hear that an entry is committed before
    /// its own disk has it; applied and then lost in a crash, the log could contradict the state.
    pub(super) async fn durable(&mut self, index: u64) -> io::Result<()> {
        let reached = self.flushed.wait_for(|flushed| *flushed > index).await;
        reached.map(drop).map_err(|_| io::Error::other("the log is closed"))
    }

    /// Says that entries up to this one are applied: the log need not keep them in memory.
    pub(super) fn applied(&self, index: u64) {
        if let Some(shared) = &self.shared {
            lock(&shared.tail).applied(index);
        }
    }

    /// For a state without a log.
    #[cfg(test)]
    pub(super) fn detached() -> Self {
        let flushed = watch::Sender::new(u64::MAX);
        Self { flushed: flushed.subscribe(), shared: None }
    }
}
