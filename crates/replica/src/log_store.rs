//! The log as openraft sees it: appends, votes, truncations and purges through one ordered queue,
//! entries readable as soon as they are handed over.

use std::fmt::Debug;
use std::fs::File;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use chronos_env::{Bug, Env, Worker};
use futures::stream::{self, Stream, StreamExt as _};
use openraft::storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage};
use openraft::{EntryPayload, OptionalSend};
use prometheus_client::metrics::counter::Counter;
use tokio::sync::{oneshot, watch};

use super::backfill;
use super::health::Space;
use super::health::{Health, Store};
use super::lock::lock;
use super::log_file::{Change, Found, Identity, LogError, LogFile};
use super::log_rows::LogRows;
use super::log_writer::{Done, LogWriter, Shared, Waiting};
use super::progress::Progress;
use super::tail::{Tail, next};
use super::types::{Entry, LogId, Types, Vote};

/// One reading from the file takes about so much memory, however many entries were asked for.
const CHUNK_BYTES: usize = 4 << 20;
const CHUNK_ENTRIES: u64 = 1_024;

/// A handle on the log.
#[derive(Clone)]
pub(super) struct LogStore {
    shared: Arc<Shared>,
    writer: Worker<LogWriter>,
    rows: Worker<LogRows>,
    too_soon: bool,
    newest_at: Arc<AtomicI64>,
    #[cfg(test)]
    pub(super) room: Arc<AtomicI64>,
}

impl LogStore {
    /// Opens the log file. `claim` sees whose it was and says whose it is. `newest_at` is raised to
    /// every instant that passes through. `data_lock` is held until the writer ends.
    pub(super) fn open<E: From<LogError> + From<io::Error>>(
        env: &Env,
        path: &Path,
        data_lock: File,
        health: Arc<Health>,
        newest_at: Arc<AtomicI64>,
        commits: Counter,
        claim: impl FnOnce(&Found) -> Result<Option<Identity>, E>,
    ) -> Result<Self, E> {
        let (mut file, found) = LogFile::open(path)?;
        let (done, ask) = backfill::start(env, "log-backfill", path).map_err(LogError::Backfill)?;
        file.backfill(done, ask).map_err(LogError::Backfill)?;
        if let Some(identity) = claim(&found)? {
            file.claim(&identity)?;
        }
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            flushed: watch::Sender::new(next(found.last.as_ref())),
            total: watch::Sender::new(file.total() - found.bytes),
            tail: Mutex::new(Tail::new(&found)),
            health: health.clone(),
            commits,
        });
        let died =
            move |what: &'static str| move || health.report(format!("the thread of the {what} panicked"));
        let rows = Worker::spawn(env, "log-reader", LogRows::open(path)?, died.clone()("log reader"))?;
        #[cfg(test)]
        let room = file.room.clone();
        let writer = Worker::spawn_behind(
            Space::gate(&shared.health, Store::Log),
            env,
            "log-writer",
            LogWriter::new(file, data_lock, shared.clone()),
            died("log writer"),
        )?;
        let store = Self {
            shared,
            writer,
            rows,
            too_soon: env.has(Bug::DurableTooSoon),
            newest_at,
            #[cfg(test)]
            room,
        };
        // An interrupted purge goes on.
        store.poke()?;
        Ok(store)
    }

    /// What is purged, and the last entry.
    pub(super) fn edges(&self) -> (Option<LogId>, Option<LogId>) {
        let tail = lock(&self.shared.tail);
        (tail.purged, tail.last)
    }

    /// How many transactions the log has made.
    pub(super) fn commits(&self) -> u64 {
        self.shared.commits.get()
    }

    /// The bytes ever appended; follows in steps.
    pub(super) fn total(&self) -> watch::Receiver<u64> {
        self.shared.total.subscribe()
    }

    /// How far the log is durable, and where to say how far it is applied.
    pub(super) fn progress(&self) -> Progress {
        Progress::of(&self.shared)
    }

    /// Says anew whose log this is; durable when it returns.
    pub(super) async fn claim(&self, identity: Identity) -> io::Result<()> {
        self.write(Change::Identity(identity)).await
    }

    /// The last index that can be purged if the newest `keep` bytes are to stay.
    pub(super) async fn cut(&self, keep: u64) -> io::Result<Option<u64>> {
        self.rows.call(move |rows| rows.cut(keep)).await?.map_err(io::Error::other)
    }

    /// Ends both threads and closes the file.
    pub(super) async fn stop(&self) {
        // The last to close merges the write-ahead log into the file, and a reader cannot.
        self.rows.stop().await;
        self.writer.stop().await;
    }

    fn poke(&self) -> io::Result<()> {
        Ok(self.writer.cast_write(LogWriter::drain)?)
    }

    fn submit(&self, change: Change, done: Done) -> io::Result<()> {
        lock(&self.shared.queue).push_back(Waiting { change, done });
        self.poke()
    }

    async fn write(&self, change: Change) -> io::Result<()> {
        let (answer, result) = oneshot::channel();
        self.submit(change, Done::Answer(answer))?;
        result.await.unwrap_or_else(|_| Err(io::Error::other("the log is closed")))
    }

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

/// Start and end of a range of indexes; the end is exclusive.
fn span(range: &impl RangeBounds<u64>) -> (u64, u64) {
    let start = match range.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(before) => before + 1,
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(last) => last + 1,
        Bound::Excluded(end) => *end,
        Bound::Unbounded => u64::MAX,
    };
    (start, end)
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

impl RaftLogStorage<Types> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<Types>> {
        let (last_purged_log_id, last_log_id) = self.edges();
        Ok(LogState { last_purged_log_id, last_log_id })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        self.write(Change::Vote(*vote)).await?;
        lock(&self.shared.tail).vote = Some(*vote);
        Ok(())
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<Entry> = entries.into_iter().collect();
        for entry in &entries {
            if let EntryPayload::Normal(logged) = &entry.payload {
                self.newest_at.fetch_max(logged.batch().at, Ordering::Relaxed);
            }
        }
        lock(&self.shared.tail).append(&entries).map_err(io::Error::other)?;
        if self.too_soon {
            callback.io_completed(Ok(()));
            return self.submit(Change::Append(entries), Done::Nobody);
        }
        self.submit(Change::Append(entries), Done::Flushed(callback))
    }

    async fn truncate_after(&mut self, last_log_id: Option<LogId>) -> io::Result<()> {
        self.write(Change::Truncate(last_log_id.map(|id| id.index))).await?;
        lock(&self.shared.tail).truncate(last_log_id);
        Ok(())
    }

    async fn purge(&mut self, log_id: LogId) -> io::Result<()> {
        lock(&self.shared.tail).purge(log_id);
        self.submit(Change::Purge(log_id), Done::Nobody)
    }
}
