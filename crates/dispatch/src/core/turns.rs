//! Whose turn it is: at an execution's instant its job's policy decides, and when one ends the next
//! of its job goes.

use std::sync::Arc;

use chronos_state::{Fire, JobSeq, Reported, RunRef};
use chronos_types::{ExecutionId, Millis, Status};

use super::action::Action;
use super::entry::{Entry, State};
use super::event::Now;
use super::executions::Executions;
use super::lane::{Arrival, Verdict};
use super::prepared::{Key, Loaded};
use super::step::Step;

/// Executions that are taken up in one step. The first of many that are due at once is not to wait until
/// the last was looked at.
const DUE_AT_ONCE: usize = 64;
/// What is reported of a run whose specification is gone.
pub(super) const VERSION_GONE: &str = "the version of the job that was to run is no longer on record";

impl Executions {
    /// When the next execution falls due that may be taken up then, by the time of day.
    pub(super) fn next_due(&self) -> Option<Millis> {
        if self.may_fire() { self.heap.next_instant() } else { None }
    }

    /// Whether executions are due that may be taken up.
    pub(super) fn is_due(&self, now: Now) -> bool {
        self.may_fire() && self.heap.is_due(now)
    }

    /// Takes up executions whose instant has come. There may be more of them.
    pub(super) fn fire_due(&mut self, step: &mut Step<'_>) {
        if !self.may_fire() {
            return;
        }
        for _ in 0..DUE_AT_ONCE {
            let Some((due, id)) = self.heap.pop_due(step.now) else { return };
            let Some(entry) = self.entries.get(&id).filter(|entry| entry.due == due) else {
                continue;
            };
            match entry.state {
                State::Waiting => self.admit(id, None, step),
                State::Postponed => self.begin(id, step),
                State::Withdrawn => {
                    step.report(&entry.fire, Reported::Unknown);
                    self.entries.remove(&id);
                }
                _ => {}
            }
        }
    }

    /// The instant of an execution has come: its job's policy decides. Where the specification is not at
    /// hand, it is read first; where it was just read, `gone` says why it is not at hand.
    fn admit(&mut self, id: ExecutionId, gone: Option<&str>, step: &mut Step<'_>) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let key = entry.key();
        let prepared = entry.prepared.take().or_else(|| self.specs.get(key));
        let Some(prepared) = prepared else {
            if let Some(reason) = gone {
                self.version_gone(id, reason, step);
            } else {
                entry.state = State::Loading;
                self.specs.want(key, id);
            }
            return;
        };
        let Fire { run: RunRef { job, trigger, .. }, fire_at: due, policy, .. } = entry.fire;
        let policy = policy.unwrap_or(prepared.concurrency);
        let arrival = Arrival { id, policy, trigger, due, now: step.now.wall };
        entry.prepared = Some(prepared);
        match self.lanes.entry(job).or_default().admit(arrival) {
            Verdict::Start => self.begin(id, step),
            Verdict::Wait => entry.state = State::InLane,
            Verdict::Skip(reason) => self.skip(id, reason, step),
            Verdict::Replace(others) => {
                for other in others {
                    self.replace(other, step);
                }
                self.begin(id, step);
            }
        }
    }

    /// The version of a job that an execution was to run is not on record any more.
    pub(super) fn version_gone(&mut self, id: ExecutionId, reason: &str, step: &mut Step<'_>) {
        step.push(Action::VersionGone { execution: id, reason: reason.to_owned() });
        self.skip(id, reason, step);
    }

    fn skip(&mut self, id: ExecutionId, reason: &str, step: &mut Step<'_>) {
        if let Some(entry) = self.entries.get(&id) {
            step.report(&entry.fire, Reported::Skipped { reason: reason.into() });
        }
        self.finish(id, Status::Skipped, step);
    }

    fn replace(&mut self, id: ExecutionId, step: &mut Step<'_>) {
        let Some(was) = self.end(id, step) else { return };
        if let Some(entry) = self.entries.get(&id) {
            let attempt = match was {
                State::Running { started_at, .. } => Some((entry.fire.attempt, started_at)),
                _ => None,
            };
            step.report(&entry.fire, Reported::Replaced { attempt });
        }
        self.finish(id, Status::Cancelled, step);
    }

    /// Hands out what was read, and lets those go whose instant came meanwhile.
    pub(super) fn loaded(
        &mut self,
        asked: &[Key],
        loaded: Vec<(Key, Loaded)>,
        bad: &[(Key, String)],
        step: &mut Step<'_>,
    ) {
        for (key, loaded) in loaded {
            for id in self.specs.awaiting(key) {
                if let Some(entry) = self.entries.get_mut(id).filter(|entry| entry.key() == key) {
                    entry.prepared = Some(Arc::clone(&loaded.job));
                }
            }
            self.specs.put(key, loaded);
        }
        for key in asked {
            let gone = bad.iter().find(|(of, _)| of == key).map_or(VERSION_GONE, |(_, why)| why.as_str());
            for id in self.specs.arrived(*key) {
                // It may run another version by now, which is asked for too.
                let entry = self.entries.get_mut(&id).filter(|entry| entry.key() == *key);
                let Some(Entry { state: state @ State::Loading, due, .. }) = entry else { continue };
                if self.fence.is_down() {
                    self.admit(id, Some(gone), step);
                } else {
                    // The job's policy decides when it may begin, by what is open then.
                    *state = State::Waiting;
                    self.heap.push(*due, id);
                }
            }
        }
    }

    /// Stops whatever an execution is doing and frees what it holds. Answers how it stood, or nothing
    /// where it was over already.
    pub(super) fn end(&mut self, id: ExecutionId, step: &mut Step<'_>) -> Option<State> {
        let was = self.release(id, step)?;
        if let Some(job) = self.entries.get(&id).map(|entry| entry.fire.run.job) {
            self.leave_lane(job, id, step);
        }
        self.begin_waiting(step);
        Some(was)
    }

    /// Marks an execution as over, counts it, and lets the next of its job go.
    pub(super) fn finish(&mut self, id: ExecutionId, status: Status, step: &mut Step<'_>) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.state = State::Over { failed: status == Status::Failed };
        entry.prepared = None;
        let (job, took_ms) = (entry.fire.run.job, entry.took_ms(step.now.wall));
        step.push(Action::ExecutionEnded { status, took_ms });
        self.leave_lane(job, id, step);
    }

    fn leave_lane(&mut self, job: JobSeq, id: ExecutionId, step: &mut Step<'_>) {
        let Some(lane) = self.lanes.get_mut(&job) else { return };
        let next = lane.leave(id);
        if lane.is_empty() {
            self.lanes.remove(&job);
        }
        if let Some(next) = next {
            self.begin(next, step);
        }
    }
}
