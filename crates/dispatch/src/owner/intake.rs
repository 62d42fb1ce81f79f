//! Taking in what the state says of executions: planned, armed anew, withdrawn, cancelled, settled.

use chronos_state::{Effect, Fire, Reported};
use chronos_types::{Status, Trigger};

use super::{Dispatcher, Entry, State};

/// Specifications of runs this near are read ahead of their instant.
const READ_AHEAD_MS: i64 = 5_000;
/// A withdrawn run whose instant has come may be planned anew for so long: what an election takes,
/// and a plan.
const PLANNED_ANEW_MS: i64 = 2_000;

impl Dispatcher {
    /// Takes in all that one batch asks for, and only then lets anything begin.
    pub(super) fn effects(&mut self, effects: Vec<Effect>) {
        self.taking_in = true;
        for effect in effects {
            self.effect(effect);
        }
        self.taking_in = false;
        self.go_on();
    }

    fn effect(&mut self, effect: Effect) {
        match effect {
            Effect::Fire(fire) => {
                self.questions.spoken_of(fire.run.execution);
                if fire.node == self.config.node { self.take(fire) } else { self.give_up(fire.run.execution) }
            }
            Effect::Withdraw(fire) => {
                self.questions.spoken_of(fire.run.execution);
                if fire.node == self.config.node {
                    self.withdraw(fire);
                }
            }
            Effect::Cancel(id) => {
                self.questions.spoken_of(id);
                if let Some(entry) = self.end(id) {
                    self.config.metrics.execution_ended(
                        Status::Cancelled,
                        entry.first_started_at.map(|at| self.config.env.now() - at),
                    );
                }
                self.entries.remove(&id);
            }
            Effect::Settled(id) => {
                self.questions.spoken_of(id);
                // It was settled by our own report, ended while the word of a failed attempt was
                // on its way, or was delivered by another node while it waited here. An attempt
                // under way goes on: what it comes to changes nothing any more.
                self.give_up(id);
            }
            Effect::DueChanged => {}
        }
    }

    /// It was taken off the record. Once it has begun it goes on, and its report brings the record back.
    /// Otherwise that is told.
    pub(super) fn withdraw(&mut self, fire: Fire) {
        let (id, entry) = (fire.run.execution, self.entries.get(&fire.run.execution));
        if entry.is_some_and(Entry::has_begun) {
            return;
        }
        let inherited = fire.begun || entry.map_or(!self.at_home, |entry| entry.inherited);
        self.end(id);
        self.entries.remove(&id);
        if inherited {
            let tell_at = fire.fire_at.max(self.config.env.now()) + PLANNED_ANEW_MS;
            self.heap.push(tell_at, id);
            let state = State::Withdrawn { tell_at };
            self.entries.insert(id, Entry { fire, state, inherited, prepared: None, first_started_at: None });
        } else {
            self.tell(&fire, Reported::NotBegun);
        }
    }

    /// Takes an execution in, or arms the next attempt of one that is here.
    pub(super) fn take(&mut self, mut fire: Fire) {
        let id = fire.run.execution;
        if matches!(fire.run.trigger, Trigger::Manual | Trigger::Replay) && fire.attempt == 1 {
            // Asked for now. A batch's instant never goes back, but the clock may have: then it
            // would wait until the clock has caught up.
            fire.fire_at = fire.fire_at.min(self.config.env.now());
        }
        match self.entries.get_mut(&id) {
            Some(entry) if matches!(entry.state, State::Reported) && fire.attempt > entry.fire.attempt => {
                self.heap.push(fire.fire_at, id);
                entry.fire = fire;
                entry.state = State::Waiting;
            }
            // Its job changed before its instant, or it was withdrawn and is planned anew.
            Some(Entry {
                state: State::Waiting | State::Withdrawn { .. }, fire: known, inherited, ..
            }) if known.run.version < fire.run.version => {
                let inherited = *inherited;
                self.entries.remove(&id);
                self.wait(fire, inherited);
            }
            // Told twice: by the state when it was asked and by an effect since. Or it went to
            // another node, and came back while the attempt was still under way.
            Some(_) => {}
            None => self.wait(fire, !self.at_home),
        }
    }

    /// Holds an execution until its time.
    fn wait(&mut self, fire: Fire, inherited: bool) {
        let (id, key) = (fire.run.execution, (fire.run.job, fire.run.version));
        let prepared = self.cache.get(key);
        if prepared.is_none() && fire.fire_at - self.config.env.now() < READ_AHEAD_MS {
            self.want(key, id);
        }
        if fire.begun {
            self.lanes.entry(fire.run.job).or_default().resume(id);
        }
        self.heap.push(fire.fire_at, id);
        let state = State::Waiting;
        self.entries.insert(id, Entry { fire, state, inherited, prepared, first_started_at: None });
    }
}
