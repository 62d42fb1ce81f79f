//! What is left when a run is over: what was seen at both ends, and the state of every node.

use std::path::Path;

use chronos_state::{ExecutionFilter, JobFilter, JobRow, Machine, PageLimits, StateError};
use chronos_types::Execution;

use crate::ledger::Seen;

/// The state of one node.
pub(crate) struct NodeState {
    pub(crate) node: String,
    pub(crate) hash: String,
    /// The jobs that are not deleted.
    pub(crate) jobs: Vec<JobRow>,
    /// The executions, newest first.
    pub(crate) executions: Vec<Execution>,
    /// How many runs were withdrawn whose node has not said yet whether they had begun.
    pub(crate) withdrawn: usize,
}

/// Everything that the invariants look at.
pub(crate) struct Evidence<'a> {
    pub(crate) seen: &'a Seen,
    pub(crate) states: Vec<NodeState>,
}

impl Evidence<'_> {
    /// The states that should hold everything. Where the cluster came to rest, these are all states. Otherwise
    /// it is the state with the most executions.
    pub(crate) fn whole(&self) -> Vec<&NodeState> {
        if self.seen.drained {
            return self.states.iter().collect();
        }
        self.states.iter().max_by_key(|state| state.executions.len()).into_iter().collect()
    }
}

/// Reads the state that a node left.
pub(crate) fn read(node: &str, files: &Path) -> Result<NodeState, StateError> {
    let machine = Machine::open(&files.join("state.db"))?;
    let reader = machine.reader()?;
    let all = PageLimits { rows: usize::MAX, examined_rows: usize::MAX, examined_bytes: u64::MAX };
    let (mut jobs, mut executions) = (Vec::new(), Vec::new());
    reader.jobs(&JobFilter::default(), None, all, |job| {
        jobs.push(job);
        true
    })?;
    reader.executions(&ExecutionFilter::default(), None, all, |row| {
        executions.push(row.execution);
        true
    })?;
    let nodes = reader.withdrawn_nodes()?;
    let withdrawn =
        nodes.iter().map(|node| Ok(reader.withdrawn(node)?.len())).sum::<Result<usize, StateError>>()?;
    let hash = reader.state_hash()?;
    Ok(NodeState { node: node.to_owned(), hash, jobs, executions, withdrawn })
}
