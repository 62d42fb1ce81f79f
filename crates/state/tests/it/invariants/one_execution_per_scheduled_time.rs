//! A due instant has one execution, whose id says job and instant.

use std::collections::BTreeSet;

use chronos_state::Batch;
use chronos_types::{ExecutionId, Trigger};
use rusqlite::Connection;

use super::Invariant;
use crate::oracle::View;

pub struct Check;

impl Invariant for Check {
    fn check(&mut self, _: &Batch, view: &View, _: &Connection) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        for row in &view.executions {
            let execution = &row.execution;
            // What stands for a stretch that is passed over is none of an instant.
            if !matches!(execution.trigger, Trigger::Schedule | Trigger::CatchUp)
                || execution.missed.is_some()
            {
                continue;
            }
            if !seen.insert((row.job_seq, execution.scheduled_time)) {
                return Err(format!("a second execution of one instant: {execution:?}"));
            }
            if execution.id != ExecutionId::scheduled(execution.job_id, execution.scheduled_time) {
                return Err(format!("its id is not that of its instant: {execution:?}"));
            }
        }
        Ok(())
    }
}
