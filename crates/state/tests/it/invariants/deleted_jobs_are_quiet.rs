//! A job that is deleted has nothing unfinished and is not due: it is never called again.

use chronos_state::Batch;
use rusqlite::Connection;

use super::Invariant;
use crate::oracle::View;

pub struct Check;

impl Invariant for Check {
    fn check(&mut self, _: &Batch, view: &View, _: &Connection) -> Result<(), String> {
        let lives = |seq| view.jobs.iter().any(|row| row.seq == seq);
        if let Some(fire) = view.open.iter().find(|fire| !lives(fire.run.job)) {
            return Err(format!("a deleted job owes a delivery: {fire:?}"));
        }
        let enabled =
            |seq| view.jobs.iter().any(|row| row.seq == seq && row.job.spec.as_ref().unwrap().enabled);
        if let Some(due) = view.due.iter().find(|due| !enabled(due.seq)) {
            return Err(format!("a job that is deleted or disabled is due: {due:?}"));
        }
        Ok(())
    }
}
