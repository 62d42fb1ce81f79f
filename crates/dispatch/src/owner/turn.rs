//! Whose turn it is: at an execution's instant its job's policy decides, and when one ends the next
//! of its job goes.

use chronos_state::{Fire, JobSeq, Reported, RunRef};
use chronos_types::{ExecutionId, Status};

use super::{Dispatcher, Entry, State};
use crate::lane::{Arrival, Verdict};

impl Dispatcher {
    /// Takes up every execution whose instant has come.
    pub(super) fn fire_due(&mut self) {
        if !self.may_begin() {
            return;
        }
        let now = self.config.env.now();
        while let Some((at, id)) = self.heap.pop_due(now) {
            let Some(entry) = self.entries.get(&id).filter(|entry| entry.due_at() == at) else {
                continue;
            };
            match entry.state {
                State::Waiting => self.admit(id, false),
                State::Withdrawn { .. } => {
                    self.tell(&entry.fire, Reported::Unknown);
                    self.entries.remove(&id);
                }
                _ => {}
            }
        }
    }

    /// Its instant has come: the job's policy decides.
    pub(super) fn admit(&mut self, id: ExecutionId, just_loaded: bool) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let key = entry.key();
        let prepared = entry.prepared.take().or_else(|| self.cache.get(key));
        let Some(prepared) = prepared else {
            if just_loaded {
                let reason = "the version of the job that was to run is no longer on record";
                tracing::error!(execution = %id, reason);
                self.report(id, Reported::Skipped { reason: reason.into() });
                self.finish(id, Status::Skipped);
            } else {
                entry.state = State::Loading;
                self.want(key, id);
            }
            return;
        };
        let Fire { run: RunRef { job, trigger, .. }, fire_at: due, .. } = entry.fire;
        let arrival =
            Arrival { id, policy: prepared.spec.concurrency, trigger, due, now: self.config.env.now() };
        entry.prepared = Some(prepared);
        match self.lanes.entry(job).or_default().admit(arrival) {
            Verdict::Start => self.begin(id),
            Verdict::Wait => entry.state = State::InLane,
            Verdict::Skip(reason) => {
                self.report(id, Reported::Skipped { reason: reason.into() });
                self.finish(id, Status::Skipped);
            }
            Verdict::Replace(others) => {
                for other in others {
                    self.replace(other);
                }
                self.begin(id);
            }
        }
    }

    fn replace(&mut self, id: ExecutionId) {
        let Some(entry) = self.end(id) else { return };
        let cut_off = match entry.state {
            State::Running { started_at, .. } => Some((entry.fire.attempt, started_at)),
            _ => None,
        };
        self.report(id, Reported::Replaced { attempt: cut_off });
        self.finish(id, Status::Cancelled);
    }

    /// Stops whatever an execution is doing and frees what it holds. It is answered as it stood.
    pub(super) fn end(&mut self, id: ExecutionId) -> Option<Entry> {
        let entry = self.entries.get_mut(&id)?;
        let was = std::mem::replace(&mut entry.state, State::Over);
        let ended = Entry {
            fire: entry.fire.clone(),
            state: was,
            inherited: entry.inherited,
            prepared: entry.prepared.take(),
            first_started_at: entry.first_started_at,
        };
        match (&ended.state, &ended.prepared) {
            (State::Over, _) => return None,
            (State::Running { abort, fresh, .. }, Some(prepared)) => {
                abort.abort();
                self.running -= 1;
                self.capacity.leave(&prepared.origin, *fresh);
            }
            (State::InLine, Some(prepared)) => self.capacity.forget(&prepared.origin, id),
            _ => {}
        }
        self.leave_lane(ended.fire.run.job, id);
        self.launch_waiting();
        Some(ended)
    }

    fn leave_lane(&mut self, job: JobSeq, id: ExecutionId) {
        let Some(lane) = self.lanes.get_mut(&job) else { return };
        let next = lane.leave(id);
        if lane.is_empty() {
            self.lanes.remove(&job);
        }
        if let Some(next) = next {
            self.begin(next);
        }
    }

    /// Marks an execution as over, counts it, and lets the next of its job go.
    pub(super) fn finish(&mut self, id: ExecutionId, status: Status) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.state = State::Over;
        entry.prepared = None;
        let took = entry.first_started_at.map(|at| self.config.env.now() - at);
        let job = entry.fire.run.job;
        self.config.metrics.execution_ended(status, took);
        self.leave_lane(job, id);
    }
}
