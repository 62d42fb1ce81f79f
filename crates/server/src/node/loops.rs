//! The loops of a node: each in a task of its own, from the start of the node until it stops planning.

use chronos_env::BoxFuture;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A loop's name, and the loop.
pub(super) type Loop = (&'static str, BoxFuture<'static, ()>);

/// The loops that run.
pub(super) struct Loops {
    stop: CancellationToken,
    tasks: Vec<(&'static str, JoinHandle<()>)>,
}

impl Loops {
    /// Starts the loops of a table, in its order.
    pub(super) fn start(table: impl IntoIterator<Item = Loop>) -> Self {
        let stop = CancellationToken::new();
        let start = |(name, work): Loop| {
            let stop = stop.clone();
            let task = tokio::spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = work => {}
                }
            });
            (name, task)
        };
        let tasks = table.into_iter().map(start).collect();
        Self { stop, tasks }
    }

    /// Ends them all, and waits until they have ended.
    pub(super) async fn stop(&mut self) {
        self.stop.cancel();
        for (name, task) in self.tasks.drain(..) {
            if let Err(error) = task.await {
                tracing::error!(name, %error, "a loop had failed");
            }
        }
    }
}
