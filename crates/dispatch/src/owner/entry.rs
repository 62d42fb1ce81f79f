//! An execution as the dispatcher holds it.

use std::sync::Arc;

use chronos_state::Fire;
use chronos_types::Millis;
use tokio::task::AbortHandle;

use crate::prepared::{Key, Prepared};

/// Where an execution stands with us.
#[derive(Debug)]
pub(super) enum State {
    /// For its instant.
    Waiting,
    /// For its specification; its instant has come.
    Loading,
    /// For its turn among the runs of its job.
    InLane,
    /// For the fence to be lifted; otherwise its turn has come.
    Held,
    /// For a slot.
    InLine,
    /// An attempt is under way.
    Running { abort: AbortHandle, started_at: Millis, fresh: bool },
    /// A failed attempt is reported; the state will arm the next one.
    Reported,
    /// Its end is reported.
    Over,
    /// It was withdrawn, and a life before this one, or another node, may have begun it: that is told
    /// then, unless it is planned anew by then.
    Withdrawn { tell_at: Millis },
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) fire: Fire,
    pub(super) state: State,
    /// It may be from a life before this one, which may have begun it.
    pub(super) inherited: bool,
    pub(super) prepared: Option<Arc<Prepared>>,
    pub(super) first_started_at: Option<Millis>,
}

impl Entry {
    /// What it runs.
    pub(super) fn key(&self) -> Key {
        (self.fire.run.job, self.fire.run.version)
    }

    /// When something is to happen to it.
    pub(super) fn due_at(&self) -> Millis {
        match self.state {
            State::Withdrawn { tell_at } => tell_at,
            _ => self.fire.fire_at,
        }
    }

    /// Whether an attempt was begun, or its end reported.
    pub(super) fn has_begun(&self) -> bool {
        matches!(self.state, State::Running { .. } | State::Reported | State::Over)
    }
}
