//! A job that was created and acknowledged, and the changes that clients asked for.

use std::time::Duration;

/// When something was asked for, and when that was answered, counted from the start of the run. `None` where the outcome
/// is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) asked: Duration,
    pub(crate) answered: Option<Duration>,
}

impl Asked {
    /// When it was done at the latest, if it was.
    pub(crate) fn latest(&self) -> Duration {
        self.answered.unwrap_or(self.asked + LATEST)
    }
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
    /// Pauses that clients asked for, and the ends of pauses.
    pub(crate) pauses: Vec<PauseRequest>,
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

/// A pause that a client asked for, or the end of one.
#[derive(Clone, Debug)]
pub(crate) struct PauseRequest {
    /// Whether it begins one.
    pub(crate) begins: bool,
    /// When the pause ends by itself, counted from the start of the run.
    pub(crate) until: Option<Duration>,
    pub(crate) asked: Asked,
}

/// What was asked for is done so much after it was asked for at most, where nobody heard what came of it.
const LATEST: Duration = Duration::from_secs(20);

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

    /// When it was created, and each time that its instants may have become others since.
    pub(crate) fn times(&self) -> impl Iterator<Item = Asked> {
        std::iter::once(self.created).chain(self.turns())
    }

    /// Each time that it was changed or paused, or that a pause of it ended.
    pub(crate) fn turns(&self) -> impl Iterator<Item = Asked> {
        let pauses = self.pauses.iter().map(|request| request.asked);
        let ends = self.pauses.iter().filter_map(|request| request.until);
        let ends = ends.map(|at| Asked { asked: at, answered: Some(at) });
        self.changes.iter().map(|change| change.asked).chain(pauses).chain(ends)
    }

    /// The pauses that may be in force at an instant, where clocks are off by so much: those that were asked for by then,
    /// and surely had not ended.
    pub(crate) fn pauses_at(&self, at: Duration, off: Duration) -> impl Iterator<Item = &PauseRequest> {
        let is_over = move |pause: &PauseRequest| {
            let begun = pause.asked.latest();
            let mut ends = self.pauses.iter().filter(|end| !end.begins && end.asked.asked >= begun);
            let by_itself = pause.until.is_some_and(|until| until + 2 * off < at);
            by_itself || ends.any(|end| end.asked.answered.is_some_and(|answered| answered + 2 * off < at))
        };
        let begun = self.pauses.iter().filter(move |pause| pause.begins && pause.asked.asked <= at + 2 * off);
        begun.filter(move |pause| !is_over(pause))
    }

    /// Since when it was surely paused at an instant: a pause was acknowledged, and nobody has asked for anything since
    /// that may end it.
    pub(crate) fn paused_since(&self, at: Duration, off: Duration) -> Option<Duration> {
        let is_left = |pause: &PauseRequest| {
            let later = |asked: Asked| asked.latest() >= pause.asked.asked && asked.asked <= at + 2 * off;
            let mut others = self.pauses.iter().filter(|other| !std::ptr::eq(*other, pause));
            let mut changes = self.changes.iter().filter(|change| change.sets.enabled.is_some());
            let holds = pause.until.is_none_or(|until| at + 2 * off < until);
            holds && !others.any(|other| later(other.asked)) && !changes.any(|change| later(change.asked))
        };
        let paused = self.pauses.iter().filter(|pause| pause.begins && is_left(pause));
        paused.filter_map(|word| word.asked.answered).filter(|answered| *answered <= at).max()
    }
}
