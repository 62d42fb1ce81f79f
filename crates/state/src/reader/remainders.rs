//! What changes of jobs have left to do with their runs, as reads see it: as if it had been done.

use std::collections::HashMap;

use chronos_types::{ExecutionId, NodeName, Status, Trigger};
use rusqlite::Row;

use super::connection::Reader;
use crate::error::StateError;
use crate::remainder::{Fate, Remainder};
use crate::run::{Fire, JobSeq, RunRef};
use crate::stored::code::{self, open};
use crate::stored::columns::{self, remainder_columns};
use crate::stored::execution::StoredDetail;
use crate::stored::row;

/// What is left, by job.
pub(super) type ByJob = HashMap<JobSeq, Vec<Remainder>>;

impl Reader {
    /// Whether changes of jobs have left anything to do with their runs.
    ///
    /// # Errors
    /// The storage failed.
    pub fn has_remainders(&self) -> Result<bool, StateError> {
        Ok(self.connection.prepare_cached("SELECT 1 FROM remainders LIMIT 1")?.exists([])?)
    }

    pub(super) fn remainders(&self) -> Result<ByJob, StateError> {
        let sql = concat!("SELECT ", remainder_columns!(), " FROM remainders ORDER BY job, nr");
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        let mut remainders = ByJob::new();
        while let Some(row) = rows.next()? {
            let remainder = columns::remainder(row)?;
            remainders.entry(remainder.job).or_default().push(remainder);
        }
        Ok(remainders)
    }

    /// The runs of a node that changes of jobs have yet to withdraw.
    pub(super) fn yet_to_withdraw(&self, node: &NodeName) -> Result<Vec<Fire>, StateError> {
        let remainders = self.remainders()?;
        let sql = concat!(
            "SELECT ",
            open_columns!(),
            " FROM executions INDEXED BY executions_open WHERE job = ?1 AND ",
            open!(),
            " AND node = ?2"
        );
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut fires = Vec::new();
        for job in remainders.keys() {
            let mut rows = statement.query((job.get(), node.as_str()))?;
            while let Some(row) = rows.next()? {
                let open = row::read("executions", row, |row| OpenFire::read(row, node))?;
                if open.fate(&remainders) == Some(Fate::Withdrawn) {
                    fires.push(Fire { begun: open.unsure, ..open.fire });
                }
            }
        }
        Ok(fires)
    }
}

/// The columns of an unfinished execution, for [`OpenFire::read`].
macro_rules! open_columns {
    () => {
        "id, job, version, scheduled_time, fire_at, status, attempts, trigger, seq, detail"
    };
}
pub(super) use open_columns;

/// An unfinished execution, as its node has it.
pub(super) struct OpenFire {
    seq: i64,
    status: Status,
    /// Whether a node that held it before may have begun it and cannot be asked.
    unsure: bool,
    pub(super) fire: Fire,
}

impl OpenFire {
    pub(super) fn read(row: &Row<'_>, node: &NodeName) -> Result<Self, StateError> {
        let status = code::status(row.get(5)?);
        let run = RunRef {
            execution: ExecutionId::from_bytes(row.get(0)?),
            job: columns::job_seq(row, 1)?,
            version: row.get(2)?,
            scheduled_time: row.get(3)?,
            trigger: code::trigger(row.get(7)?),
        };
        // Only what is planned and not begun is withdrawn, and stands behind others; little of that has a detail. No run of a schedule sends
        // anything else than its job says.
        let is_planned = matches!(run.trigger, Trigger::Schedule | Trigger::CatchUp);
        let is_pending = status == Status::Pending;
        let detail = (is_pending || !is_planned).then(|| row.get_ref(9)).transpose()?;
        let detail = detail.map(StoredDetail::or_unknown).unwrap_or_default();
        let (unsure, overridden) = (is_pending && detail.unsure, !is_planned && detail.may_be_overridden());
        let fire = Fire::open(run, status, row.get(6)?, row.get(4)?, node.clone());
        let behind = is_pending && detail.operation.is_some();
        let fire = Fire { behind, overridden, ..fire };
        Ok(Self { seq: row.get(8)?, status, unsure, fire })
    }

    /// What is to become of it: the first that a change does with it, apart from its version.
    pub(super) fn fate(&self, remainders: &ByJob) -> Option<Fate> {
        let Fire { run, fire_at, .. } = &self.fire;
        let of_job = remainders.get(&run.job)?.iter().filter(|remainder| remainder.is_about(self.seq));
        let mut fates = of_job.map(|remainder| remainder.fate(run, *fire_at, self.status == Status::Pending));
        fates.find(|fate| fate.is_end())
    }
}
