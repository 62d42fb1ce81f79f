//! Reads the columns that several tables have.

use chronos_types::{ExecutionId, NodeName, Trigger};
use rusqlite::Row;

use super::row;
use crate::error::StateError;
use crate::remainder::{Change, Remainder};
use crate::run::{Fire, JobSeq, RunRef};

/// Reads a job's number.
pub(crate) fn job_seq(row: &Row<'_>, column: usize) -> Result<JobSeq, StateError> {
    Ok(JobSeq::new(row.get(column)?))
}

/// Reads a node's name.
pub(crate) fn node(row: &Row<'_>, column: usize) -> Result<NodeName, StateError> {
    Ok(NodeName::unchecked(row.get_ref(column)?.as_str()?))
}

/// The columns of a withdrawn run, for [`withdrawn`].
macro_rules! withdrawn_columns {
    () => {
        "id, job, version, scheduled_time, fire_at, node, unsure"
    };
}
pub(crate) use withdrawn_columns;

/// Reads a withdrawn run.
pub(crate) fn withdrawn(row: &Row<'_>) -> Result<Fire, StateError> {
    row::read("withdrawn", row, |row| {
        let run = RunRef {
            execution: ExecutionId::from_bytes(row.get(0)?),
            job: job_seq(row, 1)?,
            version: row.get(2)?,
            scheduled_time: row.get(3)?,
            trigger: Trigger::Schedule,
        };
        let (node, begun) = (node(row, 5)?, row.get(6)?);
        Ok(Fire { run, fire_at: row.get(4)?, attempt: 1, node, begun, policy: None })
    })
}

/// The columns of a remainder, for [`remainder`].
macro_rules! remainder_columns {
    () => {
        "job, nr, what, version, at, after, upto"
    };
}
pub(crate) use remainder_columns;

/// Reads what a change of a job has left to do.
pub(crate) fn remainder(row: &Row<'_>) -> Result<Remainder, StateError> {
    row::read("remainders", row, |row| {
        Ok(Remainder {
            job: job_seq(row, 0)?,
            nr: row.get(1)?,
            change: Change::of(row.get(2)?, row.get(3)?),
            at: row.get(4)?,
            after: row.get(5)?,
            upto: row.get(6)?,
        })
    })
}
