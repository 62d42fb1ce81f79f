//! Which node holds which unfinished executions.
//!
//! An index by node would make every plan and every report dearer. So how many each node holds is counted, and which
//! they are is read from the index of all unfinished ones, once there is a node whose executions are to be moved.

use std::collections::HashMap;

use chronos_types::{ExecutionId, JobId, Millis, NodeName, Status};
use rusqlite::Row;

use super::connection::Reader;
use crate::error::StateError;
use crate::run::JobSeq;
use crate::stored::code::{self, open};
use crate::stored::{columns, row};

/// An unfinished execution of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenRun {
    /// The machine's own number of the execution.
    pub seq: i64,
    /// The execution.
    pub execution: ExecutionId,
    /// The machine's own number of its job.
    pub job_seq: JobSeq,
    /// Its job.
    pub job: JobId,
    /// Where it stands.
    pub status: Status,
    /// When it is to be fired, or when the attempt under way began.
    pub fire_at: Millis,
}

impl Reader {
    /// The nodes that hold unfinished executions, in order of their names, and how many each holds.
    ///
    /// # Errors
    /// The storage failed.
    pub fn open_nodes(&self) -> Result<Vec<(NodeName, u64)>, StateError> {
        // Asked each second while a node is silent: the executions themselves are not looked at.
        let sql = "SELECT node, held FROM open_runs ORDER BY node";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        let mut nodes = Vec::new();
        while let Some(row) = rows.next()? {
            nodes.push((columns::node(row, 0)?, row.get(1)?));
        }
        Ok(nodes)
    }

    /// Unfinished executions of a node after `after`, those of one job together.
    ///
    /// # Errors
    /// The storage failed.
    pub fn open_of(
        &self,
        node: &NodeName,
        after: Option<&OpenRun>,
        limit: usize,
    ) -> Result<Vec<OpenRun>, StateError> {
        // The order is that of the index, so each page starts where the last one ended.
        let sql = concat!(
            "SELECT e.seq, e.id, e.job, j.id, e.status, e.fire_at
            FROM executions e INDEXED BY executions_open CROSS JOIN jobs j ON j.seq = e.job
            WHERE ",
            open!("e."),
            " AND (e.job, e.seq) > (?2, ?3) AND e.node = ?1 ORDER BY e.job, e.seq LIMIT ?4"
        );
        let (job, seq) = after.map_or((0, 0), |run| (run.job_seq.get(), run.seq));
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query((node.as_str(), job, seq, limit))?;
        let mut open = Vec::new();
        while let Some(row) = rows.next()? {
            open.push(row::read("executions", row, open_run)?);
        }
        Ok(open)
    }

    /// For each of these jobs, the node that holds its first unfinished execution, apart from those of the node
    /// `beside`. A job that has none is not in the answer.
    ///
    /// # Errors
    /// The storage failed.
    pub fn holders(
        &self,
        jobs: &[JobSeq],
        beside: Option<&NodeName>,
    ) -> Result<HashMap<JobSeq, NodeName>, StateError> {
        let sql = concat!(
            "SELECT seq, node FROM executions INDEXED BY executions_open WHERE job = ?1 AND ",
            open!(),
            " AND node IS NOT ?2 ORDER BY seq LIMIT 1"
        );
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut holders = HashMap::new();
        for job in jobs {
            let mut rows = statement.query((job.get(), beside.map(NodeName::as_str)))?;
            if let Some(row) = rows.next()? {
                let node = row::read("executions", row, |row| columns::node(row, 1))?;
                holders.insert(*job, node);
            }
        }
        Ok(holders)
    }
}

fn open_run(row: &Row<'_>) -> Result<OpenRun, StateError> {
    Ok(OpenRun {
        seq: row.get(0)?,
        execution: ExecutionId::from_bytes(row.get(1)?),
        job_seq: columns::job_seq(row, 2)?,
        job: JobId::from_bytes(row.get(3)?),
        status: code::status(row.get(4)?),
        fire_at: row.get(5)?,
    })
}
