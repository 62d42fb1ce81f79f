//! While a job is paused no run of it comes on record by its schedule, but for those after the end of the pause.

use std::collections::BTreeSet;

use chronos_state::Batch;
use chronos_types::{ExecutionId, Status, Trigger};
use rusqlite::Connection;

use super::Invariant;
use crate::oracle::View;

#[derive(Default)]
pub struct Check {
    seen: BTreeSet<ExecutionId>,
}

impl Invariant for Check {
    fn check(&mut self, _: &Batch, view: &View, _: &Connection) -> Result<(), String> {
        for row in &view.executions {
            let execution = &row.execution;
            let is_new = self.seen.insert(execution.id);
            // One that was withdrawn comes back if its node had begun it.
            let is_planned = execution.trigger == Trigger::Schedule && execution.status == Status::Pending;
            let job = view.jobs.iter().find(|job| job.seq == row.job_seq);
            let Some(pause) = job.and_then(|job| job.paused.as_ref()).filter(|_| is_new && is_planned) else {
                continue;
            };
            if pause.until.is_none_or(|until| execution.scheduled_time < until) {
                return Err(format!("{execution:?} came on record while its job is paused: {pause:?}"));
            }
        }
        Ok(())
    }
}
