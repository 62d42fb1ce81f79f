//! The log as openraft writes it: appends, votes, truncations and purges go through one ordered queue.
//! Entries can be read as soon as they are handed over; see `reader.rs`.

use std::fs::File;
use std::io;
use std::path::Path;
#[cfg(test)]
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};

use chronos_env::{Bug, Env, Worker};
use openraft::storage::{IOFlushed, LogState, RaftLogStorage};
use openraft::{EntryPayload, OptionalSend};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use super::change::{Change, Found, Identity};
use super::error::LogError;
use super::file::LogFile;
use super::in_step::InStep;
use super::rows::LogRows;
use super::tail::{Tail, next};
use super::time::LogTime;
use super::writer::{Done, LogShared, LogWriter, Waiting};
use crate::backfill;
use crate::health::{DataFile, Health, Space};
use crate::lock::lock;
use crate::metrics::WriteMetrics;
use crate::types::{Entry, LogId, Types, Vote};

/// A handle on the log.
#[derive(Clone)]
pub(crate) struct LogStore {
    pub(super) shared: Arc<LogShared>,
    writer: Worker<LogWriter>,
    pub(super) rows: Worker<LogRows>,
    too_soon: bool,
    time: Arc<LogTime>,
    /// This node's number within raft, where the log says it.
    id: Option<u64>,
    #[cfg(test)]
    pub(crate) room: Arc<AtomicI64>,
}

impl LogStore {
    /// Opens the log file. `claim` is shown what was found in it, and may say whose log it is from now on.
    /// Every batch that is appended is noted in `time`. `data_lock` is held until the
    /// writer ends.
    pub(crate) fn open<E: From<LogError> + From<io::Error>>(
        env: &Env,
        path: &Path,
        data_lock: File,
        health: Arc<Health>,
        time: Arc<LogTime>,
        writes: WriteMetrics,
        claim: impl FnOnce(&Found) -> Result<Option<Identity>, E>,
    ) -> Result<Self, E> {
        let (mut file, found) = LogFile::open(path)?;
        let (done, ask) = backfill::start(env, "log-backfill", path).map_err(LogError::Backfill)?;
        file.backfill(done, ask).map_err(LogError::Backfill)?;
        let claimed = claim(&found)?;
        if let Some(identity) = &claimed {
            file.claim(identity)?;
        }
        let id = claimed.as_ref().or(found.identity.as_ref()).map(|identity| identity.id);
        let shared = Arc::new(LogShared {
            queue: Mutex::default(),
            flushed: watch::Sender::new(next(found.last.as_ref())),
            total: watch::Sender::new(file.total().saturating_sub(found.bytes)),
            tail: Mutex::new(Tail::new(&found)),
            health: health.clone(),
            writes,
        });
        let died =
            move |what: &'static str| move || health.report(format!("the thread of the {what} panicked"));
        let rows = Worker::spawn(env, "log-reader", LogRows::open(path)?, died.clone()("log reader"))?;
        #[cfg(test)]
        let room = file.room.clone();
        let writer = Worker::spawn_behind(
            Space::gate(&shared.health, DataFile::Log),
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
            time,
            id,
            #[cfg(test)]
            room,
        };
        // An interrupted purge goes on.
        store.poke()?;
        Ok(store)
    }

    /// What is purged, and the last entry.
    pub(crate) fn edges(&self) -> (Option<LogId>, Option<LogId>) {
        let tail = lock(&self.shared.tail);
        (tail.purged, tail.last)
    }

    /// How many transactions the log has made.
    pub(crate) fn commits(&self) -> u64 {
        self.shared.writes.log_commits.get()
    }

    /// What counts what it takes to write.
    pub(crate) fn writes(&self) -> &WriteMetrics {
        &self.shared.writes
    }

    /// The bytes ever appended; it is brought up to date in steps of a megabyte.
    pub(crate) fn total(&self) -> watch::Receiver<u64> {
        self.shared.total.subscribe()
    }

    /// What keeps the state in step with this log.
    pub(crate) fn in_step(&self) -> InStep {
        InStep::of(&self.shared)
    }

    /// Says anew whose log this is; durable when it returns.
    pub(crate) async fn claim(&self, identity: Identity) -> io::Result<()> {
        self.write(Change::Identity(identity)).await
    }

    /// The first entry that stays if the newest `keep` bytes are to stay, and the first one if as many are as `most`
    /// says, which may block.
    pub(crate) async fn cuts(
        &self,
        keep: u64,
        most: impl FnOnce() -> u64 + Send + 'static,
    ) -> io::Result<(u64, u64)> {
        let cuts = move |rows: &mut LogRows| Ok::<_, LogError>((rows.cut(keep)?, rows.cut(most())?));
        self.rows.call(cuts).await?.map_err(io::Error::other)
    }

    /// Ends both threads and closes the file.
    pub(crate) async fn stop(&self) {
        // The last to close merges the write-ahead log into the file, and a reader cannot.
        self.rows.stop().await;
        self.writer.stop().await;
    }

    /// Takes what was deleted out of the file. Writes wait for it.
    pub(crate) async fn clean(&self) -> Result<(), String> {
        self.writer.write(LogWriter::clean).await.map_err(|ended| ended.to_string())?
    }

    /// For tests: the thread that writes hangs, as one does on a disk that hangs, until what is returned is dropped.
    #[cfg(test)]
    pub(crate) fn hang(&self) -> std::sync::mpsc::Sender<()> {
        crate::tests::hang(|hang| self.writer.cast(move |_| hang()).expect("the thread lives"))
    }

    fn poke(&self) -> io::Result<()> {
        Ok(self.writer.cast_write(LogWriter::drain)?)
    }

    fn submit(&self, change: Change, done: Done) -> io::Result<()> {
        lock(&self.shared.queue).push_back(Waiting { change, done });
        self.poke()
    }

    async fn write(&self, change: Change) -> io::Result<()> {
        let _under_way = self.shared.health.progress().write();
        let (answer, result) = oneshot::channel();
        self.submit(change, Done::Answer(answer))?;
        result.await.unwrap_or_else(|_| Err(io::Error::other("the log is closed")))
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
        self.shared.writes.voted(self.id, vote);
        Ok(())
    }

    /// Keeps nothing: what is committed is heard again after a start. But from here on it is to be applied.
    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        if let Some(committed) = committed {
            self.shared.health.progress().committed(committed.index);
        }
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
                self.time.note(entry.log_id.index, logged.batch());
            }
        }
        lock(&self.shared.tail).append(&entries).map_err(io::Error::other)?;
        if let Some(last) = entries.last() {
            self.shared.health.progress().appended(last.log_id.index, Instant::now());
        }
        if self.too_soon {
            callback.io_completed(Ok(()));
            return self.submit(Change::Append(entries), Done::Nobody);
        }
        self.submit(Change::Append(entries), Done::Flushed(callback))
    }

    async fn truncate_after(&mut self, last_log_id: Option<LogId>) -> io::Result<()> {
        self.write(Change::Truncate(last_log_id.map(|id| id.index))).await?;
        lock(&self.shared.tail).truncate(last_log_id);
        self.shared.health.progress().truncated(last_log_id.map(|id| id.index));
        self.time.truncate(last_log_id.map_or(0, |id| id.index));
        Ok(())
    }

    async fn purge(&mut self, log_id: LogId) -> io::Result<()> {
        lock(&self.shared.tail).purge(log_id);
        self.submit(Change::Purge(log_id), Done::Nobody)
    }
}
