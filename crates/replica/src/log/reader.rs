//! The log as openraft reads it: the newest entries from memory, older ones from the file.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};

use futures::stream::{self, Stream, StreamExt as _};
use openraft::OptionalSend;
use openraft::storage::RaftLogReader;

use super::store::LogStore;
use crate::lock::lock;
use crate::types::{Entry, Types, Vote};

/// One reading from the file takes about so much memory, however many entries were asked for.
const CHUNK_BYTES: usize = 4 << 20;
const CHUNK_ENTRIES: u64 = 1_024;

impl LogStore {
    /// Entries of `start..end`, as many as fit in one reading.
    async fn chunk(&self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        let (stored, newest) = lock(&self.shared.tail).select(start, end, CHUNK_BYTES);
        if stored.is_empty() {
            return Ok(newest);
        }
        let wanted = stored.clone();
        let read = self.rows.call(move |rows| rows.read(wanted.start, wanted.end, CHUNK_BYTES)).await?;
        let mut entries = read.map_err(|error| {
            self.shared.health.report(error.to_string());
            io::Error::other(error)
        })?;
        let first = entries.first().map_or(stored.end, |entry| entry.log_id.index);
        let whole = entries.iter().zip(first..).all(|(entry, index)| entry.log_id.index == index);
        // Only a purge may have taken something meanwhile, and only from the front.
        if !whole || (first > stored.start && first > lock(&self.shared.tail).first()) {
            let message =
                format!("log.db has a hole: entries {stored:?} were asked for, and {first} came first");
            self.shared.health.report(message.clone());
            return Err(io::Error::other(message));
        }
        if first + entries.len() as u64 == stored.end {
            entries.extend(newest);
        }
        Ok(entries)
    }
}

impl RaftLogReader<Types> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> io::Result<Vec<Entry>> {
        let (mut start, end) = span(&range);
        let mut entries = Vec::new();
        while start < end {
            let chunk = self.chunk(start, end).await?;
            let Some(last) = chunk.last() else { break };
            start = last.log_id.index + 1;
            entries.extend(chunk);
        }
        Ok(entries)
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        self.chunk(start, end).await
    }

    /// For applying: a piece at a time, so that a long log replayed after a restart need not fit
    /// in memory.
    async fn entries_stream<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> impl Stream<Item = io::Result<Entry>> + OptionalSend {
        let chunks = stream::try_unfold((self.clone(), span(&range)), |(store, (start, end))| async move {
            let chunk = store.chunk(start, end.min(start.saturating_add(CHUNK_ENTRIES))).await?;
            let Some(last) = chunk.last() else {
                return Ok::<_, io::Error>(None);
            };
            let rest = (last.log_id.index + 1, end);
            Ok(Some((chunk, (store, rest))))
        });
        chunks.flat_map(|chunk| match chunk {
            Ok(entries) => stream::iter(entries.into_iter().map(Ok).collect::<Vec<_>>()),
            Err(error) => stream::iter(vec![Err(error)]),
        })
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        Ok(lock(&self.shared.tail).vote)
    }
}

/// Start and end of a range of indexes; the end is exclusive.
fn span(range: &impl RangeBounds<u64>) -> (u64, u64) {
    let start = match range.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(last) => last.saturating_add(1),
        Bound::Excluded(end) => *end,
        Bound::Unbounded => u64::MAX,
    };
    (start, end)
}
