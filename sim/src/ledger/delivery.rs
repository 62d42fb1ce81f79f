//! A request that the receiver got, and what it answered.

use std::time::Duration;

use chronos_types::{Millis, Trigger, parse_rfc3339};

/// A request that the receiver got.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    /// When it came, counted from the start of the run.
    pub(crate) at: Duration,
    /// The node that sent it.
    pub(crate) node: String,
    pub(crate) execution: String,
    pub(crate) job: String,
    pub(crate) attempt: u32,
    pub(crate) scheduled: String,
    pub(crate) trigger: String,
    pub(crate) path: String,
    pub(crate) reply: Reply,
}

/// An answer of the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    /// The status, or 0 where there is no answer.
    pub(crate) status: u16,
    /// How long after the request it is given. Where there is none, for how long the request surely waits for one.
    pub(crate) late: Duration,
    /// Whether all of it comes, in time for the job's time-out on every network.
    pub(crate) is_sure: bool,
}

impl Delivery {
    /// Whether the answer is a success, and its node cannot take it for anything else.
    pub(crate) fn surely_succeeds(&self) -> bool {
        self.reply.status == 200 && self.reply.is_sure
    }

    /// Whether a job's schedule asked for it, and this is its first attempt.
    pub(crate) fn is_first_of_schedule(&self) -> bool {
        self.trigger == Trigger::Schedule.as_str() && self.attempt == 1
    }

    /// The instant that it is for.
    pub(crate) fn scheduled_ms(&self) -> Millis {
        parse_rfc3339(&self.scheduled).unwrap_or_default()
    }
}
