//! An execution as the dispatcher holds it.

use std::sync::Arc;
use std::time::Duration;

use chronos_state::Fire;
use chronos_types::{Millis, Trigger, Waited};

use super::capacity::{LATE, Lack, Rank, Slot, Ticket};
use super::event::Now;
use super::heap::Due;
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
    AwaitingSlot {
        ticket: Ticket,
        /// Since when, on the monotonic clock.
        since: Duration,
        /// What it lacked then.
        lack: Lack,
    },
    /// It had a slot, but this process had too little of something else. It is made again after a pause.
    Postponed,
    /// An attempt is under way.
    Running {
        /// When it began.
        started_at: Millis,
        /// What it holds.
        slot: Slot,
    },
    /// An attempt was not made, because the lease was over. The state is asked whose it is now.
    Withheld,
    /// A failed attempt is reported. The state will arm the next one.
    Reported,
    /// Its end is reported.
    Over {
        /// Whether that is a failure: one counts only where the record does not know better.
        failed: bool,
    },
    /// It was withdrawn, and may have begun before this dispatcher was started or on another node. That is
    /// reported when it is due, unless it is planned anew before.
    Withdrawn,
}

/// The wait for the next attempt, as this node began it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Backoff {
    /// When the next attempt is due by the report: the state arms it for this instant.
    pub(super) retry_at: Millis,
    /// When the wait is over, on the monotonic clock.
    pub(super) over_at: Duration,
}

/// An execution.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) fire: Fire,
    pub(super) state: State,
    /// When something is to happen to it next.
    pub(super) due: Due,
    /// It may have begun without a record: before this dispatcher was started, or in an attempt that was cut off by
    /// the end of the lease.
    pub(super) inherited: bool,
    /// What it runs, where that is known.
    pub(super) prepared: Option<Arc<Prepared>>,
    /// When its first attempt on this node began.
    pub(super) first_started_at: Option<Millis>,
    /// The wait for the next attempt, where one failed on this node.
    pub(super) backoff: Option<Backoff>,
    /// What the attempt that comes next, or is under way, waited for.
    pub(super) waited: Waited,
    /// One more attempt was made already because its target refused a token that was kept from before.
    pub(super) has_renewed_token: bool,
}

impl Entry {
    /// One of which this node has made no attempt.
    pub(super) fn new(fire: Fire, state: State, due: Due, inherited: bool) -> Self {
        Self {
            fire,
            state,
            due,
            inherited,
            prepared: None,
            first_started_at: None,
            backoff: None,
            waited: Waited::default(),
            has_renewed_token: false,
        }
    }

    /// The version of its job that it runs.
    pub(super) fn key(&self) -> Key {
        Key::from(&self.fire)
    }

    /// When this attempt is due. Where this node has begun the wait for it, that goes by the monotonic clock;
    /// what another node began, or this one before a restart, by the time of day that is on record.
    pub(super) fn due_of(backoff: Option<Backoff>, fire: &Fire) -> Due {
        match backoff {
            Some(Backoff { retry_at, over_at }) if fire.fire_at <= retry_at => Due::After(over_at),
            _ => Due::At(fire.fire_at),
        }
    }

    /// Where in its target's line it stands, and when it will be late.
    pub(super) fn rank(&self, now: Now) -> (Rank, Duration) {
        let late = match self.due {
            Due::At(at) => Duration::from_millis(now.wall.saturating_sub(at).max(0).cast_unsigned()),
            Due::After(at) => now.monotonic.saturating_sub(at),
        };
        let rank = match self.state {
            State::Postponed => Rank::Again,
            _ if self.fire.behind || self.fire.run.trigger == Trigger::CatchUp || late >= LATE => {
                Rank::Missed
            }
            _ => Rank::Due,
        };
        (rank, now.monotonic + LATE.saturating_sub(late))
    }

    /// Whether an attempt is under way, or how one ended is reported.
    pub(super) fn has_begun(&self) -> bool {
        matches!(self.state, State::Running { .. } | State::Reported | State::Over { .. })
    }

    /// Whether it is the same attempt of the same version that the state speaks of.
    pub(super) fn is_attempt_of(&self, fire: &Fire) -> bool {
        self.key() == Key::from(fire) && self.fire.attempt == fire.attempt
    }

    /// How long it has taken since its first attempt, where this node made one.
    pub(super) fn took_ms(&self, now: Millis) -> Option<Millis> {
        self.first_started_at.map(|at| now - at)
    }
}
