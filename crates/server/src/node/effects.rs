//! Where that goes which the state machine hands on: the effects of a batch to the dispatcher; the news that due
//! instants changed, or that runs are over, to the planner; which jobs changed, to the timetable and the search; that
//! something happened which is told, to the events; that keys changed, to whoever asks for them; that
//! secrets changed, to whoever has some at hand; and that a change has
//! left something to do to the loop that does it.

use chronos_dispatch as dispatch;
use chronos_engine::{EventHub, KeyRing, PlannerHandle, TimetableHandle};
use chronos_replica::StateChange;
use chronos_search::Search;
use chronos_state::Effect;
use tokio::sync::mpsc;

/// Passes on what is handed to it, on the thread of the state machine. It never blocks.
#[derive(Debug)]
pub(super) struct EffectRouter {
    dispatcher: dispatch::Handle,
    planner: PlannerHandle,
    timetable: TimetableHandle,
    search: Search,
    events: EventHub,
    keys: KeyRing,
    remains: mpsc::Sender<()>,
}

impl EffectRouter {
    /// A router, and what hears from it that a change of a job has left something to do.
    pub(super) fn new(
        dispatcher: dispatch::Handle,
        planner: PlannerHandle,
        timetable: TimetableHandle,
        search: Search,
        events: EventHub,
        keys: KeyRing,
    ) -> (Self, mpsc::Receiver<()>) {
        // One word is enough, however often it is said before it is heard.
        let (remains, heard) = mpsc::channel(1);
        (Self { dispatcher, planner, timetable, search, events, keys, remains }, heard)
    }

    /// Passes on what came of a batch, or that the state was replaced as a whole.
    pub(super) fn route(&self, handed: StateChange) {
        let StateChange::Applied(mut applied) = handed else {
            self.planner.due_changed();
            self.timetable.replaced();
            self.search.replaced();
            self.events.recorded();
            self.keys.changed();
            self.remains();
            return self.dispatcher.rescan();
        };
        let before = applied.effects.len();
        applied.effects.retain(|effect| !matches!(effect, Effect::DueChanged));
        if applied.effects.len() < before {
            self.planner.due_changed();
        }
        self.planner.ended(&applied.ended);
        self.timetable.changed(&applied.changed);
        self.search.changed(&applied.changed);
        if applied.events > 0 {
            self.events.recorded();
        }
        if applied.keys {
            self.keys.changed();
        }
        if applied.secrets {
            self.dispatcher.secrets_changed();
        }
        if applied.effects.iter().any(|effect| matches!(effect, Effect::Remains(_))) {
            self.remains();
        }
        if !applied.effects.is_empty() {
            self.dispatcher.effects(applied.effects);
        }
    }

    fn remains(&self) {
        // A full channel says the same already; a closed one has nobody who does it.
        let _ = self.remains.try_send(());
    }
}
