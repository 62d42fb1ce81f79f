//! What is left when a run is over: what was seen at both ends, and the state of every node.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use chronos_state::{
    ExecutionList, JobList, JobRow, Machine, OperationRow, PageLimits, StateError, VersionRow,
};
use chronos_types::{Execution, ExecutionId, JobId};

use crate::client::KEPT_PER_JOB;
use crate::ledger::{Asked, Created, Delivery, Seen};
use crate::trouble::{HINDERS, Troubles};
use crate::world::since_ms;

/// How long before its instant a run is planned, at most.
pub(crate) const PLANNED: Duration = Duration::from_secs(2);
/// Executions of a job that are forgotten for none that is newer. There are a few less than are kept of a job: planned runs
/// may have been taken off the record after others were forgotten for them, and old runs that are over late stay for longer
/// than newer ones.
const SURELY_KEPT: usize = KEPT_PER_JOB as usize - 5;

/// The state of one node.
pub(crate) struct NodeState {
    pub(crate) node: String,
    pub(crate) hash: String,
    /// The jobs that are not deleted.
    pub(crate) jobs: Vec<JobRow>,
    /// Their versions, the newest first.
    pub(crate) versions: HashMap<JobId, Vec<VersionRow>>,
    /// The executions, newest first.
    pub(crate) executions: Vec<Execution>,
    /// How many runs were withdrawn whose node has not said yet whether they had begun.
    pub(crate) withdrawn: usize,
    /// The operations, by id.
    pub(crate) operations: HashMap<String, OperationRow>,
    /// Of each job that has so many executions, the oldest of those that are surely kept: older ones may be forgotten.
    kept_from: HashMap<String, String>,
}

impl NodeState {
    /// Whether executions of a job may have been forgotten.
    pub(crate) fn forgets(&self, job: &str) -> bool {
        self.kept_from.contains_key(job)
    }

    /// Whether an execution that is not on record may have been forgotten, because its job has enough newer ones.
    pub(crate) fn may_be_forgotten(&self, job: &str, execution: &str) -> bool {
        self.kept_from.get(job).is_some_and(|oldest| execution < oldest.as_str())
    }
}

/// Everything that the invariants look at.
pub(crate) struct Evidence<'a> {
    pub(crate) seen: &'a Seen,
    pub(crate) troubles: Troubles,
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

    /// When an execution was over by the record, if it is on record, and if it was.
    pub(crate) fn over_at(&self, execution: &str) -> Option<Option<Duration>> {
        let id = ExecutionId::parse(execution).ok()?;
        let mut records = self.whole().into_iter().flat_map(|state| &state.executions);
        records.find(|record| record.id == id).map(|record| record.completed_at.map(since_ms))
    }

    /// Whether a change or a pause of its job may have withdrawn a run without its node hearing of it: that node makes it all
    /// the same, until its lease ends, and knows nothing of what was put elsewhere in its place.
    pub(crate) fn may_be_withdrawn_unheard(&self, delivery: &Delivery) -> bool {
        let since = delivery.at.saturating_sub(PLANNED);
        let mut turns = self.seen.jobs.get(&delivery.job).into_iter().flat_map(Created::turns);
        turns.any(|Asked { asked, answered }| {
            let is_after_its_plan = answered.is_none_or(|answered| answered >= since);
            is_after_its_plan
                && asked <= delivery.at
                && self.troubles.explain(&delivery.node, asked, delivery.at, &HINDERS)
        })
    }

    /// What a job does where its runs overlap, if a client was told of the job.
    pub(crate) fn concurrency(&self, job: &str) -> Option<&'static str> {
        self.seen.jobs.get(job).map(|job| job.concurrency)
    }

    /// The same of a job whose runs begin at their instants.
    pub(crate) fn concurrency_without_jitter(&self, job: &str) -> Option<&'static str> {
        self.seen.jobs.get(job).filter(|job| !job.has_jitter).map(|job| job.concurrency)
    }
}

/// Reads the state that a node left.
pub(crate) fn read(node: &str, files: &Path) -> Result<NodeState, StateError> {
    let machine = Machine::open(&files.join("state.db"))?;
    let reader = machine.reader()?;
    let all = PageLimits { rows: usize::MAX, examined_rows: usize::MAX, examined_bytes: u64::MAX };
    let (mut jobs, mut executions, mut versions) = (Vec::<JobRow>::new(), Vec::new(), HashMap::new());
    reader.jobs(&JobList::default(), None, None, all, |job| {
        jobs.push(job);
        true
    })?;
    for row in &jobs {
        let of_job: &mut Vec<VersionRow> = versions.entry(row.job.id).or_default();
        reader.versions(row.seq, None, all, |version| {
            of_job.push(version);
            true
        })?;
    }
    reader.executions(&ExecutionList::default(), None, None, all, |row| {
        executions.push(row.execution);
        true
    })?;
    let mut operations = HashMap::new();
    reader.operations(None, all, |row| {
        operations.insert(row.id.to_string(), row);
        true
    })?;
    let nodes = reader.withdrawn_nodes()?;
    let withdrawn =
        nodes.iter().map(|node| Ok(reader.withdrawn(node)?.len())).sum::<Result<usize, StateError>>()?;
    let hash = reader.state_hash()?;
    let kept_from = kept_from(&executions);
    Ok(NodeState {
        node: node.to_owned(),
        hash,
        jobs,
        versions,
        executions,
        withdrawn,
        operations,
        kept_from,
    })
}

fn kept_from(executions: &[Execution]) -> HashMap<String, String> {
    let mut of_job = HashMap::<JobId, (usize, String)>::new();
    // They are read from the newest to the oldest.
    for execution in executions {
        let (count, oldest) = of_job.entry(execution.job_id).or_default();
        if *count < SURELY_KEPT {
            *count += 1;
            *oldest = execution.id.to_string();
        }
    }
    let full = of_job.into_iter().filter(|(_, (count, _))| *count >= SURELY_KEPT);
    full.map(|(job, (_, oldest))| (job.to_string(), oldest)).collect()
}

#[cfg(test)]
impl NodeState {
    /// A state in which nothing is.
    pub(crate) fn of_nothing(node: String) -> Self {
        let (hash, jobs, versions, executions, operations, kept_from) = Default::default();
        Self { node, hash, jobs, versions, executions, withdrawn: 0, operations, kept_from }
    }
}
