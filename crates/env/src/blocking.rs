//! Runs work that would hold up an async thread.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// A simulated disk, for blocking work that is done inline. It decides how long the work takes and whether
/// there is space.
pub trait Disk: Send + Sync + fmt::Debug {
    /// How long the next piece of work takes.
    fn delay(&self) -> Duration;

    /// Whether a write would find no space now.
    fn is_full(&self) -> bool {
        false
    }
}

/// Where blocking work is done.
#[derive(Clone, Debug)]
pub(crate) enum Blocking {
    /// On threads of the runtime, or of the worker.
    Threads,
    /// On the caller's runtime, after as long as the disk says.
    Inline(Arc<dyn Disk>),
}

impl Blocking {
    /// See [`Env::room`](crate::Env::room).
    pub(super) fn room(&self) -> io::Result<()> {
        match self {
            Self::Inline(disk) if disk.is_full() => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }

    /// See [`Env::blocking`](crate::Env::blocking).
    pub(super) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        if let Self::Inline(disk) = self {
            tokio::time::sleep(disk.delay()).await;
            return work();
        }
        #[expect(clippy::disallowed_methods, reason = "this is where it is asked for")]
        let done = tokio::task::spawn_blocking(work).await;
        match done {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime ends, and with it whoever waits for this.
                Err(_) => std::future::pending().await,
            },
        }
    }
}
