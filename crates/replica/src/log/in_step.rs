//! Keeps the log and the state in step.

use std::io;
use std::sync::Arc;

use tokio::sync::watch;

use super::writer::LogShared;
use crate::lock::lock;

/// Tells the state how far the log is durable, and the log how far the state is applied.
pub(crate) struct InStep {
    flushed: watch::Receiver<u64>,
    shared: Option<Arc<LogShared>>,
}

impl InStep {
    pub(crate) fn of(log: &Arc<LogShared>) -> Self {
        Self { flushed: log.flushed.subscribe(), shared: Some(log.clone()) }
    }

    /// Waits until the entry is durable here. A follower may hear that an entry is committed before
    /// its own disk has it. If it applied the entry and lost it in a crash, its log could contradict its state.
    pub(crate) async fn durable(&mut self, index: u64) -> io::Result<()> {
        let reached = self.flushed.wait_for(|flushed| *flushed > index).await;
        reached.map(drop).map_err(|_| io::Error::other("the log is closed"))
    }

    /// Says that entries up to this one are applied: the log need not keep them in memory.
    pub(crate) fn applied(&self, index: u64) {
        if let Some(shared) = &self.shared {
            lock(&shared.tail).applied(index);
            shared.health.progress().applied(index);
        }
    }

    /// The first entry that the log has.
    pub(crate) fn first(&self) -> u64 {
        self.shared.as_ref().map_or(0, |shared| lock(&shared.tail).first())
    }

    /// For a state without a log.
    #[cfg(test)]
    pub(crate) fn detached() -> Self {
        let flushed = watch::Sender::new(u64::MAX);
        Self { flushed: flushed.subscribe(), shared: None }
    }
}
