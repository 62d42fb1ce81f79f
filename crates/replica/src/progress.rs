//! [`Progress`]: how long what this node has to write, and to apply, has waited.
//!
//! A node that answers heartbeats may have a disk that is full, or that hangs. It shows in the age of the oldest entry
//! that is not on the disk, or that is committed and not in the state. All of that is kept in memory, so it can be
//! asked for while the disk hangs.

mod marks;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::lock::lock;
use marks::Marks;

/// A storage that owes something for so long stands still. A spinning disk takes a twentieth of this for a sync.
pub(crate) const STANDSTILL: Duration = Duration::from_secs(1);
/// A node that is so far behind what is committed fires late: what is planned reaches about as far ahead.
const BEHIND: Duration = Duration::from_secs(2);

/// What waits for the storage of this node, and since when.
#[derive(Debug, Default)]
pub(crate) struct Progress(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    /// Votes and the like on their way to the disk, by their numbers.
    writes: BTreeMap<u64, Instant>,
    /// The number of the next one.
    next_write: u64,
    /// Entries that are in the log, and not on the disk.
    unflushed: Marks,
    /// Entries that are committed, as openraft has it, and not in the state.
    unapplied: Marks,
    /// Entries that are in the log, committed or not, and not in the state.
    open: Marks,
    /// Entries that a leader said are committed, and that are not in the state. They may not even be in the log.
    lacking: Marks,
}

/// A change of the log that openraft waits for. It is over when this is dropped.
#[derive(Debug)]
pub(crate) struct Writing<'a> {
    progress: &'a Progress,
    number: u64,
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        lock(&self.progress.0).writes.remove(&self.number);
    }
}

impl Progress {
    /// Entries up to this one were handed to the log, at this instant.
    pub(crate) fn appended(&self, index: u64, at: Instant) {
        let mut waiting = lock(&self.0);
        waiting.unflushed.add(index, at);
        waiting.open.add(index, at);
    }

    /// Something else than entries is handed to the log, and waited for.
    pub(crate) fn write(&self) -> Writing<'_> {
        let mut waiting = lock(&self.0);
        let number = waiting.next_write;
        waiting.next_write += 1;
        waiting.writes.insert(number, Instant::now());
        Writing { progress: self, number }
    }

    /// Entries up to this one are on the disk.
    pub(crate) fn flushed(&self, index: u64) {
        lock(&self.0).unflushed.reach(index);
    }

    /// Entries up to this one are committed, and openraft has them applied from now on.
    pub(crate) fn committed(&self, index: u64) {
        lock(&self.0).unapplied.add(index, Instant::now());
    }

    /// A leader says that entries up to this one are committed.
    pub(crate) fn told_committed(&self, index: u64) {
        lock(&self.0).lacking.add(index, Instant::now());
    }

    /// Entries up to this one are in the state.
    pub(crate) fn applied(&self, index: u64) {
        let mut waiting = lock(&self.0);
        let Waiting { unapplied, open, lacking, .. } = &mut *waiting;
        [unapplied, open, lacking].into_iter().for_each(|marks| marks.reach(index));
    }

    /// Everything behind this entry is gone from the log; without one, everything.
    pub(crate) fn truncated(&self, after: Option<u64>) {
        let mut waiting = lock(&self.0);
        waiting.unflushed.cut(after);
        waiting.open.cut(after);
    }

    /// How long the storage of this node has owed what it owes: the age of the oldest entry, or vote, that is not on
    /// the disk, or of the oldest entry that is committed and not in the state. Zero where it owes nothing. An entry
    /// that waits for other nodes does not count.
    pub(crate) fn stuck(&self) -> Duration {
        let (unwritten, unapplied) = lock(&self.0).owed(Instant::now());
        unwritten.max(unapplied)
    }

    /// The same of what is to be on the disk alone.
    pub(crate) fn unwritten(&self) -> Duration {
        lock(&self.0).owed(Instant::now()).0
    }

    /// The age of the oldest entry of the log that is not in the state, for whatever reason: it may wait for other
    /// nodes too.
    pub(crate) fn stalled(&self) -> Duration {
        lock(&self.0).open.age(Instant::now())
    }

    /// That the storage stands still, for people, where it does.
    pub(crate) fn standstill(&self) -> Option<String> {
        let (unwritten, unapplied) = lock(&self.0).owed(Instant::now());
        // What is not written cannot be applied, and where neither is, it is the disk.
        let sentence = if unwritten >= STANDSTILL {
            format!("the disk of this node has not taken a write for {} s", unwritten.as_secs())
        } else {
            format!(
                "this node has not applied a committed write for {} s; its disk may be full or hang",
                unapplied.as_secs()
            )
        };
        (unwritten.max(unapplied) >= STANDSTILL).then_some(sentence)
    }

    /// That this node is behind what a leader says is committed, for people, where it is.
    pub(crate) fn behind(&self) -> Option<String> {
        let waiting = lock(&self.0);
        let age = waiting.lacking.age(Instant::now());
        (age >= BEHIND).then(|| {
            let entries = waiting.lacking.missing();
            format!("this node is {entries} entries behind what is committed, and {} s late", age.as_secs())
        })
    }
}

impl Waiting {
    /// For how long something has waited for the disk, and for how long to be applied.
    fn owed(&self, now: Instant) -> (Duration, Duration) {
        let oldest = self.writes.values().next().map(|at| now.saturating_duration_since(*at));
        (oldest.unwrap_or_default().max(self.unflushed.age(now)), self.unapplied.age(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pass(ms: u64) {
        tokio::time::advance(Duration::from_millis(ms)).await;
    }

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_disk_owes_counts_and_what_other_nodes_owe_does_not() {
        let progress = Progress::default();
        progress.appended(7, Instant::now());
        pass(400).await;
        assert_eq!((progress.stuck(), progress.stalled()), (ms(400), ms(400)));
        progress.flushed(7);
        assert_eq!((progress.stuck(), progress.stalled()), (ms(0), ms(400)), "it waits for other nodes");
        progress.committed(7);
        pass(700).await;
        assert_eq!((progress.stuck(), progress.stalled()), (ms(700), ms(1_100)));
        assert_eq!(progress.standstill(), None);
        pass(400).await;
        let said = "this node has not applied a committed write for 1 s; its disk may be full or hang";
        assert_eq!(progress.standstill().as_deref(), Some(said));
        progress.applied(7);
        assert_eq!((progress.stuck(), progress.stalled()), (ms(0), ms(0)));
        assert_eq!(progress.standstill(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn where_nothing_is_written_either_it_is_the_disk_whatever_hung_first() {
        let progress = Progress::default();
        progress.appended(7, Instant::now());
        progress.flushed(7);
        progress.committed(7);
        pass(5).await;
        progress.appended(8, Instant::now());
        pass(1_200).await;
        let said = "the disk of this node has not taken a write for 1 s";
        assert_eq!(progress.standstill().as_deref(), Some(said));
    }

    #[tokio::test(start_paused = true)]
    async fn a_vote_that_waits_for_the_disk_counts_until_it_is_over() {
        let progress = Progress::default();
        let vote = progress.write();
        pass(2_500).await;
        let second = progress.write();
        assert_eq!(progress.stuck(), ms(2_500));
        let said = "the disk of this node has not taken a write for 2 s";
        assert_eq!(progress.standstill().as_deref(), Some(said));
        drop(vote);
        assert_eq!(progress.stuck(), ms(0));
        drop(second);
        pass(9_000).await;
        assert_eq!(progress.stuck(), ms(0));
    }

    #[tokio::test(start_paused = true)]
    async fn entries_that_were_taken_back_are_not_owed_and_those_in_their_place_are() {
        let progress = Progress::default();
        progress.appended(9, Instant::now());
        progress.flushed(9);
        pass(50).await;
        progress.truncated(Some(4));
        progress.applied(4);
        assert_eq!(progress.stalled(), ms(0));
        progress.appended(6, Instant::now());
        pass(50).await;
        assert_eq!((progress.stuck(), progress.stalled()), (ms(50), ms(50)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_is_behind_by_the_time_since_it_was_told_of_what_it_lacks() {
        let progress = Progress::default();
        progress.applied(10);
        progress.told_committed(10);
        pass(60_000).await;
        assert_eq!(progress.behind(), None);
        progress.told_committed(500);
        pass(1_000).await;
        progress.told_committed(900);
        pass(2_000).await;
        let said = "this node is 890 entries behind what is committed, and 3 s late";
        assert_eq!(progress.behind().as_deref(), Some(said));
        progress.applied(500);
        let said = "this node is 400 entries behind what is committed, and 2 s late";
        assert_eq!(progress.behind().as_deref(), Some(said));
        progress.applied(900);
        assert_eq!(progress.behind(), None);
    }
}
