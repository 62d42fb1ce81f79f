//! How often each thing happened in a run, and in many.

use std::collections::BTreeMap;
use std::fmt;

/// How often each kind of thing was done or seen. Shown as `crash=2 delivery=180`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<String, u64>);

impl Counts {
    /// One more of this kind.
    pub fn add(&mut self, kind: &str, count: u64) {
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
