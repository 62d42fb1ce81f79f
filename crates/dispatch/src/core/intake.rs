//! Taking in what the state says of executions: planned, armed anew, withdrawn, cancelled, settled.

use std::time::Duration;

use chronos_state::{Change, Fate, Fire, Remainder, Reported};
use chronos_types::{ExecutionId, Status, Trigger};

use super::action::Action;
use super::entry::{Backoff, Entry, State};
use super::executions::Executions;
use super::heap::Due;
use super::prepared::Key;
use super::step::Step;

/// Specifications of runs this near are read ahead of their instant.
const READ_AHEAD_MS: i64 = 5_000;
/// A withdrawn run whose instant has come may be planned anew for so long: what an election takes,
/// and a plan.
const PLANNED_ANEW_MS: i64 = 2_000;

impl Executions {
    /// Takes an execution in, or arms the next attempt of one that is here.
    pub(super) fn take(&mut self, mut fire: Fire, step: &mut Step<'_>) {
        let id = fire.run.execution;
        let is_asked = matches!(fire.run.trigger, Trigger::Manual | Trigger::Replay | Trigger::Backfill);
        if is_asked && fire.attempt == 1 {
            // It was asked for now. A batch's instant never goes back, but the clock may have gone back:
            // then it would wait until the clock has caught up.
            fire.fire_at = fire.fire_at.min(step.now.wall);
        }
        if fire.begun && fire.attempt == 1 && fire.run.is_beyond_plans(step.now.wall) {
            // By a clock that was days ahead it was planned, and begun: it is no retry. Nobody else waits for that instant.
            fire.fire_at = fire.fire_at.min(step.now.wall);
        }
        match self.entries.get_mut(&id) {
            Some(entry) if matches!(entry.state, State::Reported) && fire.attempt > entry.fire.attempt => {
                let due = Entry::due_of(entry.backoff, &fire);
                entry.fire = fire;
                entry.state = State::Waiting;
                self.arm(id, due);
            }
            // The record knows that attempt to have failed: an earlier life of this node has made it, and the log tells of
            // it after the run. What was reported of it since counts for nothing, also if it was to be the last.
            Some(entry)
                if !matches!(entry.state, State::Running { .. } | State::Over { failed: false })
                    && fire.attempt > entry.fire.attempt =>
            {
                let (inherited, backoff) = (entry.inherited, entry.backoff);
                // It keeps its place in its job.
                self.release(id, step);
                self.entries.remove(&id);
                self.wait(fire, inherited, backoff, step);
            }
            // Its job changed before its instant. Or it was withdrawn and is planned anew: in the same version, where the job
            // was paused and goes on.
            Some(Entry {
                state: state @ (State::Waiting | State::Withdrawn),
                fire: known,
                inherited,
                backoff,
                ..
            }) if matches!(state, State::Withdrawn) || known.run.version < fire.run.version => {
                let (inherited, backoff) = (*inherited, *backoff);
                self.entries.remove(&id);
                self.wait(fire, inherited, backoff, step);
            }
            // The time was set back, and it waits for a sooner instant. It keeps its place in its job, and a wait that this
            // node has begun.
            Some(entry)
                if matches!(entry.state, State::Waiting)
                    && entry.is_attempt_of(&fire)
                    && fire.fire_at < entry.fire.fire_at =>
            {
                let due = Entry::due_of(entry.backoff, &fire);
                entry.fire = fire;
                self.arm(id, due);
            }
            // It is this node's still, or again.
            Some(entry) if matches!(entry.state, State::Withheld) => {
                if entry.is_attempt_of(&fire) {
                    entry.state = State::Held;
                    self.held.push(id);
                } else {
                    let (inherited, backoff) = (entry.inherited, entry.backoff);
                    // What has begun keeps its place in its job.
                    if fire.begun {
                        self.release(id, step)
                    } else {
                        self.end(id, step)
                    };
                    self.entries.remove(&id);
                    self.wait(fire, inherited, backoff, step);
                }
            }
            // It was told twice, by the state when it was asked and by an effect since. Or it went to
            // another node, and came back while the attempt was still under way.
            Some(_) => {}
            None => self.wait(fire, !self.recovered, None, step),
        }
    }

    /// Holds an execution until its instant.
    fn wait(&mut self, fire: Fire, inherited: bool, backoff: Option<Backoff>, step: &Step<'_>) {
        let (id, key) = (fire.run.execution, Key::from(&fire));
        let prepared = self.specs.get(key);
        if prepared.is_none() && fire.fire_at - step.now.wall < READ_AHEAD_MS {
            self.specs.want(key, id);
        }
        if fire.begun {
            self.lanes.entry(fire.run.job).or_default().resume(id);
        }
        let due = Entry::due_of(backoff, &fire);
        let entry = Entry { prepared, backoff, ..Entry::new(fire, State::Waiting, due, inherited) };
        self.entries.insert(id, entry);
        self.heap.push(due, id);
    }

    /// A run was taken off the record. Once it has begun it goes on, and its report brings the record
    /// back. Otherwise this node says that it had not begun. Where the run may have begun before this
    /// dispatcher was started, or on another node, it says that it does not know, once nobody can plan the
    /// run anew any more. Where a clock that was wrong planned it for an instant that is far ahead, that
    /// instant is not waited for: the state knows what to make of the word.
    pub(super) fn withdraw(&mut self, fire: Fire, step: &mut Step<'_>) {
        let id = fire.run.execution;
        let entry = self.entries.get(&id);
        if entry.is_some_and(Entry::has_begun) {
            return;
        }
        let inherited = fire.begun || entry.map_or(!self.recovered, |entry| entry.inherited);
        self.end(id, step);
        self.entries.remove(&id);
        if inherited {
            // A wait of seconds, by the clock that nobody sets.
            let now = step.now;
            let is_far = fire.run.is_beyond_plans(now.wall);
            let ahead = if is_far { 0 } else { (fire.run.scheduled_time - now.wall).max(0) };
            let wait = Duration::from_millis((ahead + PLANNED_ANEW_MS).unsigned_abs());
            let due = Due::After(now.monotonic + wait);
            self.entries.insert(id, Entry::new(fire, State::Withdrawn, due, inherited));
            self.heap.push(due, id);
        } else {
            step.report(&fire, Reported::NotBegun);
        }
    }

    /// An execution was cancelled: it stops at once, whatever it is doing.
    pub(super) fn cancel(&mut self, id: ExecutionId, step: &mut Step<'_>) {
        let was = self.end(id, step);
        if let Some(entry) = self.entries.remove(&id)
            && was.is_some()
        {
            let took_ms = entry.took_ms(step.now.wall);
            step.push(Action::ExecutionEnded { status: Status::Cancelled, took_ms });
        }
    }

    /// A change of a job has runs to end or to withdraw, and they are told one after the other. To all that were told
    /// until now it happens at once, so that none begins before its turn comes. Answers which.
    pub(super) fn remains(&mut self, remainder: Remainder, step: &mut Step<'_>) -> Vec<ExecutionId> {
        let of_job = self.entries.iter().filter(|(_, entry)| entry.fire.run.job == remainder.job);
        let fate = |entry: &Entry| {
            let Fire { run, fire_at, attempt, begun, .. } = &entry.fire;
            remainder.fate(run, *fire_at, !begun && *attempt == 1)
        };
        let fates = of_job.map(|(id, entry)| (*id, fate(entry)));
        let mut ends: Vec<_> = fates.filter(|(_, fate)| fate.is_end()).collect();
        ends.sort_unstable_by_key(|(id, _)| *id);
        for (id, fate) in &ends {
            let Some(entry) = self.entries.get(id) else { continue };
            match fate {
                Fate::Withdrawn => self.withdraw(entry.fire.clone(), step),
                // What has begun since is cut off when its own turn comes, if the record knows it as waiting.
                Fate::Cancelled(_) if remainder.change == Change::Delete || !entry.has_begun() => {
                    self.cancel(*id, step);
                }
                _ => {}
            }
        }
        ends.into_iter().map(|(id, _)| id).collect()
    }

    /// Drops an execution that is not ours any more, or is over. An attempt under way goes on: it was begun
    /// when it was ours to begin, and its report says what came of it. The state takes a success, and
    /// answers anything else with the node that the execution went to. Then it is dropped.
    pub(super) fn give_up(&mut self, id: ExecutionId, step: &mut Step<'_>) {
        if !matches!(self.entries.get(&id), Some(Entry { state: State::Running { .. }, .. })) {
            self.end(id, step);
            self.entries.remove(&id);
        }
    }
}
