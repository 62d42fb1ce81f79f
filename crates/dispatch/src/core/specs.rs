//! Specifications of what is to be run: those at hand, and those that are still to be read.
//!
//! They are read ahead of their instant, with one question for all that is wanted at a time.

use std::collections::HashMap;
use std::sync::Arc;

use chronos_types::ExecutionId;

use super::prepared::{Cache, Key, Prepared};

/// The specifications.
#[derive(Debug, Default)]
pub(super) struct Specs {
    cache: Cache,
    /// Nobody has been asked for these yet.
    wanted: Vec<Key>,
    /// The executions that wait for a version which is wanted or being read.
    awaiting: HashMap<Key, Vec<ExecutionId>>,
}

impl Specs {
    /// The specification, where it is at hand.
    pub(super) fn get(&mut self, key: Key) -> Option<Arc<Prepared>> {
        self.cache.get(key)
    }

    /// Has the specification read that an execution waits for.
    pub(super) fn want(&mut self, key: Key, id: ExecutionId) {
        let waiting = self.awaiting.entry(key).or_default();
        if waiting.is_empty() {
            self.wanted.push(key);
        }
        waiting.push(id);
    }

    /// What is to be read now.
    pub(super) fn take_wanted(&mut self) -> Option<Vec<Key>> {
        (!self.wanted.is_empty()).then(|| std::mem::take(&mut self.wanted))
    }

    /// The executions that wait for a version. They still do.
    pub(super) fn awaiting(&self, key: Key) -> &[ExecutionId] {
        self.awaiting.get(&key).map_or(&[], Vec::as_slice)
    }

    /// Keeps a version that was read.
    pub(super) fn put(&mut self, key: Key, prepared: Arc<Prepared>) {
        self.cache.put(key, prepared);
    }

    /// The read of a version is over, and nobody waits for it any more. Answers those that did.
    pub(super) fn arrived(&mut self, key: Key) -> Vec<ExecutionId> {
        self.awaiting.remove(&key).unwrap_or_default()
    }
}
