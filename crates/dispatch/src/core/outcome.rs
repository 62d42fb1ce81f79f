//! Taking in how an attempt ended: what is reported, and whether the execution is over.

use std::sync::Arc;
use std::time::Duration;

use chronos_state::{Report, Reported};
use chronos_types::{ErrorKind, ExecutionId, Millis, Status, Waited};
use chronos_webhook::{Outcome, TokenFault};

use super::action::Action;
use super::capacity::Sign;
use super::entry::{Backoff, State};
use super::event::{Ended, Unmade};
use super::executions::Executions;
use super::heap::Due;
use super::retry::{Retry, retry};
use super::step::Step;

/// How long an attempt waits that could not be made for want of something that this process has too little
/// of. Others end meanwhile and give some back.
const PAUSE: Duration = Duration::from_millis(100);

impl Executions {
    /// An attempt ended. One that was cut off before may be heard of still, and is passed over.
    pub(super) fn attempt_ended(&mut self, ended: Ended, draw: f64, step: &mut Step<'_>) {
        let Ended { execution: id, attempt, duration_ms, outcome } = ended;
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let State::Running { started_at, slot } = entry.state else { return };
        let Some(job) = &entry.prepared else { return };
        if entry.fire.attempt != attempt {
            return;
        }
        self.running -= 1;
        self.capacity.leave(&job.origin, id, slot, sign(outcome.as_ref().ok(), duration_ms));
        match outcome {
            Err(Unmade::VersionGone) => self.version_gone(id, super::turns::VERSION_GONE, step),
            Err(Unmade::Withheld { has_sent }) => self.withhold(id, started_at, has_sent),
            Ok(Outcome { shortage: Some(shortage), .. }) => self.postpone(id, shortage, step),
            Ok(outcome) => {
                let ended_at = started_at.saturating_add_unsigned(duration_ms);
                // Once, whatever the policy says: it is not known whether the target takes a token that is new.
                let is_renewed = outcome.token == Some(TokenFault::Refused) && !entry.has_renewed_token;
                entry.has_renewed_token |= is_renewed;
                let retry = match is_renewed {
                    true => Some(Retry { at: ended_at, asked_ms: 0 }),
                    false => retry(&job.retry_policy, attempt, &outcome, ended_at, draw),
                };
                let retry_at = retry.map(|retry| retry.at);
                let retry_after_ms = retry.map_or(0, |retry| retry.asked_ms);
                let asked = Waited { retry_after_ms, ..Waited::default() };
                let waited = std::mem::take(&mut entry.waited).and(asked);
                let ended_after = slot.begun.saturating_add(Duration::from_millis(duration_ms));
                entry.backoff = retry_at.map(|retry_at| {
                    let wait = Duration::from_millis(retry_at.abs_diff(ended_at));
                    Backoff { retry_at, over_at: ended_after.saturating_add(wait) }
                });
                let status = if outcome.failure.is_some() { Status::Failed } else { Status::Success };
                let has_failed = outcome.failure.is_some() && retry_at.is_none();
                let what = Reported::Ended {
                    attempt,
                    started_at,
                    duration_ms,
                    response: outcome.response,
                    failure: outcome.failure,
                    retry_at,
                    phases: Some(outcome.phases).filter(|phases| !phases.is_empty()),
                    waited,
                    host: has_failed.then(|| job.host.to_string()),
                };
                let job = Arc::clone(job);
                entry.state = State::Reported;
                step.push(Action::AttemptEnded { job, report: Report::of(&entry.fire, what) });
                if retry_at.is_none() {
                    self.finish(id, status, step);
                }
            }
        }
        self.begin_waiting(step);
    }

    /// The attempt that began then was not made. The run keeps its place in its job, and nothing is said of it until
    /// the state has told whose it is.
    fn withhold(&mut self, id: ExecutionId, started_at: Millis, has_sent: bool) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.state = State::Withheld;
            entry.first_started_at = entry.first_started_at.filter(|first| *first != started_at);
            entry.inherited |= has_sent;
        }
        self.has_withheld = true;
    }

    /// The same attempt is made again soon, before others of its target: its target has done nothing wrong.
    fn postpone(&mut self, id: ExecutionId, shortage: String, step: &mut Step<'_>) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.state = State::Postponed;
        }
        self.arm(id, Due::After(step.now.monotonic + PAUSE));
        step.push(Action::Postponed { execution: id, shortage });
    }
}

/// What it says of a target that there was no token for it. Slots are taken by attempts that wait for one as by those that
/// wait for the target, so it counts as if that were slow.
fn of_token(fault: Option<TokenFault>, duration_ms: u64) -> Sign {
    match fault {
        Some(TokenFault::Refused) => Sign::Answered(duration_ms),
        Some(TokenFault::Missing { kind: ErrorKind::Timeout, .. }) => Sign::TimedOut,
        Some(TokenFault::Missing { .. }) | None => Sign::Failed,
    }
}

/// What an attempt's end says of its target.
fn sign(outcome: Option<&Outcome>, duration_ms: u64) -> Sign {
    match outcome {
        None | Some(Outcome { shortage: Some(_), .. }) => Sign::NotCalled,
        Some(outcome) => match &outcome.failure {
            None | Some((ErrorKind::Status, _)) => Sign::Answered(duration_ms),
            Some((ErrorKind::Timeout, _)) => Sign::TimedOut,
            Some((ErrorKind::Secret, _)) => Sign::NotCalled,
            Some((ErrorKind::Auth, _)) => of_token(outcome.token, duration_ms),
            Some(_) => Sign::Failed,
        },
    }
}
