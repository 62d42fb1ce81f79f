//! What is to happen when: one binary heap, 32 bytes an item.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use chronos_types::{ExecutionId, Millis};

/// Executions by the instant at which something is to happen to them. Items are not taken out early.
/// When one comes up, whoever takes it looks whether it still means something.
#[derive(Debug, Default)]
pub(super) struct Heap(BinaryHeap<Reverse<(Millis, ExecutionId)>>);

impl Heap {
    /// Adds an instant of an execution. It may have several.
    pub(super) fn push(&mut self, at: Millis, execution: ExecutionId) {
        self.0.push(Reverse((at, execution)));
    }

    /// The earliest instant.
    pub(super) fn next(&self) -> Option<Millis> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes the earliest execution whose instant has come.
    pub(super) fn pop_due(&mut self, now: Millis) -> Option<(Millis, ExecutionId)> {
        if self.next()? > now {
            return None;
        }
        self.0.pop().map(|Reverse(item)| item)
    }
}
