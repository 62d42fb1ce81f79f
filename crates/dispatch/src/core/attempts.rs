//! What may begin, begins; what is under way grows old; what is cut off frees its slot.

use std::time::Duration;

use chronos_state::Reported;
use chronos_types::{ExecutionId, Waited};

use super::action::{Action, Attempt};
use super::capacity::{Admission, Lack, Sign, Slot, Waiter};
use super::entry::{Entry, State};
use super::executions::{Begun, Executions};
use super::step::Step;

/// An attempt that takes longer than this shows as `running`. Shorter ones are over before
/// anybody could look, and their one report is all that the log carries.
const LONG_ENOUGH_TO_SHOW: Duration = Duration::from_millis(100);
/// Attempts that are to show within this time do so together, so that a busy node does not wake for each.
const SHOW_TOGETHER: Duration = Duration::from_millis(50);
/// An attempt that is not over after this does not hold back others to the same target.
const FRESH_FOR: Duration = Duration::from_millis(20);

impl Executions {
    /// Begins the next attempt of an execution as soon as there is a slot.
    pub(super) fn begin(&mut self, id: ExecutionId, step: &mut Step<'_>) {
        let may_fire = self.may_fire();
        let Some(entry) = self.entries.get_mut(&id) else { return };
        if !may_fire {
            entry.state = State::Held;
            self.held.push(id);
            return;
        }
        let Some(prepared) = &entry.prepared else { return };
        let (rank, late_from) = entry.rank(step.now);
        let waiter = Waiter { id, rank, late_from, bytes: prepared.bytes };
        match self.capacity.enter(&prepared.origin, waiter) {
            Admission::Begins(slot) => self.launch(id, slot, step),
            Admission::Waits(ticket, lack) => {
                entry.state = State::AwaitingSlot { ticket, since: step.now.monotonic, lack };
            }
        }
    }

    /// Begins what was held, if attempts may begin now.
    pub(super) fn begin_held(&mut self, step: &mut Step<'_>) {
        if !self.may_fire() {
            return;
        }
        for id in std::mem::take(&mut self.held) {
            if matches!(self.entries.get(&id), Some(Entry { state: State::Held, .. })) {
                self.begin(id, step);
            }
        }
        self.begin_waiting(step);
    }

    /// Begins what waits for slots, as far as there are any.
    pub(super) fn begin_waiting(&mut self, step: &mut Step<'_>) {
        if !self.may_fire() {
            return;
        }
        while let Some((id, slot)) = self.capacity.next() {
            self.launch(id, slot, step);
        }
    }

    /// Makes the next attempt of an execution. It has a slot.
    fn launch(&mut self, id: ExecutionId, slot: Slot, step: &mut Step<'_>) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let Some(job) = entry.prepared.clone() else { return };
        // Whoever calls has looked whether attempts may begin.
        let Some(tenure) = self.fence.tenure() else { return };
        let (started_at, now) = (step.now.wall, step.now.monotonic);
        let attempt = entry.fire.attempt;
        let due = (attempt == 1 && entry.first_started_at.is_none()).then_some(entry.fire.fire_at);
        entry.first_started_at.get_or_insert(started_at);
        if let State::AwaitingSlot { since, lack, .. } = entry.state {
            entry.waited = entry.waited.and(waited(lack, now.saturating_sub(since)));
        }
        entry.state = State::Running { started_at, slot };
        self.running += 1;
        self.unseen.push_back(Begun { at: now + LONG_ENOUGH_TO_SHOW, execution: id, attempt });
        self.fresh.push_back(Begun { at: now + FRESH_FOR, execution: id, attempt });
        let (key, run) = (entry.key(), entry.fire.run);
        let webhook = self.specs.webhook(key);
        step.push(Action::Attempt(Attempt { run, number: attempt, due, job, key, webhook, tenure }));
    }

    /// When attempts under way are to be looked at, though nothing happens.
    pub(super) fn next_look(&self) -> Option<Duration> {
        let show = self.unseen.front().map(|begun| begun.at + SHOW_TOGETHER);
        // Whether an attempt is fresh matters only to those that wait.
        let old = self.fresh.front().filter(|_| self.capacity.waiting().total() > 0).map(|begun| begun.at);
        let class = self.capacity.next_look();
        let waits = self.heap.next_wait().filter(|_| self.may_fire());
        [show, old, class, waits].into_iter().flatten().min()
    }

    /// Reports attempts that have been under way for long enough to be looked at.
    pub(super) fn show_running(&mut self, step: &mut Step<'_>) {
        while let Some(Begun { execution, attempt, .. }) = pop(&mut self.unseen, step.now.monotonic) {
            if let Some(entry) = self.entries.get(&execution)
                && entry.fire.attempt == attempt
                && let State::Running { started_at, .. } = entry.state
            {
                step.report(&entry.fire, Reported::Begun { attempt, started_at });
            }
        }
    }

    /// Lets targets whose attempts take their time have more of them.
    pub(super) fn grow_old(&mut self, step: &mut Step<'_>) {
        while let Some(Begun { execution, attempt, .. }) = pop(&mut self.fresh, step.now.monotonic) {
            if let Some(entry) = self.entries.get_mut(&execution)
                && entry.fire.attempt == attempt
                && let State::Running { slot, .. } = &mut entry.state
                && let Some(prepared) = &entry.prepared
            {
                self.capacity.grow_old(&prepared.origin, slot);
            }
        }
        self.begin_waiting(step);
    }

    /// Marks an execution as over, cuts off its attempt and frees its slot. Answers how it stood, or
    /// nothing where it was over already.
    pub(super) fn release(&mut self, id: ExecutionId, step: &mut Step<'_>) -> Option<State> {
        let entry = self.entries.get_mut(&id)?;
        let was = std::mem::replace(&mut entry.state, State::Over { failed: false });
        let prepared = entry.prepared.take();
        match (was, prepared) {
            (State::Over { .. }, _) => return None,
            (State::Running { slot, .. }, Some(prepared)) => {
                step.push(Action::Abort(id));
                self.running -= 1;
                self.capacity.leave(&prepared.origin, id, slot, Sign::Failed);
            }
            (State::AwaitingSlot { ticket, .. }, Some(prepared)) => {
                self.capacity.forget(&prepared.origin, ticket);
            }
            _ => {}
        }
        Some(was)
    }
}

/// What was waited for.
fn waited(lack: Lack, wait: Duration) -> Waited {
    let ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    match lack {
        Lack::Slot => Waited { slot_ms: ms, ..Waited::default() },
        Lack::Target => Waited { target_ms: ms, ..Waited::default() },
    }
}

/// Takes the first attempt whose time has come.
fn pop(queue: &mut std::collections::VecDeque<Begun>, now: Duration) -> Option<Begun> {
    queue.pop_front_if(|begun| begun.at <= now)
}
