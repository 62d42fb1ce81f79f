//! How often each kind of thing happened, in one run or in many.

use std::collections::BTreeMap;
use std::fmt;

/// Everything that is counted: what is done to a cluster (`faults`), what came of it, and what the server
/// said of itself (`witness`). Over many seeds each of them happens, or the simulation looks past something.
pub const KINDS: &[&str] = &[
    // What is done to the cluster, and what came of that, ...
    "backup_taken",
    "clock_days_off",
    "clock_step",
    "crash",
    "crash_within_a_write",
    "cut_off",
    "delivery",
    "disk_filled_within_a_write",
    "disk_hung_within_a_write",
    "frozen_disk",
    "full_disk",
    "guest_removed",
    "invitation",
    "large_state",
    "lead_moved_while_a_node_was_down",
    "learner_got_a_vote",
    "learner_joined",
    "narrow_link",
    "node_replaced",
    "one_way_cut",
    "pause",
    "piece_compared",
    "plan_in_parts",
    "power_cut",
    "removal_asked",
    "restart",
    "slow_disk",
    "slow_network",
    "snapshot_installed",
    "snapshot_of_a_large_state",
    "stop_asked",
    "stopped_in_order",
    "suspended_machine",
    "transfer_asked",
    "transfer_done",
    "unsynced_state_lost",
    "waited_for_space",
    // What users ask for, ...
    "backfilled",
    "batch_written",
    "cancelled",
    "job_deleted",
    "job_paused",
    "job_rescheduled",
    "job_resumed",
    "job_rolled_back",
    "job_that_allows",
    "job_that_forbids",
    "job_that_queues",
    "job_that_replaces",
    "many_cancelled",
    "many_replayed",
    "many_triggered",
    "overlap_refused",
    "repeated",
    "replayed",
    "triggered",
    // ... what targets answer, ...
    "answered_failure",
    "answered_late",
    "answered_success",
    "cut_short",
    "never_answered",
    "redirected",
    // ... and what it comes to.
    "delivered_again",
    "judged_in_trouble",
    "judged_on_time",
    "paused_throughout",
    "run_backfilled",
    "run_cancelled",
    "run_caught_up",
    "run_failed",
    "run_forgotten",
    "run_skipped",
    "run_succeeded",
    "stretch_missed",
];

/// How often each kind of thing was done or seen. Shown as `crash=2 delivery=180`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<String, u64>);

impl Counts {
    /// Counts of 0 for every kind.
    #[must_use]
    pub fn none() -> Self {
        Self(KINDS.iter().map(|kind| ((*kind).to_owned(), 0)).collect())
    }

    /// Adds `count` to a kind.
    ///
    /// # Panics
    /// The kind is none of [`KINDS`].
    pub fn add(&mut self, kind: &str, count: u64) {
        assert!(KINDS.contains(&kind), "{kind} is none of the kinds that are counted");
        *self.0.entry(kind.to_owned()).or_default() += count;
    }

    /// The count of a kind.
    #[must_use]
    pub fn get(&self, kind: &str) -> u64 {
        self.0.get(kind).copied().unwrap_or_default()
    }

    /// Adds all counts of another run.
    pub fn add_all(&mut self, other: &Self) {
        other.0.iter().for_each(|(kind, count)| self.add(kind, *count));
    }

    /// Parses what [`Counts`] are displayed as. Words that are no counts are left out.
    #[must_use]
    pub fn read(line: &str) -> Self {
        let mut counts = Self::default();
        let pairs = line.split_whitespace().filter_map(|word| word.split_once('='));
        for (kind, count) in pairs {
            count.parse().into_iter().for_each(|count| counts.add(kind, count));
        }
        counts
    }

    /// The kinds whose count is 0.
    pub fn missing(&self) -> impl Iterator<Item = &'static str> {
        KINDS.iter().copied().filter(|kind| self.0.get(*kind).is_none_or(|count| *count == 0))
    }

    /// A table with a line for each kind.
    #[must_use]
    pub fn table(&self) -> String {
        self.0.iter().map(|(kind, count)| format!("{count:>9} {}\n", kind.replace('_', " "))).collect()
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.0.iter().map(|(kind, count)| format!("{kind}={count}")).collect();
        f.write_str(&words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::{Counts, KINDS};

    #[test]
    fn what_is_shown_is_read() {
        let mut counts = Counts::default();
        counts.add("crash", 2);
        counts.add("snapshot_installed", 1);
        assert_eq!(counts.to_string(), "crash=2 snapshot_installed=1");
        assert_eq!(Counts::read(&counts.to_string()), counts);
        counts.add_all(&counts.clone());
        assert_eq!(counts.missing().count(), KINDS.len() - 2);
        assert_eq!(counts.table(), "        4 crash\n        2 snapshot installed\n");
    }
}
