//! Specifications of what is to be run: those at hand, and those that are still to be read.
//!
//! They are read ahead of their instant, with one question for all that is wanted at a time.

use std::collections::HashMap;
use std::sync::Arc;

use chronos_types::{ExecutionId, Webhook};

use super::prepared::{Key, Loaded, Prepared};
use super::recent::Recent;

/// Bytes of the versions that are kept. At some 1.5 KiB each, these are some 30,000.
const KEPT: usize = 48 << 20;
/// Bytes that a version takes beside its webhook's texts.
const EACH: usize = 1 << 10;

/// The specifications.
#[derive(Debug)]
pub(super) struct Specs {
    kept: Recent<Key, Loaded>,
    /// Nobody has been asked for these yet.
    wanted: Vec<Key>,
    /// The executions that wait for a version which is wanted or being read.
    awaiting: HashMap<Key, Vec<ExecutionId>>,
}

impl Default for Specs {
    fn default() -> Self {
        Self { kept: Recent::within(KEPT), wanted: Vec::new(), awaiting: HashMap::new() }
    }
}

impl Specs {
    /// The specification, where it is at hand.
    pub(super) fn get(&mut self, key: Key) -> Option<Arc<Prepared>> {
        self.kept.get(&key, |loaded| Arc::clone(&loaded.job))
    }

    /// What is sent, where it is at hand.
    pub(super) fn webhook(&mut self, key: Key) -> Option<Arc<Webhook>> {
        self.kept.get(&key, |loaded| loaded.webhook.clone()).flatten()
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
    pub(super) fn put(&mut self, key: Key, loaded: Loaded) {
        let bytes = EACH + loaded.bytes;
        self.kept.put(key, loaded, bytes);
    }

    /// The read of a version is over, and nobody waits for it any more. Answers those that did.
    pub(super) fn arrived(&mut self, key: Key) -> Vec<ExecutionId> {
        self.awaiting.remove(&key).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use chronos_types::{Concurrency, JobId, JobSpec, Template};

    use super::*;
    use crate::core::tests::{key, spec};

    fn loaded(body: usize) -> Loaded {
        let plain = spec(1, Concurrency::Allow);
        let body = Template::parse(&"x".repeat(body)).expect("a body");
        let webhook = Webhook { body: Some(body), ..plain.webhook };
        Loaded::new(JobId::new(1, [0; 10]), JobSpec { webhook, ..plain })
    }

    #[test]
    fn versions_are_kept_within_a_bound_of_bytes() {
        let key = |n: usize| key(i64::try_from(n).expect("a number"), 1);
        let small = loaded(7 << 10);
        let mut specs = Specs::default();
        for n in 0..20_000 {
            specs.put(key(n), small.clone());
            assert!(specs.kept.len() * (8 << 10) <= KEPT, "after {n}");
        }
        assert!(specs.webhook(key(19_999)).is_some() && specs.get(key(0)).is_none());
    }

    #[test]
    fn a_large_body_is_not_kept() {
        let key = key(1, 1);
        let mut specs = Specs::default();
        specs.put(key, loaded(256 << 10));
        let job = specs.get(key).expect("what deciding needs");
        assert!(specs.webhook(key).is_none() && job.bytes > 256 << 10);
    }
}
