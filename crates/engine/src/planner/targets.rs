//! Which node is to fire the runs of a job.

use std::collections::HashMap;

use chronos_replica::View;
use chronos_state::{DueJob, JobSeq, Reader, StateError};
use chronos_types::{Concurrency, NodeName};

use crate::spread::node_beside;

/// The nodes that may fire what is planned now.
pub(super) struct Targets {
    /// Fires where no node is known to be live.
    own: NodeName,
    live: Vec<NodeName>,
    /// They hand over what they have not begun, and judge themselves what the rest overlaps with.
    leaving: Vec<NodeName>,
}

impl Targets {
    /// The nodes that this node sees.
    pub(super) fn of(own: &NodeName, view: &View) -> Self {
        Self { own: own.clone(), live: view.live.clone(), leaving: view.leaving.clone() }
    }

    /// The nodes that hold unfinished executions of those jobs whose policy asks what a run overlaps with.
    pub(super) fn holders(
        &self,
        reader: &Reader,
        due: &[DueJob],
    ) -> Result<HashMap<JobSeq, NodeName>, StateError> {
        if self.live.len() + self.leaving.len() < 2 {
            return Ok(HashMap::new());
        }
        let asks = |job: &&DueJob| job.times.concurrency != Concurrency::Allow;
        reader.holders(&due.iter().filter(asks).map(|job| job.seq).collect::<Vec<_>>())
    }

    /// The node that is to fire a job's runs.
    pub(super) fn of_job(&self, job: &DueJob, holders: &HashMap<JobSeq, NodeName>) -> &NodeName {
        let holder = holders.get(&job.seq);
        let leaving = holder.and_then(|holder| self.leaving.iter().find(|name| *name == holder));
        match leaving {
            Some(name) => name,
            None => node_beside(job.id, holder, &self.live).unwrap_or(&self.own),
        }
    }
}
