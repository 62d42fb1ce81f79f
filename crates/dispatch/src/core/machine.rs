//! The machine as a whole: what each event leads to, and what can be asked of it.

use std::time::Duration;

use chronos_state::{Effect, Fire};
use chronos_types::{Millis, NodeName};

use super::action::Action;
use super::backlog::{Answer, Question, Questions};
use super::capacity::ByClass;
use super::event::{Event, Now};
use super::executions::Executions;
use super::fence::Round;
use super::step::Step;
use crate::closed::Closed;

/// Decides about everything that this node is about to fire.
#[derive(Debug)]
pub(crate) struct Core {
    executions: Executions,
    questions: Questions,
    /// When the node stops, though attempts are under way: on the monotonic clock.
    stops_at: Option<Duration>,
}

/// When the core is to be woken by a [`Event::Tick`], though nothing happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wake {
    /// When the next execution falls due, on the wall clock.
    pub(crate) due: Option<Millis>,
    /// When attempts under way are to be looked at, on the monotonic clock.
    pub(crate) look: Option<Duration>,
}

impl Core {
    /// Holds nothing, and lets nothing begin before the node holds its lease.
    pub(crate) fn new(node: NodeName, max_concurrent: usize) -> Self {
        let executions = Executions::new(node, max_concurrent);
        Self { executions, questions: Questions::default(), stops_at: None }
    }

    /// Takes in an event, and appends what is to be done about it.
    pub(crate) fn on(&mut self, event: Event, now: Now, actions: &mut Vec<Action>) {
        self.executions.capacity.advance(now.monotonic);
        let step = &mut Step::new(now, actions);
        self.follow_lease(step);
        match event {
            Event::Tick => self.tick(step),
            Event::AttemptEnded { ended, draw } => self.executions.attempt_ended(ended, draw, step),
            Event::Applied(effects) => self.applied(effects, step),
            Event::Loaded { asked, loaded, bad } => self.executions.loaded(&asked, loaded, &bad, step),
            Event::StateReplaced => self.ask_what_is_open(None, step),
            Event::Lease => {}
            Event::CaughtUp(round) => self.caught_up(round, step),
            Event::Open { question, fires, withdrawn } => self.open(question, fires, withdrawn, step),
            Event::Slots(slots) => {
                self.executions.capacity.resize(slots);
                self.executions.begin_waiting(step);
            }
            Event::Close => self.executions.closed = true,
            Event::Stop { grace } => {
                self.executions.closed = true;
                self.stops_at = Some(now.monotonic + grace);
            }
        }
    }

    /// When to send the next [`Event::Tick`], though nothing happens.
    pub(crate) fn next_wake(&self) -> Wake {
        Wake { due: self.executions.next_due(), look: self.next_look() }
    }

    /// Whether executions are due that another [`Event::Tick`] takes up.
    pub(crate) fn is_due(&self, now: Now) -> bool {
        self.executions.is_due(now)
    }

    /// Attempts under way.
    pub(crate) fn running(&self) -> usize {
        self.executions.running
    }

    /// Attempts that wait for a slot, by the class of their target.
    pub(crate) fn waiting(&self) -> ByClass<usize> {
        self.executions.capacity.waiting()
    }

    /// Slots taken, likewise. An attempt with a large request takes several.
    pub(crate) fn taken(&self) -> ByClass<usize> {
        self.executions.capacity.taken()
    }

    /// How many slots there are.
    pub(crate) fn slots(&self) -> usize {
        self.executions.capacity.slots()
    }

    /// What the heap holds.
    #[cfg(test)]
    pub(crate) fn pending(&self) -> usize {
        self.executions.heap.len()
    }

    /// Whether attempts may begin.
    pub(crate) fn may_fire(&self) -> bool {
        self.executions.may_fire()
    }

    /// Whether the node stops, and no attempt is waited for any longer.
    pub(crate) fn is_stopped(&self, now: Now) -> bool {
        self.stops_at.is_some_and(|at| self.executions.running == 0 || now.monotonic >= at)
    }

    /// Until when attempts under way are waited for, where the node stops.
    pub(crate) fn stops_at(&self) -> Option<Duration> {
        self.stops_at
    }

    /// What is to be known of what is held where it is handed over.
    pub(crate) fn closed(&self) -> Closed {
        self.executions.closed()
    }

    fn next_look(&self) -> Option<Duration> {
        self.stops_at.into_iter().chain(self.executions.next_look()).min()
    }

    fn tick(&mut self, step: &mut Step<'_>) {
        if self.next_look().is_some_and(|at| at <= step.now.monotonic) {
            self.executions.show_running(step);
        }
        self.executions.grow_old(step);
        self.executions.fire_due(step);
        self.executions.tidy();
        if self.executions.has_withheld && self.executions.fence.is_down() {
            self.ask_what_is_open(None, step);
        }
        // One question for all that is wanted, and more may be wanted in the next tick.
        if !self.is_due(step.now)
            && let Some(keys) = self.executions.specs.take_wanted()
        {
            step.push(Action::Load(keys));
        }
    }

    /// Takes in all that one batch asks for, and only then lets anything begin.
    fn applied(&mut self, effects: Vec<Effect>, step: &mut Step<'_>) {
        self.executions.taking_in = true;
        for effect in effects {
            self.effect(effect, step);
        }
        self.executions.taking_in = false;
        self.executions.begin_held(step);
    }

    fn effect(&mut self, effect: Effect, step: &mut Step<'_>) {
        let id = match &effect {
            Effect::Fire(fire) | Effect::Withdraw(fire) => fire.run.execution,
            Effect::Cancel(id) | Effect::Settled(id) => *id,
            Effect::DueChanged => return,
            Effect::Remains(remainder) => {
                for id in self.executions.remains(*remainder, step) {
                    self.questions.spoken_of(id);
                }
                return;
            }
        };
        self.questions.spoken_of(id);
        let executions = &mut self.executions;
        match effect {
            Effect::Fire(fire) if fire.node == executions.node => executions.take(fire, step),
            Effect::Withdraw(fire) if fire.node == executions.node => executions.withdraw(fire, step),
            Effect::Withdraw(_) | Effect::DueChanged | Effect::Remains(_) => {}
            Effect::Cancel(_) => executions.cancel(id, step),
            // It went to another node; or it was settled: by our own report, while the word of a failed
            // attempt was on its way, or by another node's delivery while it waited here.
            Effect::Fire(_) | Effect::Settled(_) => executions.give_up(id, step),
        }
    }

    /// Before anything else that happens: raises the fence where the lease is over by which it is down, and begins to
    /// lift it where there is a lease.
    fn follow_lease(&mut self, step: &mut Step<'_>) {
        let (fence, lease) = (&mut self.executions.fence, step.now.lease);
        if fence.is_outlived(lease) {
            step.push(Action::StopCatchingUp);
            if fence.is_down() {
                step.push(Action::FenceRaised);
            }
            fence.raise();
        }
        if let Some(round) = lease.and_then(|tenure| fence.begin_to_lift(tenure)) {
            step.push(Action::CatchUp(round));
        }
    }

    /// The effects of all that was applied are taken in. The state is asked for what there were none for.
    fn caught_up(&mut self, round: Round, step: &mut Step<'_>) {
        if self.executions.fence.is_lifting(round) {
            self.ask_what_is_open(Some(round), step);
        }
    }

    fn ask_what_is_open(&mut self, round: Option<Round>, step: &mut Step<'_>) {
        self.executions.has_withheld = false;
        let held = self.executions.entries.keys().copied().collect();
        step.push(Action::AskWhatIsOpen(self.questions.ask(held, round)));
    }

    /// Takes up what is open, and drops what was held and is not open any more.
    fn open(&mut self, question: Question, fires: Vec<Fire>, withdrawn: Vec<Fire>, step: &mut Step<'_>) {
        let Answer { fires, withdrawn, gone, round } = self.questions.answered(question, fires, withdrawn);
        let executions = &mut self.executions;
        executions.taking_in = true;
        for fire in withdrawn {
            executions.withdraw(fire, step);
        }
        for id in gone {
            executions.give_up(id, step);
        }
        let before = executions.entries.len();
        for fire in fires {
            executions.take(fire, step);
        }
        executions.taking_in = false;
        executions.recovered |= round.is_some();
        let count = executions.entries.len() - before;
        if count > 0 {
            step.push(Action::TakenUp { count });
        }
        if round.is_some_and(|round| executions.fence.lift(round)) {
            step.push(Action::FenceLifted);
        }
        executions.begin_held(step);
    }
}
