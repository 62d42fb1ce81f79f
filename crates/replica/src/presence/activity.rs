//! What this node does with its runs.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::watch;

/// So many outcomes wait to be recorded while more runs are planned: some 10 MiB, and about a second's worth where a
/// node fires as fast as it can.
const MOST_UNRECORDED: usize = 32_768;

/// What this node does with its runs. Whoever fires them writes it, and the node tells it to others.
#[derive(Debug, Default)]
pub struct Activity {
    running: AtomicUsize,
    may_fire: AtomicBool,
    unrecorded: AtomicUsize,
    /// Whether too many outcomes wait. It lasts until half of them are recorded.
    is_behind: watch::Sender<bool>,
}

impl Activity {
    /// `running` attempts are under way, and `may_fire` says whether more may begin.
    pub fn set(&self, running: usize, may_fire: bool) {
        self.running.store(running, Ordering::Relaxed);
        self.may_fire.store(may_fire, Ordering::Relaxed);
    }

    /// An outcome waits to be recorded.
    pub fn outcome_waits(&self) {
        if self.unrecorded.fetch_add(1, Ordering::Relaxed) + 1 >= MOST_UNRECORDED {
            self.judge();
        }
    }

    /// So many outcomes do not wait any more.
    pub fn outcomes_recorded(&self, count: usize) {
        self.unrecorded.fetch_sub(count, Ordering::Relaxed);
        self.judge();
    }

    /// Says anew whether too many outcomes wait. Whoever comes last sees them all.
    fn judge(&self) {
        self.is_behind.send_if_modified(|is_behind| {
            let was = *is_behind;
            let most = if was { MOST_UNRECORDED / 2 } else { MOST_UNRECORDED };
            *is_behind = self.unrecorded.load(Ordering::Relaxed) >= most;
            *is_behind != was
        });
    }

    /// Waits while too many outcomes wait to be recorded. Whoever plans more runs waits for this before: the plans
    /// would go ahead of the outcomes, and ever more of these would wait.
    pub async fn caught_up(&self) {
        // The sender lives as long as this.
        let _ = self.is_behind.subscribe().wait_for(|is_behind| !is_behind).await;
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

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn who_plans_waits_from_too_many_outcomes_until_half_of_them_are_recorded() {
        let activity = Activity::default();
        let waits = || activity.caught_up().now_or_never().is_none();
        (1..MOST_UNRECORDED).for_each(|_| activity.outcome_waits());
        assert!(!waits());
        activity.outcome_waits();
        assert!(waits());
        activity.outcomes_recorded(MOST_UNRECORDED / 2);
        assert!(waits(), "it does not go to and fro");
        activity.outcomes_recorded(1);
        assert!(!waits());
        activity.outcomes_recorded(MOST_UNRECORDED / 2 - 1);
        (0..MOST_UNRECORDED).for_each(|_| activity.outcome_waits());
        assert!(waits(), "again");
    }
}
