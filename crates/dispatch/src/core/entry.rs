//! An execution as the dispatcher holds it.

use std::sync::Arc;

use chronos_state::Fire;
use chronos_types::Millis;

use super::prepared::{Key, Prepared};

/// How far this node has come with an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It waits for its instant.
    Waiting,
    /// Its instant has come. It waits for its specification.
    Loading,
    /// It waits for its turn among the runs of its job.
    InLane,
    /// Its turn has come, but nothing may begin right now: the fence is up, or a batch is being taken in.
    Held,
    /// It waits for a slot.
    AwaitingSlot,
    /// An attempt is under way.
    Running {
        /// When it began.
        started_at: Millis,
        /// It has just begun, as [`super::capacity`] means it.
        fresh: bool,
    },
    /// A failed attempt is reported. The state will arm the next one.
    Reported,
    /// Its end is reported.
    Over,
    /// It was withdrawn, and may have begun before this dispatcher was started or on another node.
    Withdrawn {
        /// That is reported then, unless it is planned anew before.
        tell_at: Millis,
    },
}

/// An execution.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) fire: Fire,
    pub(super) state: State,
    /// It may be from before this dispatcher was started, and may have begun then.
    pub(super) inherited: bool,
    /// What it runs, where that is known.
    pub(super) prepared: Option<Arc<Prepared>>,
    /// When its first attempt on this node began.
    pub(super) first_started_at: Option<Millis>,
}

impl Entry {
    /// The version of its job that it runs.
    pub(super) fn key(&self) -> Key {
        (self.fire.run.job, self.fire.run.version)
    }

    /// The instant at which something is to happen to it.
    pub(super) fn due_at(&self) -> Millis {
        match self.state {
            State::Withdrawn { tell_at } => tell_at,
            _ => self.fire.fire_at,
        }
    }

    /// Whether an attempt is under way, or how one ended is reported.
    pub(super) fn has_begun(&self) -> bool {
        matches!(self.state, State::Running { .. } | State::Reported | State::Over)
    }

    /// How long it has taken since its first attempt, where this node made one.
    pub(super) fn took_ms(&self, now: Millis) -> Option<Millis> {
        self.first_started_at.map(|at| now - at)
    }
}
