//! The end of the log in memory: the entries that are not yet applied, and a few before them.
//!
//! Entries can be read from here the moment they are appended, while their flush is under way. Entries
//! that are flushed and applied are dropped; where there is too much, those that are only flushed are, too.

use std::collections::VecDeque;
use std::ops::Range;

use openraft::EntryPayload;

use super::change::Found;
use crate::types::{Entry, LogId, Vote};

/// This much of what is flushed and applied is kept all the same, for followers that are a little behind.
const SPARE_ENTRIES: usize = 1_024;
const SPARE_BYTES: usize = 4 << 20;
/// Beyond this, flushed entries are dropped even if they are not applied; they are read from the file again.
const MAX_BYTES: usize = 32 << 20;

/// The newest entries, and the edges of the whole log.
#[derive(Default)]
pub(crate) struct Tail {
    pub vote: Option<Vote>,
    pub purged: Option<LogId>,
    /// The last entry's position, or the purge's where there are no entries.
    pub last: Option<LogId>,
    /// The index of the first entry; it follows the purge, or is where the log began.
    first: u64,
    /// Consecutive, and ending at `last`.
    entries: VecDeque<Entry>,
    bytes: usize,
    /// Entries before this index are on the disk.
    flushed: u64,
    /// Entries before this index are applied.
    applied: u64,
}

impl Tail {
    pub(crate) fn new(found: &Found) -> Self {
        let Found { vote, purged, first, last, .. } = found;
        let first = first.unwrap_or_default().max(next(purged.as_ref()));
        Self {
            vote: *vote,
            purged: *purged,
            first,
            last: *last,
            flushed: next(last.as_ref()),
            ..Self::default()
        }
    }

    /// The index of the first entry.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// Takes new entries. They must follow the last one.
    pub(crate) fn append(&mut self, entries: &[Entry]) -> Result<(), String> {
        for entry in entries {
            let index = entry.log_id.index;
            if self.last.is_some_and(|last| last.index + 1 != index) {
                return Err(format!("entry {index} does not follow {:?}", self.last));
            }
            if self.last.is_none() {
                self.first = index;
            }
            self.last = Some(entry.log_id);
            self.bytes += weight(entry);
            self.entries.push_back(entry.clone());
        }
        Ok(())
    }

    /// Entries up to this index are on the disk. Returns the first index that is not.
    pub(crate) fn flushed(&mut self, upto: u64) -> u64 {
        self.flushed = self.flushed.max(upto + 1);
        self.evict();
        self.flushed
    }

    /// Entries up to this index are applied.
    pub(crate) fn applied(&mut self, upto: u64) {
        self.applied = self.applied.max(upto + 1);
        self.evict();
    }

    /// Forgets everything behind `after`, which the file has forgotten already.
    pub(crate) fn truncate(&mut self, after: Option<LogId>) {
        if next(self.last.as_ref()) <= next(after.as_ref()) {
            return;
        }
        while self.entries.back().is_some_and(|entry| entry.log_id.index >= next(after.as_ref())) {
            self.bytes -= self.entries.pop_back().map_or(0, |entry| weight(&entry));
        }
        self.last = further(after, self.purged);
        self.flushed = self.flushed.min(next(self.last.as_ref()));
    }

    /// Forgets everything up to `upto`.
    pub(crate) fn purge(&mut self, upto: LogId) {
        self.purged = further(self.purged, Some(upto));
        self.first = self.first.max(upto.index + 1);
        self.last = further(self.last, Some(upto));
        while self.entries.front().is_some_and(|entry| entry.log_id.index <= upto.index) {
            self.bytes -= self.entries.pop_front().map_or(0, |entry| weight(&entry));
        }
        self.flushed = self.flushed.max(upto.index + 1);
    }

    /// The part of `start..end` that is in the file only, and the entries behind it from memory: as many as fit
    /// in `bytes`, and at least one.
    pub(crate) fn select(&self, start: u64, end: u64, bytes: usize) -> (Range<u64>, Vec<Entry>) {
        let end = end.min(next(self.last.as_ref()));
        let start = start.max(self.first);
        let edge = self.entries.front().map_or(end, |entry| entry.log_id.index);
        let skip = usize::try_from(start.saturating_sub(edge)).unwrap_or(usize::MAX);
        let take = usize::try_from(end.saturating_sub(start.max(edge))).unwrap_or(usize::MAX);
        let mut taken = 0;
        let fitting = self.entries.iter().skip(skip).take(take).take_while(|entry| {
            let first = taken == 0;
            taken += weight(entry);
            first || taken <= bytes
        });
        (start..edge.min(end).max(start), fitting.cloned().collect())
    }

    fn evict(&mut self) {
        while let Some(front) = self.entries.front() {
            let index = front.log_id.index;
            let spare =
                index < self.applied && (self.entries.len() > SPARE_ENTRIES || self.bytes > SPARE_BYTES);
            if index >= self.flushed || !(spare || self.bytes > MAX_BYTES) {
                return;
            }
            self.bytes -= weight(front);
            self.entries.pop_front();
        }
    }
}

/// The position with the greater index, whatever its leader.
fn further(one: Option<LogId>, other: Option<LogId>) -> Option<LogId> {
    if next(one.as_ref()) < next(other.as_ref()) { other } else { one }
}

/// The index behind a position.
pub(crate) fn next(log_id: Option<&LogId>) -> u64 {
    log_id.map_or(0, |id| id.index + 1)
}

/// About the memory an entry takes: its bytes, and the commands they were made from.
pub(crate) fn weight(entry: &Entry) -> usize {
    match &entry.payload {
        EntryPayload::Normal(logged) => 256 + 3 * logged.bytes().len(),
        EntryPayload::Blank | EntryPayload::Membership(_) => 256,
    }
}
