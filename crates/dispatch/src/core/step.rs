//! One event on its way through the core: when it came, and what it comes to.

use chronos_state::{Fire, Report, Reported};

use super::action::Action;
use super::event::Now;

/// Handed down from [`super::Core::on`] to whatever decides something.
#[derive(Debug)]
pub(super) struct Step<'a> {
    pub(super) now: Now,
    actions: &'a mut Vec<Action>,
}

impl<'a> Step<'a> {
    pub(super) fn new(now: Now, actions: &'a mut Vec<Action>) -> Self {
        Self { now, actions }
    }

    /// Asks for something.
    pub(super) fn push(&mut self, action: Action) {
        self.actions.push(action);
    }

    /// Reports something about an execution to the state.
    pub(super) fn report(&mut self, fire: &Fire, what: Reported) {
        self.push(Action::Report(Report::of(fire, what)));
    }
}
