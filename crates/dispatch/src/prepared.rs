//! Jobs as the dispatcher needs them, read ahead of their instant and kept while they are hot.

use std::collections::HashMap;
use std::sync::Arc;

use chronos_replica::Store;
use chronos_state::{JobSeq, StateError};
use chronos_types::{JobId, JobSpec};

/// Versions kept. At some 1.5 KiB each, this is at most some 50 MiB.
const KEPT: usize = 32_768;

/// A version of a job, ready to be fired.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) job_id: JobId,
    pub(super) spec: JobSpec,
    pub(super) origin: Arc<str>,
}

/// A job's number and a version of it.
pub(super) type Key = (JobSeq, u64);

/// The versions fired lately: two generations, the older one dropped when the newer one is full.
#[derive(Debug, Default)]
pub(super) struct Cache {
    young: HashMap<Key, Arc<Prepared>>,
    old: HashMap<Key, Arc<Prepared>>,
}

impl Cache {
    pub(super) fn get(&mut self, key: Key) -> Option<Arc<Prepared>> {
        if let Some(found) = self.young.get(&key) {
            return Some(Arc::clone(found));
        }
        let found = self.old.remove(&key)?;
        self.put(key, Arc::clone(&found));
        Some(found)
    }

    pub(super) fn put(&mut self, key: Key, prepared: Arc<Prepared>) {
        if self.young.len() >= KEPT / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, prepared);
    }
}

/// Reads versions from the state; those that are gone are left out.
pub(super) async fn load(store: &Store, keys: Vec<Key>) -> Result<Vec<(Key, Arc<Prepared>)>, StateError> {
    let read = move |reader: &chronos_state::Reader| {
        let mut loaded = Vec::with_capacity(keys.len());
        for key in keys {
            if let Some((job_id, spec)) = reader.spec(key.0, key.1)? {
                let origin = spec.webhook.url.origin().into();
                loaded.push((key, Arc::new(Prepared { job_id, spec, origin })));
            }
        }
        Ok(loaded)
    };
    store.read(read).await
}
