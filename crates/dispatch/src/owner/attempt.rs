//! Starting attempts, and taking in how they ended.

use std::time::Duration;

use chronos_state::{Reported, RunRef};
use chronos_types::request::{self, Occasion};
use chronos_types::{DurationMs, ErrorKind, ExecutionId, JobSpec, Millis, Status};
use chronos_webhook::{Outcome, is_retryable};
use tokio::time::Instant;

use super::{Dispatcher, Entry, Message, State};

/// An attempt that takes longer than this shows as `running`. Shorter ones are over before
/// anybody could look, and their one report is all that the log carries.
const LONG_ENOUGH_TO_SHOW: Duration = Duration::from_millis(100);
/// An attempt that is not over after this does not hold back others to the same target.
const FRESH_FOR: Duration = Duration::from_millis(20);

/// An attempt ended.
pub(super) struct Done {
    execution: ExecutionId,
    attempt: u32,
    duration_ms: u64,
    outcome: Outcome,
}

impl Dispatcher {
    /// Begins the attempt as soon as there is a slot.
    pub(super) fn begin(&mut self, id: ExecutionId) {
        if !self.may_begin() {
            if let Some(entry) = self.entries.get_mut(&id) {
                entry.state = State::Held;
                self.held.push(id);
            }
            return;
        }
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let Some(prepared) = &entry.prepared else { return };
        if self.capacity.enter(&prepared.origin, id) {
            self.launch(id);
        } else {
            entry.state = State::InLine;
        }
    }

    /// Begins what was held meanwhile, if attempts may begin now.
    pub(super) fn go_on(&mut self) {
        if !self.may_begin() {
            return;
        }
        for id in std::mem::take(&mut self.held) {
            if matches!(self.entries.get(&id), Some(Entry { state: State::Held, .. })) {
                self.begin(id);
            }
        }
        self.launch_waiting();
    }

    pub(super) fn launch_waiting(&mut self) {
        if !self.may_begin() {
            return;
        }
        while let Some(id) = self.capacity.next() {
            self.launch(id);
        }
    }

    fn launch(&mut self, id: ExecutionId) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let Some(prepared) = entry.prepared.clone() else { return };
        let now_us = self.config.env.now_us();
        let started_at = now_us.div_euclid(1000);
        let attempt = entry.fire.attempt;
        if attempt == 1 {
            self.config.metrics.lateness(now_us - entry.fire.fire_at * 1000);
        }
        entry.first_started_at.get_or_insert(started_at);
        let RunRef { scheduled_time, trigger, .. } = entry.fire.run;
        let (client, messages) = (self.config.client.clone(), self.messages.clone());
        // All that takes time is in here, on whichever thread is free; the owner's loop is one.
        let task = tokio::spawn(async move {
            let begun = Instant::now();
            let spec = &prepared.spec;
            let occasion = Occasion {
                job_id: prepared.job_id,
                job_name: &spec.name,
                execution_id: id,
                scheduled_time,
                trigger,
                attempt,
            };
            let request = request::build(&spec.webhook, &occasion);
            let timeout = spec.webhook.timeout.or(spec.timeout).map(DurationMs::as_std);
            let outcome = client.attempt(&spec.webhook, request, timeout).await;
            let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            let _ = messages.send(Message::Done(Done { execution: id, attempt, duration_ms, outcome }));
        });
        entry.state = State::Running { abort: task.abort_handle(), started_at, fresh: true };
        self.running += 1;
        let now = Instant::now();
        self.unseen.push_back((now + LONG_ENOUGH_TO_SHOW, id, attempt));
        self.fresh.push_back((now + FRESH_FOR, id, attempt));
    }

    /// Reports attempts that have been under way for long enough to be looked at.
    pub(super) fn show_running(&mut self) {
        let now = Instant::now();
        while self.unseen.front().is_some_and(|(at, ..)| *at <= now) {
            let Some((_, id, attempt)) = self.unseen.pop_front() else { return };
            if let Some(entry) = self.entries.get(&id)
                && entry.fire.attempt == attempt
                && let State::Running { started_at, .. } = entry.state
            {
                self.report(id, Reported::Begun { attempt, started_at });
            }
        }
    }

    /// Lets targets whose attempts take their time have more of them.
    pub(super) fn grow_old(&mut self) {
        let now = Instant::now();
        while self.fresh.front().is_some_and(|(at, ..)| *at <= now) {
            let Some((_, id, number)) = self.fresh.pop_front() else { return };
            if let Some(entry) = self.entries.get_mut(&id)
                && entry.fire.attempt == number
                && let State::Running { fresh, .. } = &mut entry.state
                && let Some(prepared) = &entry.prepared
            {
                *fresh = false;
                self.capacity.grow_old(&prepared.origin);
            }
        }
        self.launch_waiting();
    }

    pub(super) fn done(&mut self, done: Done) {
        let Done { execution: id, attempt, duration_ms, outcome } = done;
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let State::Running { started_at, fresh, .. } = entry.state else { return };
        let Some(prepared) = entry.prepared.clone() else { return };
        if entry.fire.attempt != attempt {
            return;
        }
        let ended_at = started_at.saturating_add_unsigned(duration_ms);
        let env = &self.config.env;
        let draw = || f64::from(u32::from_be_bytes(env.random_bytes())) / f64::from(u32::MAX);
        let retry_at = retry_at(&prepared.spec, attempt, &outcome, ended_at, draw);
        entry.state = State::Reported;
        self.running -= 1;
        self.capacity.leave(&prepared.origin, fresh);
        self.config.metrics.attempt_ended(outcome.failure.as_ref().map(|(kind, _)| *kind));
        let failed = outcome.failure.is_some();
        if let Some((kind, why)) = &outcome.failure {
            let retrying = retry_at.is_some();
            tracing::info!(execution = %id, job = %prepared.spec.name, attempt, kind = kind.as_str(), why, retrying, "attempt failed");
        } else {
            tracing::debug!(execution = %id, job = %prepared.spec.name, attempt, duration_ms, "delivered");
        }
        self.report(
            id,
            Reported::Ended {
                attempt,
                started_at,
                duration_ms,
                response: outcome.response,
                failure: outcome.failure,
                retry_at,
            },
        );
        if retry_at.is_none() {
            self.finish(id, if failed { Status::Failed } else { Status::Success });
        }
        self.launch_waiting();
    }
}

/// When the next attempt is due, if there is to be one.
fn retry_at(
    spec: &JobSpec,
    attempt: u32,
    outcome: &Outcome,
    ended_at: Millis,
    draw: impl FnOnce() -> f64,
) -> Option<Millis> {
    let (kind, _): &(ErrorKind, String) = outcome.failure.as_ref()?;
    let policy = &spec.retry_policy;
    if attempt >= policy.max_attempts() || !is_retryable(*kind, outcome.response.status_code) {
        return None;
    }
    let backoff = policy.backoff(attempt, draw()).as_std();
    let asked = outcome.retry_after.unwrap_or_default().min(policy.max_interval().as_std());
    let wait = i64::try_from(backoff.max(asked).as_millis()).unwrap_or(i64::MAX);
    Some(ended_at.saturating_add(wait))
}
