//! Where work runs that would hold up an async thread.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long blocking work takes where it is done inline, which would be no time at all.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Before the next piece of work is done.
    fn delay(&self) -> Duration;
}

/// On threads, or without.
#[derive(Clone, Debug)]
pub(crate) enum Blocking {
    /// On threads of the runtime, or of the worker.
    Threads,
    /// On the caller's runtime, when the disk says so.
    Inline(Arc<dyn Disk>),
}

impl Blocking {
    /// See [`Env::blocking`](super::Env::blocking).
    pub(super) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        if let Self::Inline(disk) = self {
            tokio::time::sleep(disk.delay()).await;
            return work();
        }
        match tokio::task::spawn_blocking(work).await {
            Ok(done) => done,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}
