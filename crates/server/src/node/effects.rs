//! Where that goes which the state machine hands on: the effects of a batch to the dispatcher, and the news that
//! due instants changed to the planner.

use chronos_dispatch as dispatch;
use chronos_replica::StateChange;
use chronos_state::Effect;
use tokio::sync::mpsc;

/// Passes on what is handed to it, on the thread of the state machine. It never blocks.
#[derive(Debug)]
pub(super) struct EffectRouter {
    dispatcher: dispatch::Handle,
    due_changed: mpsc::Sender<()>,
}

impl EffectRouter {
    /// A router, and what the planner hears from it.
    pub(super) fn new(dispatcher: dispatch::Handle) -> (Self, mpsc::Receiver<()>) {
        // One word is enough, however often due instants change before it is heard.
        let (due_changed, heard) = mpsc::channel(1);
        (Self { dispatcher, due_changed }, heard)
    }

    /// Passes on what came of a batch, or that the state was replaced as a whole.
    pub(super) fn route(&self, handed: StateChange) {
        let StateChange::Applied(mut applied) = handed else {
            self.due_changed();
            return self.dispatcher.rescan();
        };
        let before = applied.effects.len();
        applied.effects.retain(|effect| !matches!(effect, Effect::DueChanged));
        if applied.effects.len() < before {
            self.due_changed();
        }
        if !applied.effects.is_empty() {
            self.dispatcher.effects(applied.effects);
        }
    }

    fn due_changed(&self) {
        // A full channel says the same already; a closed one has nobody who plans.
        let _ = self.due_changed.try_send(());
    }
}
