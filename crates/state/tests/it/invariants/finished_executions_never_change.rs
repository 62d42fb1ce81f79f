//! What is over is history: its record stays as it is until it is trimmed.

use std::collections::BTreeMap;

use chronos_state::{Batch, Command, ExecutionRow};
use chronos_types::ExecutionId;
use rusqlite::Connection;

use super::Invariant;
use crate::oracle::View;

#[derive(Default)]
pub struct Check {
    finished: BTreeMap<ExecutionId, ExecutionRow>,
}

impl Invariant for Check {
    fn check(&mut self, batch: &Batch, view: &View, _: &Connection) -> Result<(), String> {
        let now: BTreeMap<_, _> = view.executions.iter().map(|row| (row.execution.id, row)).collect();
        let trims = matches!(batch.items[0].command, Command::Trim(_));
        for (id, then) in &self.finished {
            match now.get(id) {
                Some(row) if told(row) != *then => {
                    return Err(format!("it was {then:?}\nand now is {row:?}"));
                }
                None if !trims => {
                    return Err(format!("it is gone, and nothing was trimmed: {then:?}"));
                }
                _ => {}
            }
        }
        let finished = view.executions.iter().filter(|row| row.execution.status.is_finished());
        self.finished = finished.map(|row| (row.execution.id, told(row))).collect();
        Ok(())
    }
}

/// A row without what its credentials are sealed to: when the key changes they are sealed anew, in history too.
fn told(row: &ExecutionRow) -> ExecutionRow {
    let mut row = row.clone();
    if let Ok(spec) = &mut row.spec {
        spec.webhook.sealed = None;
    }
    row
}
