//! What this node does with its runs.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What this node does with its runs. Whoever fires them writes it, and the node tells it to others.
#[derive(Debug, Default)]
pub struct Activity {
    running: AtomicUsize,
    may_fire: AtomicBool,
}

impl Activity {
    /// `running` attempts are under way, and `may_fire` says whether more may begin.
    pub fn set(&self, running: usize, may_fire: bool) {
        self.running.store(running, Ordering::Relaxed);
        self.may_fire.store(may_fire, Ordering::Relaxed);
    }

    /// Attempts under way on this node.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }

    /// Whether attempts may begin: not while this node is cut off, nor before it has read the runs that it owes.
    #[must_use]
    pub fn may_fire(&self) -> bool {
        self.may_fire.load(Ordering::Relaxed)
    }
}
