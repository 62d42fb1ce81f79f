//! The members that are about to stop, as a leader knows.

use std::collections::BTreeSet;
use std::sync::Mutex;

use crate::lock::lock;

/// The raft ids of the members that said they are about to stop. A member that starts again takes it back.
#[derive(Debug, Default)]
pub(crate) struct Leaving(Mutex<BTreeSet<u64>>);

impl Leaving {
    /// A member says whether it is about to stop.
    pub(crate) fn note(&self, id: u64, leaving: bool) {
        let mut ids = lock(&self.0);
        if leaving {
            ids.insert(id);
        } else {
            ids.remove(&id);
        }
    }

    /// Whether a member is about to stop.
    pub(crate) fn contains(&self, id: u64) -> bool {
        lock(&self.0).contains(&id)
    }
}
