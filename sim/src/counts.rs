//! How often each thing happened in a run, and in many.

use std::collections::BTreeMap;
use std::fmt;

/// Everything that is counted: what is done to a cluster (`faults`), what came of it, and what the server
/// said of itself (`witness`). Over many seeds each of them happens, or the simulation looks past something.
pub const KINDS: [&str; 17] = [
    "clock_step",
    "crash",
    "cut_off",
    "delivery",
    "full_disk",
    "node_replaced",
    "one_way_cut",
    "power_cut",
    "removal_asked",
    "restart",
    "slow_disk",
    "slow_network",
    "snapshot_installed",
    "transfer_asked",
    "transfer_done",
    "unsynced_state_lost",
    "waited_for_space",
];

/// How often each kind of thing was done or seen. Shown as `crash=2 delivery=180`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<String, u64>);

impl Counts {
    /// None of each kind.
    #[must_use]
    pub fn none() -> Self {
        Self(KINDS.iter().map(|kind| ((*kind).to_owned(), 0)).collect())
    }

    /// So many more of this kind.
    ///
    /// # Panics
    /// It is none of [`KINDS`].
    pub fn add(&mut self, kind: &str, count: u64) {
        assert!(KINDS.contains(&kind), "{kind} is none of the kinds that are counted");
        *self.0.entry(kind.to_owned()).or_default() += count;
    }

    /// Adds all of another run.
    pub fn add_all(&mut self, other: &Self) {
        other.0.iter().for_each(|(kind, count)| self.add(kind, *count));
    }

    /// What [`Counts`] are shown as. What is not a count is left out.
    #[must_use]
    pub fn read(line: &str) -> Self {
        let mut counts = Self::default();
        let pairs = line.split_whitespace().filter_map(|word| word.split_once('='));
        for (kind, count) in pairs {
            count.parse().into_iter().for_each(|count| counts.add(kind, count));
        }
        counts
    }

    /// The kinds of which there was none.
    pub fn missing(&self) -> impl Iterator<Item = &'static str> {
        KINDS.into_iter().filter(|kind| self.0.get(*kind).is_none_or(|count| *count == 0))
    }

    /// A line for each kind.
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
