//! The health of the storage: a full disk, which passes, and faults, which do not.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chronos_env::{BoxFuture, Disk, Fault, Gate, Scratch, pause};
use chronos_state::StateError;
use tokio::sync::watch;

use crate::lock::lock;
use crate::log_targets;
use crate::progress::Progress;

/// How soon a write that found the disk full is tried again. Short, because writers wait for it;
/// a failed attempt costs one system call.
const RETRY: Duration = Duration::from_millis(100);
/// So much is written to find out whether there is space: more than SQLite writes at once.
const TRIAL: &[u8] = &[0; 64 << 10];

/// A file whose writes can find the disk full.
#[derive(Clone, Copy, Debug)]
pub(crate) enum DataFile {
    Log,
    State,
}

/// A fault that may have come of a lack of space.
pub(crate) trait MayLackSpace: Display {
    /// It says so.
    fn is_disk_full(&self) -> bool;
    /// It does not say.
    fn may_be_full(&self) -> bool;
}

impl MayLackSpace for StateError {
    fn is_disk_full(&self) -> bool {
        self.is_disk_full()
    }

    fn may_be_full(&self) -> bool {
        self.may_be_full()
    }
}

/// Finds out whether there is space, by writing something.
type Trial = Box<dyn Fn() -> io::Result<()> + Send + Sync>;

/// Holds back the work of one store while a simulated disk is full.
pub(crate) struct Space {
    health: Arc<Health>,
    store: DataFile,
}

impl Space {
    pub(crate) fn gate(health: &Arc<Health>, store: DataFile) -> Box<dyn Gate> {
        Box::new(Self { health: health.clone(), store })
    }
}

impl Gate for Space {
    fn pass<'a>(&'a self, disk: &'a dyn Disk) -> BoxFuture<'a, ()> {
        Box::pin(self.health.until_room(self.store, disk))
    }
}

/// How the storage is: its threads write it, and everybody may watch it.
pub(crate) struct Health {
    full: Mutex<[Option<String>; 2]>,
    any_full: AtomicBool,
    stopping: AtomicBool,
    disk_full: watch::Sender<Option<String>>,
    fault: Fault,
    progress: Progress,
    trial: Option<Trial>,
}

impl Health {
    /// Of a storage whose faults are told there.
    pub(crate) fn new(fault: Fault) -> Self {
        Self {
            full: Mutex::default(),
            any_full: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            disk_full: watch::Sender::new(None),
            fault,
            progress: Progress::default(),
            trial: None,
        }
    }

    /// The same, with a place to find out whether there is space.
    pub(crate) fn with_trials(self, place: Scratch) -> Self {
        let write = move || {
            let scratch = place.file();
            let mut options = File::options();
            let mut file = options.write(true).create_new(true).mode(0o600).open(scratch.path())?;
            file.write_all(TRIAL)?;
            file.sync_data()
        };
        Self { trial: Some(Box::new(write)), ..self }
    }

    /// What waits for the storage, and since when.
    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Why writes must wait, while they must.
    pub(crate) fn disk_full(&self) -> watch::Receiver<Option<String>> {
        self.disk_full.subscribe()
    }

    /// What the node cannot go on with: the storage, or another part of it.
    pub(crate) fn fault(&self) -> &Fault {
        &self.fault
    }

    /// Reports a fault that the node cannot go on with. Only the first one counts.
    pub(crate) fn report(&self, message: String) {
        self.fault.report(message);
    }

    /// The storage's own message about what went wrong, if there is one, and otherwise `other`: what
    /// openraft makes of a fault says less.
    pub(crate) fn word(&self, other: &dyn Display) -> String {
        self.fault.now().unwrap_or_else(|| other.to_string())
    }

    /// The node stops: from now on nothing waits for space.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    pub(crate) fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Whether a fault came of a lack of space, which passes. Where the fault does not say, this blocks for as long as
    /// a write takes.
    pub(crate) fn lacks_space(&self, fault: &impl MayLackSpace) -> bool {
        let tried = || {
            let trial = self.trial.as_ref().map(|trial| trial());
            trial.is_some_and(|tried| tried.is_err_and(|error| chronos_state::lacks_space(&error)))
        };
        fault.is_disk_full() || (fault.may_be_full() && tried())
    }

    /// Attempts a write again and again while the disk is full, on the calling storage thread.
    /// Any other outcome is returned, and so is a full disk when the node stops.
    pub(crate) fn until_space<R, E: MayLackSpace>(
        &self,
        store: DataFile,
        mut attempt: impl FnMut() -> Result<R, E>,
    ) -> Result<R, E> {
        loop {
            match attempt() {
                Err(error) if !self.stopping() && self.lacks_space(&error) => {
                    self.set(store, Some(format!("the disk is full: {error}")));
                    pause(RETRY);
                }
                other => {
                    if self.any_full.load(Ordering::Relaxed) {
                        self.set(store, None);
                    }
                    return other;
                }
            }
        }
    }

    /// Waits while a simulated disk is full, as [`Health::until_space`] does on a storage thread.
    async fn until_room(&self, store: DataFile, disk: &dyn Disk) {
        while disk.is_full() && !self.stopping() {
            self.set(store, Some("the disk is full".to_owned()));
            tokio::time::sleep(RETRY).await;
        }
    }

    fn set(&self, store: DataFile, reason: Option<String>) {
        let mut full = lock(&self.full);
        full[store as usize] = reason;
        let first = full.iter().flatten().next().cloned();
        self.any_full.store(first.is_some(), Ordering::Relaxed);
        self.disk_full.send_if_modified(|current| {
            if current.is_some() == first.is_some() {
                return false;
            }
            match &first {
                Some(reason) => {
                    tracing::error!(target: log_targets::HEALTH, ?store, %reason, "writes wait for space on the disk");
                }
                None => {
                    tracing::info!(target: log_targets::HEALTH, ?store, "there is space on the disk again");
                }
            }
            *current = first;
            true
        });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io::ErrorKind;

    use super::*;

    /// An I/O error whose cause SQLite keeps to itself.
    #[derive(Debug, thiserror::Error)]
    #[error("disk I/O error")]
    struct IoError;

    impl MayLackSpace for IoError {
        fn is_disk_full(&self) -> bool {
            false
        }

        fn may_be_full(&self) -> bool {
            true
        }
    }

    /// What becomes of writes that fail each time but the last, and of how many, where trials end like this.
    fn write(trials: impl IntoIterator<Item = Option<ErrorKind>>, failures: usize) -> (bool, usize) {
        let trials = Mutex::new(trials.into_iter().collect::<VecDeque<_>>());
        let trial = move || lock(&trials).pop_front().flatten().map_or(Ok(()), |kind| Err(kind.into()));
        let health = Health { trial: Some(Box::new(trial)), ..Health::new(Fault::default()) };
        let mut attempts = 0;
        let written = health.until_space(DataFile::Log, || {
            attempts += 1;
            if attempts > failures { Ok(()) } else { Err(IoError) }
        });
        assert_eq!(*health.disk_full().borrow(), None, "nothing waits any more");
        (written.is_ok(), attempts)
    }

    #[test]
    fn an_error_that_does_not_say_so_is_a_full_disk_where_nothing_else_can_be_written() {
        let (quota, full) = (Some(ErrorKind::QuotaExceeded), Some(ErrorKind::StorageFull));
        assert_eq!(write([quota, full], 2), (true, 3), "it is waited out");
        assert_eq!(write([quota, None], 9), (false, 2), "there is space, and the disk is broken");
        assert_eq!(write([Some(ErrorKind::Other)], 9), (false, 1));
        assert_eq!(write([], 0), (true, 1));
    }
}
