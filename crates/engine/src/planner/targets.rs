//! Which node is to fire the runs of a job.

use chronos_replica::View;
use chronos_state::DueJob;
use chronos_types::{Concurrency, NodeName};

use crate::spread::node_for;

/// The nodes that may fire what is planned now.
pub(super) struct Targets {
    /// Fires where no node is known to get runs.
    own: NodeName,
    live: Vec<NodeName>,
    /// Whether any other node may hold unfinished runs.
    is_alone: bool,
}

/// The node that is to fire a run.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    pub(super) name: &'a NodeName,
    /// Whether it is another one where that holds an unfinished run of the job when the plan is applied: for that node
    /// judges what overlaps, also while it is about to stop. Only then is it known which one holds any.
    pub(super) beside: bool,
}

impl Targets {
    /// The nodes that this node sees.
    pub(super) fn of(own: &NodeName, view: &View) -> Self {
        Self { own: own.clone(), live: view.live.clone(), is_alone: view.is_of_one() }
    }

    /// The node that is to fire a job's runs.
    pub(super) fn of_job(&self, job: &DueJob) -> Node<'_> {
        let name = node_for(job.id, &self.live).unwrap_or(&self.own);
        Node { name, beside: !self.is_alone && job.times.concurrency != Concurrency::Allow }
    }
}
