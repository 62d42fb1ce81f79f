//! A version of a job, ready to be fired, and the cache of those that were fired lately.

use std::collections::HashMap;
use std::sync::Arc;

use chronos_state::JobSeq;
use chronos_types::{JobId, JobSpec};

/// Versions kept. At some 1.5 KiB each, this is at most some 50 MiB.
const KEPT: usize = 32_768;

/// A version of a job, ready to be fired.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) job_id: JobId,
    pub(crate) spec: JobSpec,
    /// Scheme, host and port of the target. Attempts to the same one share its slots.
    pub(crate) origin: Arc<str>,
}

impl Prepared {
    /// Prepares a version of a job.
    pub(crate) fn new(job_id: JobId, spec: JobSpec) -> Self {
        let origin = spec.webhook.url.origin().into();
        Self { job_id, spec, origin }
    }
}

/// A job's number and a version of it.
pub(crate) type Key = (JobSeq, u64);

/// The versions fired lately: two generations, the older one dropped when the newer one is full.
#[derive(Debug, Default)]
pub(super) struct Cache {
    young: HashMap<Key, Arc<Prepared>>,
    old: HashMap<Key, Arc<Prepared>>,
}

impl Cache {
    /// The version, where it is kept. It is kept for longer then.
    pub(super) fn get(&mut self, key: Key) -> Option<Arc<Prepared>> {
        if let Some(found) = self.young.get(&key) {
            return Some(Arc::clone(found));
        }
        let found = self.old.remove(&key)?;
        self.put(key, Arc::clone(&found));
        Some(found)
    }

    /// Keeps a version.
    pub(super) fn put(&mut self, key: Key, prepared: Arc<Prepared>) {
        if self.young.len() >= KEPT / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, prepared);
    }
}

#[cfg(test)]
mod tests {
    use chronos_types::Concurrency;

    use super::*;

    #[test]
    fn what_is_fired_now_and_then_stays_and_the_rest_makes_room() {
        let prepared = Prepared::new(JobId::new(1, [0; 10]), crate::core::tests::spec(1, Concurrency::Allow));
        let prepared = Arc::new(prepared);
        let key = |n: usize| (JobSeq::new(i64::try_from(n).expect("a number")), 1);
        let mut cache = Cache::default();
        for n in 0..2 * KEPT {
            cache.put(key(n), Arc::clone(&prepared));
            if n % 1_000 == 0 {
                assert!(cache.get(key(0)).is_some(), "after {n}");
            }
        }
        assert!(cache.get(key(2 * KEPT - 1)).is_some() && cache.get(key(1)).is_none());
        assert!(cache.young.len() + cache.old.len() <= KEPT);
    }
}
