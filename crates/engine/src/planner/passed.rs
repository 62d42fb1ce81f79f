//! Jobs that are due and cannot be planned, because this release cannot read when they run. They are passed by, so that
//! they cost nobody else anything. Their due instants stay: a job is planned again once it is written anew, and a newer
//! release, which begins without this list, may read it.

use std::sync::Arc;

use chronos_state::{BadJob, PassedBy};

use crate::metrics::Metrics;

/// The jobs that are passed by.
pub(super) struct Passed {
    known: Arc<PassedBy>,
    metrics: Metrics,
}

impl Passed {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self { known: Arc::default(), metrics }
    }

    /// All of them.
    pub(super) fn known(&self) -> Arc<PassedBy> {
        Arc::clone(&self.known)
    }

    /// Passes these by from now on. Each is logged this once. Answers whether there are any.
    pub(super) fn pass(&mut self, bad: Vec<BadJob>) -> bool {
        if bad.is_empty() {
            return false;
        }
        let known = Arc::make_mut(&mut self.known);
        for BadJob { seq, id, version, why } in bad {
            tracing::error!(job = %id, version, why, "it cannot be read when the job runs; it does not run");
            known.insert(seq, version);
            self.metrics.passed_by();
        }
        true
    }
}
