//! Jobs that are written together, and the sets that own them.

use serde::{Deserialize, Serialize};

use super::PutJob;
use crate::run::JobSeq;

/// Creates and changes jobs together: all of them, or none where one is not as whoever proposes this has read it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PutJobs {
    /// The set that owns all of them from here on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<SetOwner>,
    /// What becomes of each, in the order in which they are answered for. No job is there twice.
    pub items: Vec<PutItem>,
}

/// The set that owns the jobs of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetOwner {
    /// Its name.
    pub name: String,
    /// The apply that names the jobs, in the client's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apply: Option<String>,
    /// Whether jobs of another set, or of none, become its own. Otherwise the command is refused where there is one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adopt: bool,
}

/// What becomes of one job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PutItem {
    /// It is created or changed.
    Put(Box<PutJob>),
    /// It stays as it is.
    Keep {
        /// The job.
        job: JobSeq,
        /// The version that it must still have.
        version: u64,
    },
    /// Nothing is done: it was refused before this was proposed. It has its place in the answer to a repeat.
    Refused,
}

impl PutJobs {
    /// How many rows it changes, as others count theirs.
    pub(super) fn rows(&self) -> usize {
        self.items.iter().filter(|item| !matches!(item, PutItem::Refused)).count().max(1)
    }

    /// A rough count of its bytes in the log.
    pub(super) fn weight(&self) -> usize {
        self.set.as_ref().map_or(0, SetOwner::weight) + self.items.iter().map(PutItem::weight).sum::<usize>()
    }
}

impl SetOwner {
    fn weight(&self) -> usize {
        60 + self.name.len() + self.apply.as_ref().map_or(0, String::len)
    }
}

impl PutItem {
    /// A rough count of its bytes in the log.
    #[must_use]
    pub fn weight(&self) -> usize {
        match self {
            Self::Put(put) => put.weight(),
            Self::Keep { .. } => 40,
            Self::Refused => 10,
        }
    }
}

/// Deletes jobs of a set that an apply did not name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PruneSet {
    /// The name of the set.
    pub set: String,
    /// The apply. What it named, or one that began after it, stays.
    pub apply: String,
    /// The jobs, at most [`MAX_ROWS`](super::MAX_ROWS). Of these only those go that the set owns still and that nobody
    /// named since.
    pub jobs: Vec<JobSeq>,
    /// Whether the request has no more jobs to delete.
    pub last: bool,
}

impl PruneSet {
    /// A rough count of its bytes in the log.
    pub(super) fn weight(&self) -> usize {
        80 + self.set.len() + self.apply.len() + 20 * self.jobs.len()
    }
}
