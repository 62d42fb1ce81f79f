//! Where that goes which the state machine hands on: the effects of a batch to the dispatcher, and the news that
//! due instants changed, or that runs are over, to the planner.

use chronos_dispatch as dispatch;
use chronos_engine::PlannerHandle;
use chronos_replica::StateChange;
use chronos_state::Effect;

/// Passes on what is handed to it, on the thread of the state machine. It never blocks.
#[derive(Debug)]
pub(super) struct EffectRouter {
    dispatcher: dispatch::Handle,
    planner: PlannerHandle,
}

impl EffectRouter {
    pub(super) fn new(dispatcher: dispatch::Handle, planner: PlannerHandle) -> Self {
        Self { dispatcher, planner }
    }

    /// Passes on what came of a batch, or that the state was replaced as a whole.
    pub(super) fn route(&self, handed: StateChange) {
        let StateChange::Applied(mut applied) = handed else {
            self.planner.due_changed();
            return self.dispatcher.rescan();
        };
        let before = applied.effects.len();
        applied.effects.retain(|effect| !matches!(effect, Effect::DueChanged));
        if applied.effects.len() < before {
            self.planner.due_changed();
        }
        self.planner.ended(&applied.ended);
        if !applied.effects.is_empty() {
            self.dispatcher.effects(applied.effects);
        }
    }
}
