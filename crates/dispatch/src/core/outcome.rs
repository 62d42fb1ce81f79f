//! Taking in how an attempt ended: what is reported, and whether the execution is over.

use std::sync::Arc;

use chronos_state::{Report, Reported};
use chronos_types::Status;

use super::action::Action;
use super::entry::State;
use super::event::Ended;
use super::executions::Executions;
use super::retry::retry_at;
use super::step::Step;

impl Executions {
    /// An attempt ended. One that was cut off before may be heard of still, and is passed over.
    pub(super) fn attempt_ended(&mut self, ended: Ended, draw: f64, step: &mut Step<'_>) {
        let Ended { execution: id, attempt, duration_ms, outcome } = ended;
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let State::Running { started_at, fresh } = entry.state else { return };
        let Some(job) = &entry.prepared else { return };
        if entry.fire.attempt != attempt {
            return;
        }
        let ended_at = started_at.saturating_add_unsigned(duration_ms);
        let retry_at = retry_at(&job.spec, attempt, &outcome, ended_at, draw);
        self.running -= 1;
        self.capacity.leave(&job.origin, fresh);
        let status = if outcome.failure.is_some() { Status::Failed } else { Status::Success };
        let what = Reported::Ended {
            attempt,
            started_at,
            duration_ms,
            response: outcome.response,
            failure: outcome.failure,
            retry_at,
        };
        let job = Arc::clone(job);
        entry.state = State::Reported;
        step.push(Action::AttemptEnded { job, report: Report::of(&entry.fire, what) });
        if retry_at.is_none() {
            self.finish(id, status, step);
        }
        self.begin_waiting(step);
    }
}
