//! The health of the storage: a full disk, which passes, and faults, which do not.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chronos_env::{BoxFuture, Disk, Fault, Gate, pause};
use tokio::sync::watch;

use crate::lock::lock;
use crate::log_targets;

/// How soon a write that found the disk full is tried again. Short, because writers wait for it;
/// a failed attempt costs one system call.
const RETRY: Duration = Duration::from_millis(100);

/// A file whose writes can find the disk full.
#[derive(Clone, Copy, Debug)]
pub(crate) enum DataFile {
    Log,
    State,
}

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
        }
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

    /// Attempts a write again and again while the disk is full, on the calling storage thread.
    /// Any other outcome is returned, and so is a full disk when the node stops.
    pub(crate) fn until_space<R, E: Display>(
        &self,
        store: DataFile,
        is_full: impl Fn(&E) -> bool,
        mut attempt: impl FnMut() -> Result<R, E>,
    ) -> Result<R, E> {
        loop {
            match attempt() {
                Err(error) if is_full(&error) && !self.stopping() => {
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
