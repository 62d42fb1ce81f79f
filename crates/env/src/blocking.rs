//! Runs work that would hold up an async thread.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::BoxFuture;

/// A simulated disk, for blocking work that is done inline. It decides how long the work takes, whether there is
/// space, and what happens in the middle of the work.
pub trait Disk: Send + Sync + fmt::Debug {
    /// How long the next piece of work takes.
    fn delay(&self) -> Duration;

    /// Does a piece of work. A disk that hangs lets simulated time pass in the middle of it.
    fn perform(&self, work: Box<dyn FnOnce() + Send>) -> BoxFuture<'_, ()> {
        work();
        Box::pin(std::future::ready(()))
    }

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
            return perform(&**disk, work).await;
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

/// Has a simulated disk do `work`, and waits for its result.
pub(crate) async fn perform<T: Send + 'static>(
    disk: &dyn Disk,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    let (answer, result) = oneshot::channel();
    let work = move || {
        // Whoever waited may be gone.
        let _ = answer.send(work());
    };
    disk.perform(Box::new(work)).await;
    match result.await {
        Ok(done) => done,
        // The disk forgot the work. Nothing comes of it any more.
        Err(_) => std::future::pending().await,
    }
}
