//! How often each kind of thing happened, in one run or in many.

use std::collections::BTreeMap;
use std::fmt;

/// How often each kind of thing was done or seen. Shown as `crash=2 delivery=180`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<String, u64>);

impl Counts {
    /// Adds `count` to a kind.
    pub fn add(&mut self, kind: &str, count: u64) {
        *self.0.entry(kind.to_owned()).or_default() += count;
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
    use super::Counts;

    #[test]
    fn what_is_shown_is_read() {
        let mut counts = Counts::default();
        counts.add("crash", 2);
        counts.add("snapshot_installed", 1);
        assert_eq!(counts.to_string(), "crash=2 snapshot_installed=1");
        assert_eq!(Counts::read(&counts.to_string()), counts);
        counts.add_all(&counts.clone());
        assert_eq!(counts.table(), "        4 crash\n        2 snapshot installed\n");
    }
}
