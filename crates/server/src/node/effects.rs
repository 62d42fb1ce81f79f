//! Where that goes which the state machine hands on: the effects of a batch to the dispatcher, the news that
//! due instants changed to the planner, and that a change has left something to do to the loop that does it.

use chronos_dispatch as dispatch;
use chronos_replica::StateChange;
use chronos_state::Effect;
use tokio::sync::mpsc;

/// Passes on what is handed to it, on the thread of the state machine. It never blocks.
#[derive(Debug)]
pub(super) struct EffectRouter {
    dispatcher: dispatch::Handle,
    due_changed: mpsc::Sender<()>,
    remains: mpsc::Sender<()>,
}

/// What the loops of the node hear.
#[derive(Debug)]
pub(super) struct Heard {
    /// Due instants changed.
    pub(super) due_changed: mpsc::Receiver<()>,
    /// A change of a job has left something to do.
    pub(super) remains: mpsc::Receiver<()>,
}

impl EffectRouter {
    /// A router, and what the loops hear from it.
    pub(super) fn new(dispatcher: dispatch::Handle) -> (Self, Heard) {
        // One word is enough, however often it is said before it is heard.
        let (due_changed, due_heard) = mpsc::channel(1);
        let (remains, remains_heard) = mpsc::channel(1);
        let heard = Heard { due_changed: due_heard, remains: remains_heard };
        (Self { dispatcher, due_changed, remains }, heard)
    }

    /// Passes on what came of a batch, or that the state was replaced as a whole.
    pub(super) fn route(&self, handed: StateChange) {
        let StateChange::Applied(mut applied) = handed else {
            self.due_changed();
            self.remains();
            return self.dispatcher.rescan();
        };
        let before = applied.effects.len();
        applied.effects.retain(|effect| !matches!(effect, Effect::DueChanged));
        if applied.effects.len() < before {
            self.due_changed();
        }
        if applied.effects.iter().any(|effect| matches!(effect, Effect::Remains(_))) {
            self.remains();
        }
        if !applied.effects.is_empty() {
            self.dispatcher.effects(applied.effects);
        }
    }

    fn due_changed(&self) {
        // A full channel says the same already; a closed one has nobody who plans.
        let _ = self.due_changed.try_send(());
    }

    fn remains(&self) {
        // As above.
        let _ = self.remains.try_send(());
    }
}
