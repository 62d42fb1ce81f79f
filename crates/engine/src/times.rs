//! When a job falls due: its schedule in its time zone, between its start and its end.

use chronos_schedule::{Schedule, Zone};
use chronos_state::BadSpec;
use chronos_types::{JobSpec, JobTimes, Millis};

/// The first instant at which a job falls due after `now`; none where it is disabled or over.
pub(crate) fn first_due(spec: &JobSpec, created_at: Millis, now: Millis) -> Option<Millis> {
    if !spec.enabled {
        return None;
    }
    first_of(&spec.into(), created_at, now)
}

/// The same of one that today's rules refuse.
pub(crate) fn first_due_of_bad(bad: &BadSpec, created_at: Millis, now: Millis) -> Option<Millis> {
    if !bad.form.enabled {
        return None;
    }
    bad.times().map_or(Some(now), |times| first_of(&times, created_at, now))
}

/// The first instant after `now`. A job of which it cannot be read when it runs is due at once: it is never taken for
/// one that is over, and whoever reads it later decides what was missed.
fn first_of(times: &JobTimes, created_at: Millis, now: Millis) -> Option<Millis> {
    // `start_at` itself may be an instant of the schedule.
    let after = times.start_at.map_or(now, |start| now.max(start - 1));
    Times::of(times, created_at).map_or(Some(now), |times| times.after(after))
}

/// The instants of a job.
pub(crate) struct Times {
    schedule: Schedule,
    zone: Zone,
    /// What an `@every` schedule counts from.
    anchor: Millis,
    end_at: Millis,
}

impl Times {
    /// Reads a job's schedule.
    ///
    /// # Errors
    /// It cannot be read, and why. It was checked when the job came in, so it is one that another Chronos took. It
    /// stops its own job and no other.
    pub(crate) fn of(times: &JobTimes, created_at: Millis) -> Result<Self, String> {
        let schedule = Schedule::parse(&times.schedule).map_err(|error| format!("schedule: {error}"))?;
        let zone = Zone::parse(&times.timezone).map_err(|error| format!("timezone: {error}"))?;
        let anchor = times.start_at.unwrap_or(created_at);
        Ok(Self { schedule, zone, anchor, end_at: times.end_at.unwrap_or(i64::MAX) })
    }

    /// The first instant later than `after`.
    pub(crate) fn after(&self, after: Millis) -> Option<Millis> {
        self.schedule.next_after(&self.zone, self.anchor, after).filter(|at| *at <= self.end_at)
    }

    /// The last instant later than `after` and not later than `until`.
    pub(crate) fn last_between(&self, after: Millis, until: Millis) -> Option<Millis> {
        self.schedule.last_between(&self.zone, self.anchor, after, until.min(self.end_at))
    }

    /// How many instants are later than `after` and not later than `until`.
    pub(crate) fn count_between(&self, after: Millis, until: Millis) -> u64 {
        self.schedule.count_between(&self.zone, self.anchor, after, until.min(self.end_at))
    }
}
