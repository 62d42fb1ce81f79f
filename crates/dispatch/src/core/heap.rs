//! What is to happen when: binary heaps, 32 bytes an item.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use chronos_types::{ExecutionId, Millis};

use super::event::Now;

/// When something is to happen to an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// At this time of day.
    At(Millis),
    /// At this time of the monotonic clock: it is a wait that this node has begun, and a clock that is set
    /// makes it neither longer nor shorter.
    After(Duration),
}

/// Executions by when something is to happen to them. Items are not taken out early. When one comes up,
/// whoever takes it looks whether it still means something.
#[derive(Debug, Default)]
pub(super) struct Heap {
    instants: BinaryHeap<Reverse<(Millis, ExecutionId)>>,
    waits: BinaryHeap<Reverse<(Duration, ExecutionId)>>,
}

impl Heap {
    /// Adds something that is to happen to an execution. It may have several.
    pub(super) fn push(&mut self, due: Due, execution: ExecutionId) {
        match due {
            Due::At(at) => self.instants.push(Reverse((at, execution))),
            Due::After(at) => self.waits.push(Reverse((at, execution))),
        }
    }

    /// The earliest instant of the time of day.
    pub(super) fn next_instant(&self) -> Option<Millis> {
        self.instants.peek().map(|Reverse((at, _))| *at)
    }

    /// When the first wait is over, on the monotonic clock.
    pub(super) fn next_wait(&self) -> Option<Duration> {
        self.waits.peek().map(|Reverse((at, _))| *at)
    }

    /// Whether anything is due.
    pub(super) fn is_due(&self, now: Now) -> bool {
        self.next_instant().is_some_and(|at| at <= now.wall)
            || self.next_wait().is_some_and(|at| at <= now.monotonic)
    }

    /// Takes an execution that is due: first attempts before what has waited already.
    pub(super) fn pop_due(&mut self, now: Now) -> Option<(Due, ExecutionId)> {
        if self.next_instant().is_some_and(|at| at <= now.wall) {
            return self.instants.pop().map(|Reverse((at, id))| (Due::At(at), id));
        }
        if self.next_wait().is_some_and(|at| at <= now.monotonic) {
            return self.waits.pop().map(|Reverse((at, id))| (Due::After(at), id));
        }
        None
    }

    /// Items, those included that mean nothing any more.
    pub(super) fn len(&self) -> usize {
        self.instants.len() + self.waits.len()
    }

    /// Drops what means nothing any more.
    pub(super) fn retain(&mut self, means: impl Fn(Due, ExecutionId) -> bool) {
        self.instants.retain(|Reverse((at, id))| means(Due::At(*at), *id));
        self.waits.retain(|Reverse((at, id))| means(Due::After(*at), *id));
    }
}
