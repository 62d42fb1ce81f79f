//! What the core is told.

use std::time::Duration;

use chronos_replica::Tenure;
use chronos_state::{Effect, Fire};
use chronos_types::{ExecutionId, Millis};
use chronos_webhook::Outcome;

use super::backlog::Question;
use super::fence::Round;
use super::prepared::{Key, Loaded};

/// The two clocks and the lease, as they stood when an event was taken in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Now {
    /// The time of day. It may step either way between two events.
    pub(crate) wall: Millis,
    /// Since the dispatcher was started. It never goes back.
    pub(crate) monotonic: Duration,
    /// Under which lease this node may fire, if it holds one. It may end between two events, and nobody says so.
    pub(crate) lease: Option<Tenure>,
}

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Event {
    /// One batch of commands was applied, and asks for this, in this order.
    Applied(Vec<Effect>),
    /// The state was replaced as a whole. There are no effects of what changed.
    StateReplaced,
    /// The lease was renewed, or was seen to be over: what it is now is in [`Now`].
    Lease,
    /// Everything that was agreed on when this round began is applied, and its effects were told.
    CaughtUp(Round),
    /// The state's answer to a question.
    Open {
        /// The question.
        question: Question,
        /// Every unfinished execution of this node.
        fires: Vec<Fire>,
        /// The runs that were withdrawn from this node and that it has said nothing of yet.
        withdrawn: Vec<Fire>,
    },
    /// Versions of jobs were read.
    Loaded {
        /// The versions that were asked for.
        asked: Vec<Key>,
        /// Those of them that are on record.
        loaded: Vec<(Key, Loaded)>,
        /// Those of them that are on record and cannot be read, each with the reason.
        bad: Vec<(Key, String)>,
    },
    /// An attempt ended.
    AttemptEnded {
        /// How.
        ended: Ended,
        /// From 0 to 1, for the jitter of the retry. Drawn at random where the attempt failed.
        draw: f64,
    },
    /// There are so many slots from now on.
    Slots(usize),
    /// Nothing more is to begin, because the node is about to stop.
    Close,
    /// The same, and the node waits for the attempts under way.
    Stop {
        /// How long it waits at most.
        grace: Duration,
    },
    /// The clocks went on. Sent after the events that came in together, and at the instants of
    /// [`super::Core::next_wake`].
    Tick,
}

/// How an attempt ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The execution.
    pub(crate) execution: ExecutionId,
    /// The attempt's number, from 1.
    pub(crate) attempt: u32,
    /// How long it took.
    pub(crate) duration_ms: u64,
    /// What came of it.
    pub(crate) outcome: Result<Outcome, Unmade>,
}

/// Why an attempt was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unmade {
    /// The version that it was to run is not on record any more.
    VersionGone,
    /// The lease under which it was begun was over before its request was sent.
    Withheld {
        /// A request was sent before, which a redirect answered or nobody.
        has_sent: bool,
    },
}
