//! Where work runs that would hold up an async thread.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// The disk where blocking work is done inline: it would take no time at all, and have space for ever.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Before the next piece of work is done.
    fn delay(&self) -> Duration;

    /// Whether what is written now finds no space.
    fn is_full(&self) -> bool {
        false
    }
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
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}
