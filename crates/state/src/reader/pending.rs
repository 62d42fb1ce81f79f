//! The runs of a job that are on record ahead of their instants: the first of them is the job's next run.

use chronos_types::{Millis, Trigger};

use super::connection::Reader;
use super::jobs::JobRow;
use super::remainders::{OpenFire, open_columns};
use crate::error::StateError;
use crate::run::{Fire, JobSeq};
use crate::stored::code::open;
use crate::stored::{columns, row};

/// Unfinished runs of a job that are looked at, the newest. A job has some that wait for their instants within two
/// seconds, and as many as fall due within its jitter.
const LOOKED_AT: usize = 100;

/// A run that its job's schedule asked for, and of which no attempt was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingRun {
    /// The instant it is scheduled for.
    pub scheduled_time: Millis,
    /// When it is to fire: then, and its jitter.
    pub fire_at: Millis,
}

impl Reader {
    /// The pending runs of a job, the newest first.
    pub(super) fn pending_runs(&self, job: JobSeq) -> Result<Vec<PendingRun>, StateError> {
        let sql = concat!(
            "SELECT ",
            open_columns!(),
            ", node FROM executions INDEXED BY executions_open WHERE job = ?1 AND ",
            open!(),
            " ORDER BY seq DESC LIMIT ?2"
        );
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query((job.get(), LOOKED_AT))?;
        let (mut pending, mut remainders) = (Vec::new(), None);
        while let Some(row) = rows.next()? {
            let open = row::read("executions", row, |row| OpenFire::read(row, &columns::node(row, 10)?))?;
            let Fire { run, fire_at, begun, .. } = &open.fire;
            if *begun || !matches!(run.trigger, Trigger::Schedule | Trigger::CatchUp) {
                continue;
            }
            if remainders.is_none() {
                remainders = Some(self.remainders()?);
            }
            // What a change of the job has yet to withdraw or to end does not come.
            if remainders.as_ref().is_some_and(|remainders| open.fate(remainders).is_some()) {
                continue;
            }
            pending.push(PendingRun { scheduled_time: run.scheduled_time, fire_at: *fire_at });
        }
        Ok(pending)
    }
}

impl JobRow {
    /// The scheduled time of the job's next run, where it is `now`: that of a run on record which is still to fire, or
    /// the instant at which the job falls due next.
    #[must_use]
    pub fn next_run(&self, now: Millis) -> Option<Millis> {
        let to_come = self.pending.iter().filter(|run| run.fire_at > now).map(|run| run.scheduled_time);
        to_come.chain(self.job.next_due).min()
    }
}
