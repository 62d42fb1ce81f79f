//! Every instant that a job's next due instant has moved past is on record, or was until it was
//! trimmed, or was passed over by name.

use std::collections::{BTreeMap, BTreeSet};

use chronos_state::{Batch, Command, JobRow, JobSeq};
use chronos_types::{ExecutionId, Millis, Trigger};
use rusqlite::Connection;

use super::Invariant;
use crate::ops::period;
use crate::oracle::View;

#[derive(Default)]
pub struct Check {
    jobs: BTreeMap<JobSeq, Track>,
    /// Executions that were seen finished, so that only a trim can have taken them.
    finished: BTreeSet<ExecutionId>,
}

/// A job, for as long as nothing about its instants changes.
struct Track {
    period: Millis,
    /// The first instant that is owed, and the first that is not yet.
    from: Millis,
    until: Millis,
    due: Option<Millis>,
    passed_over: BTreeSet<Millis>,
}

impl Invariant for Check {
    fn check(&mut self, batch: &Batch, view: &View, _: &Connection) -> Result<(), String> {
        let over = view.executions.iter().filter(|row| row.execution.status.is_finished());
        self.finished.extend(over.map(|row| row.execution.id));
        let recorded: BTreeSet<_> = view.executions.iter().map(|row| row.execution.id).collect();
        let mut before = std::mem::take(&mut self.jobs);
        // A time when a job is disabled or paused is none of those in which an instant can be lost.
        let runs = |row: &&JobRow| row.job.spec.as_ref().unwrap().enabled && row.paused.is_none();
        for row in view.jobs.iter().filter(runs) {
            let known = before
                .remove(&row.seq)
                .filter(|track| track.period == period(row.job.spec.as_ref().unwrap()));
            let Some(track) = known.map(|track| track.follow(row, batch)).or_else(|| Track::begin(row))
            else {
                continue;
            };
            let mut due = track.from;
            while due < track.until {
                let id = ExecutionId::scheduled(row.job.id, due);
                let said =
                    recorded.contains(&id) || self.finished.contains(&id) || track.passed_over.contains(&due);
                if !said {
                    return Err(format!(
                        "{:?} was due at {due} and nothing says so",
                        row.job.spec.as_ref().unwrap().name
                    ));
                }
                due += track.period;
            }
            self.jobs.insert(row.seq, track);
        }
        Ok(())
    }
}

impl Track {
    fn begin(row: &JobRow) -> Option<Self> {
        let from = row.job.next_due?;
        let period = period(row.job.spec.as_ref().unwrap());
        Some(Self { period, from, until: from, due: Some(from), passed_over: BTreeSet::new() })
    }

    fn follow(mut self, row: &JobRow, batch: &Batch) -> Self {
        let due = row.job.next_due;
        if due == self.due {
            return self;
        }
        let plan = match &batch.items[0].command {
            Command::Plan(plan) => plan.steps.as_slice(),
            _ => &[],
        };
        let first = self.due.unwrap_or(self.until);
        let own = || plan.iter().filter(|step| step.job == row.seq);
        for step in own() {
            // What stands before a run that catches up, and all of a step without a run.
            let end = match &step.run {
                None => step.next_due.unwrap_or(first),
                Some(run) if run.trigger == Trigger::CatchUp => run.scheduled_time,
                Some(_) => first,
            };
            self.passed_over.extend((first..end).step_by(usize::try_from(self.period).unwrap()));
        }
        let last = own().filter_map(|step| Some(step.run.as_ref()?.scheduled_time)).max();
        // Where the last run was planned, nothing is due, and all up to it is owed.
        self.until = due.unwrap_or_else(|| last.map_or(self.until, |last| last.min(first) + 1));
        self.due = due;
        self
    }
}
