//! Group commit: everything that waits for the disk goes into one transaction.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex};

use openraft::storage::IOFlushed;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use super::change::Change;
use super::error::LogError;
use super::file::LogFile;
use super::tail::{Tail, weight};
use crate::health::{DataFile, Health};
use crate::lock::lock;
use crate::metrics::WriteMetrics;
use crate::types::Types;

/// A transaction takes at most this much of what waits, so that the first change in it is not held up while
/// the last one is written.
const GROUP_BYTES: usize = 32 << 20;

/// A change of the log, and who waits for it to be durable.
pub(crate) struct Waiting {
    pub change: Change,
    pub done: Done,
}

/// How to tell that a change is durable, or that it never will be.
pub(crate) enum Done {
    Flushed(IOFlushed<Types>),
    Answer(oneshot::Sender<io::Result<()>>),
    Nobody,
}

impl Done {
    fn tell(self, outcome: Result<(), &str>) {
        let outcome = outcome.map_err(io::Error::other);
        match self {
            Self::Flushed(callback) => callback.io_completed(outcome),
            Self::Answer(sender) => drop(sender.send(outcome)),
            Self::Nobody => {}
        }
    }
}

/// What the log's writer shares with its readers and with those who hand it work.
pub(crate) struct LogShared {
    pub queue: Mutex<VecDeque<Waiting>>,
    pub tail: Mutex<Tail>,
    pub health: Arc<Health>,
    /// The first index that is not durable yet.
    pub flushed: watch::Sender<u64>,
    /// The bytes ever appended, in steps of a megabyte or more.
    pub total: watch::Sender<u64>,
    /// Counts the transactions, and how long they take.
    pub writes: WriteMetrics,
}

/// What the writing thread owns.
pub(crate) struct LogWriter {
    file: LogFile,
    /// The lock on the data directory, held for as long as anything can be written.
    _lock: File,
    shared: Arc<LogShared>,
    broken: Option<String>,
}

impl LogWriter {
    pub(crate) fn new(file: LogFile, lock: File, shared: Arc<LogShared>) -> Self {
        Self { file, _lock: lock, shared, broken: None }
    }

    /// Writes everything that waits, and everything that is added meanwhile.
    pub(crate) fn drain(&mut self) {
        loop {
            let group = self.group();
            if group.is_empty() && !(self.file.purging() && self.broken.is_none()) {
                return;
            }
            self.commit(group);
        }
    }

    /// Takes what was deleted out of the file.
    pub(crate) fn clean(&mut self) -> Result<(), String> {
        // A purge may have pieces left to do.
        self.drain();
        match &self.broken {
            Some(reason) => Err(reason.clone()),
            None => self.file.clean().map_err(|error| error.to_string()),
        }
    }

    fn group(&self) -> Vec<Waiting> {
        let mut queue = lock(&self.shared.queue);
        let mut bytes = 0;
        let fitting = queue.iter().take_while(|waiting| {
            let first = bytes == 0;
            if let Change::Append(entries) = &waiting.change {
                bytes += entries.iter().map(weight).sum::<usize>();
            }
            first || bytes < GROUP_BYTES
        });
        let count = fitting.count();
        queue.drain(..count).collect()
    }

    fn commit(&mut self, group: Vec<Waiting>) {
        let begun = Instant::now();
        if self.broken.is_none() {
            let file = &mut self.file;
            let write = || file.commit(group.iter().map(|waiting| &waiting.change));
            if let Err(error) = self.shared.health.until_space(DataFile::Log, write) {
                self.fail(&error);
            }
        }
        if let Some(reason) = &self.broken {
            group.into_iter().for_each(|waiting| waiting.done.tell(Err(reason)));
            return;
        }
        self.shared.writes.log_committed(begun.elapsed());
        let mut appended = group.iter().filter_map(|waiting| match &waiting.change {
            Change::Append(entries) => entries.last().map(|entry| entry.log_id.index),
            _ => None,
        });
        if let Some(last) = appended.next_back() {
            let flushed = lock(&self.shared.tail).flushed(last);
            self.shared.flushed.send_replace(flushed);
            self.shared.health.progress().flushed(last);
        }
        group.into_iter().for_each(|waiting| waiting.done.tell(Ok(())));
        let total = self.file.total();
        self.shared.total.send_if_modified(|known| {
            let grown = total.abs_diff(*known) >= 1 << 20;
            if grown {
                *known = total;
            }
            grown
        });
    }

    fn fail(&mut self, error: &LogError) {
        let reason = error.to_string();
        // At a stop a full disk is not waited for, and it is no fault of the storage.
        if !(self.shared.health.stopping() && self.shared.health.lacks_space(error)) {
            self.shared.health.report(reason.clone());
        }
        self.broken = Some(reason);
    }
}
