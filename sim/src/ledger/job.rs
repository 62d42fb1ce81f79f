//! A job that was created and acknowledged, and the changes that clients asked for.

use std::time::Duration;

/// When something was asked for, and when that was answered, counted from the start of the run. `None` where the outcome
/// is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) asked: Duration,
    pub(crate) answered: Option<Duration>,
}

/// A job that was created and acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Created {
    pub(crate) name: String,
    /// Its `concurrency`, which never changes.
    pub(crate) concurrency: &'static str,
    /// Whether its runs begin later than at their instants.
    pub(crate) has_jitter: bool,
    pub(crate) created: Asked,
    /// What the first version says.
    pub(crate) first: Sets,
    /// Whether a client asked to delete the job, even if it got no answer.
    pub(crate) deleting: bool,
    /// Whether the deletion was acknowledged.
    pub(crate) deleted: bool,
    /// Changes that clients asked for.
    pub(crate) changes: Vec<Change>,
}

/// A change of a job that a client asked for.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) sets: Sets,
    /// Whether it was asked for under an idempotency key.
    pub(crate) is_keyed: bool,
    pub(crate) asked: Asked,
    /// The version that the job had then, where it was acknowledged.
    pub(crate) version: Option<u64>,
}

/// What a change makes of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sets {
    pub(crate) enabled: Option<bool>,
    pub(crate) description: Option<String>,
    /// The schedule with its zone.
    pub(crate) schedule: Option<(String, &'static str)>,
}

impl Created {
    /// The values that a field may have: that of the acknowledged change with the highest version, or else that of the
    /// creation, and those of the changes whose outcome is unknown.
    pub(crate) fn may_be<T>(&self, field: impl Fn(&Sets) -> Option<T>) -> Vec<T> {
        let of_field = || self.changes.iter().filter(|change| field(&change.sets).is_some());
        let newest = of_field().filter(|change| change.version.is_some()).max_by_key(|change| change.version);
        let known = newest.map_or(&self.first, |change| &change.sets);
        let unknown = of_field().filter(|change| change.version.is_none()).map(|change| &change.sets);
        std::iter::once(known).chain(unknown).filter_map(&field).collect()
    }

    /// When it was created, and each time that it was changed.
    pub(crate) fn times(&self) -> impl Iterator<Item = Asked> {
        std::iter::once(self.created).chain(self.changes.iter().map(|change| change.asked))
    }
}
