//! Reads the columns that several tables have.

use chronos_types::{ExecutionId, NodeName, Trigger};
use rusqlite::{Result, Row};

use crate::run::{Fire, JobSeq, RunRef};

/// Reads a job's number.
pub(crate) fn job_seq(row: &Row<'_>, column: usize) -> Result<JobSeq> {
    row.get(column).map(JobSeq::new)
}

/// Reads a node's name.
pub(crate) fn node(row: &Row<'_>, column: usize) -> Result<NodeName> {
    Ok(NodeName::unchecked(row.get_ref(column)?.as_str()?))
}

/// Reads a withdrawn run: `id, job, version, slot, fire_at, node, unsure`.
pub(crate) fn withdrawn(row: &Row<'_>) -> Result<Fire> {
    let run = RunRef {
        execution: ExecutionId::from_bytes(row.get(0)?),
        job: job_seq(row, 1)?,
        version: row.get(2)?,
        scheduled_time: row.get(3)?,
        trigger: Trigger::Schedule,
    };
    Ok(Fire { run, fire_at: row.get(4)?, attempt: 1, node: node(row, 5)?, begun: row.get(6)? })
}
