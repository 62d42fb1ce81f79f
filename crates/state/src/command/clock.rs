//! What is said of the time that the cluster goes by: the greatest instant of any batch.
//!
//! It never goes back by itself. Once a clock was wrong by a month, the cluster's time stays a month ahead, until
//! somebody says that it is to be set back.

use chronos_types::Millis;
use serde::{Deserialize, Serialize};

use crate::run::JobSeq;

/// A word about the time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ClockWord {
    /// It passes. Said where nothing else was written for long, so that a gap between two batches is a jump.
    Passes,
    /// It is right, though it jumped: what is past its keeping may be forgotten.
    Right {
        /// The instant that the jump led to. About another jump nothing is said.
        jumped_to: Millis,
    },
    /// The batch has the time of the leader's clock, though it is before that of earlier batches. From here on
    /// the cluster goes by it.
    Back,
    /// What waits for instants from before the time was set back is computed anew.
    Anew(Anew),
}

impl ClockWord {
    /// How many rows it changes, but for a few that go with each.
    pub(super) fn rows(&self) -> usize {
        match self {
            Self::Passes | Self::Right { .. } | Self::Back => 1,
            Self::Anew(anew) => anew.due.len() + anew.runs.len(),
        }
    }
}

/// A portion of what is computed anew.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anew {
    /// The instant that the time was set back to. Nothing is done once that is settled.
    pub to: Millis,
    /// When jobs fall due.
    pub due: Vec<DueAnew>,
    /// The machine's own numbers of executions that wait for an instant which no schedule gave them: they are
    /// due at once.
    pub runs: Vec<i64>,
    /// Whether this was the last portion.
    pub done: bool,
}

/// When a job falls due, computed anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DueAnew {
    /// The job.
    pub job: JobSeq,
    /// The version that it was computed from. If the job has changed since, nothing is done.
    pub version: u64,
    /// When it was to fall due. If it has moved on since, nothing is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Millis>,
    /// When it falls due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_due: Option<Millis>,
}
