//! Which node runs now, for what is called without being told: the wall clock, and SQLite's writes.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::SimDisk;

thread_local! {
    static HERE: RefCell<Option<Here>> = const { RefCell::new(None) };
}

struct Here {
    /// Simulated time when the node's turn began.
    since: Duration,
    /// The same on the clock of the node's runtime. `None` where no runtime runs, and no time passes.
    begun: Option<Instant>,
    disk: Arc<SimDisk>,
}

/// Does what a node does in a turn that begins at `since`.
pub(crate) fn within<T>(
    since: Duration,
    begun: Option<Instant>,
    disk: &Arc<SimDisk>,
    act: impl FnOnce() -> T,
) -> T {
    HERE.set(Some(Here { since, begun, disk: Arc::clone(disk) }));
    let done = act();
    HERE.set(None);
    done
}

/// Simulated time, where a node runs.
pub(super) fn since() -> Option<Duration> {
    let turn = HERE.with_borrow(|here| here.as_ref().map(|here| (here.since, here.begun)));
    turn.map(|(since, begun)| since + begun.map(|begun| begun.elapsed()).unwrap_or_default())
}

/// The disk of the node that runs.
pub(super) fn disk() -> Option<Arc<SimDisk>> {
    HERE.with_borrow(|here| here.as_ref().map(|here| Arc::clone(&here.disk)))
}
