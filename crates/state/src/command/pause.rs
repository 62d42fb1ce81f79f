//! Pauses of jobs, and runs that are skipped: what stands beside a specification, and is no version of it.

use chronos_types::{JobId, Millis, Note, Skip};
use serde::{Deserialize, Serialize};

use crate::run::JobSeq;
use crate::stored::text;

/// Pauses a job, or gives its pause another reason and end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PauseJob {
    /// The job.
    #[serde(with = "text")]
    pub id: JobId,
    /// Refused unless the job is at this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_version: Option<u64>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The instant at which it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Millis>,
}

impl PauseJob {
    /// Pauses a job for a reason, until an instant.
    #[must_use]
    pub fn of(id: JobId, if_version: Option<u64>, reason: Option<&Note>, until: Option<Millis>) -> Self {
        Self { id, if_version, reason: reason.map(|reason| reason.as_str().to_owned()), until }
    }

    /// A rough count of its bytes in the log.
    pub(super) fn weight(&self) -> usize {
        150 + self.reason.as_ref().map_or(0, String::len)
    }
}

/// Ends the pause of a job, if it has one that is not over by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResumeJob {
    /// The job.
    #[serde(with = "text")]
    pub id: JobId,
    /// The version that `next_due` was computed from: refused where the job is at another.
    pub version: u64,
    /// The first instant from now on at which the job falls due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_due: Option<Millis>,
}

/// Ends pauses at the instants at which they end by themselves, or shortly before has their jobs fall due from these
/// instants on. The leader asks for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndPauses {
    /// The pauses, at most [`Self::AT_ONCE`].
    pub pauses: Vec<PauseEnd>,
}

impl EndPauses {
    /// So many pauses are named in one command: each is two rows.
    pub const AT_ONCE: usize = crate::command::MAX_ROWS / 2;
}

/// The end of a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PauseEnd {
    /// The job.
    pub job: JobSeq,
    /// The version that `next_due` was computed from. If the job has changed since, nothing is done.
    pub version: u64,
    /// When the pause ends. If it has another end by now, nothing is done.
    pub until: Millis,
    /// The first instant from then on at which the job falls due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_due: Option<Millis>,
}

/// Has coming runs of a job recorded as skipped, in place of those that were to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SkipRuns {
    /// The job.
    #[serde(with = "text")]
    pub id: JobId,
    /// Refused unless the job is at this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_version: Option<u64>,
    /// So many runs are skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// The runs before this instant are skipped. Where neither is given, none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Millis>,
}

impl SkipRuns {
    /// Skips these runs of a job, or none.
    #[must_use]
    pub fn of(id: JobId, if_version: Option<u64>, skip: Option<Skip>) -> Self {
        let (count, until) = match skip {
            None => (None, None),
            Some(Skip::Count(count)) => (Some(count), None),
            Some(Skip::Until(until)) => (None, Some(until)),
        };
        Self { id, if_version, count, until }
    }

    /// Which runs are skipped.
    pub(crate) fn skip(&self) -> Option<Skip> {
        self.count.map(Skip::Count).or(self.until.map(Skip::Until))
    }
}
