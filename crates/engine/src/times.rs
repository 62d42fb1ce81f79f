//! When a job falls due: its schedule in its time zone, between its start and its end.

use std::fmt::Display;

use chronos_schedule::{Schedule, Zone};
use chronos_types::{JobSpec, JobTimes, Millis};

/// The first instant at which a job falls due after `now`; none where it is disabled or over.
pub(crate) fn first_due(spec: &JobSpec, created_at: Millis, now: Millis) -> Option<Millis> {
    if !spec.enabled {
        return None;
    }
    // `start_at` itself may be an instant of the schedule.
    let after = spec.start_at.map_or(now, |start| now.max(start - 1));
    Times::of(&spec.into(), created_at, &spec.name)?.after(after)
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
    /// Reads a job's schedule; none where it cannot be read. `job` is its name in the log line that says so.
    pub(crate) fn of(times: &JobTimes, created_at: Millis, job: &dyn Display) -> Option<Self> {
        // It was checked when the job came in. A schedule that a newer Chronos took and this one does not
        // know stops its own job, loudly, and no other.
        let (schedule, zone) = match (Schedule::parse(&times.schedule), Zone::parse(&times.timezone)) {
            (Ok(schedule), Ok(zone)) => (schedule, zone),
            (schedule, zone) => {
                let error = schedule.err().map(|e| e.to_string()).or(zone.err().map(|e| e.to_string()));
                tracing::error!(%job, error, "the schedule cannot be read; the job does not run");
                return None;
            }
        };
        let anchor = times.start_at.unwrap_or(created_at);
        Some(Self { schedule, zone, anchor, end_at: times.end_at.unwrap_or(i64::MAX) })
    }

    /// The first instant later than `after`.
    pub(crate) fn after(&self, after: Millis) -> Option<Millis> {
        self.schedule.next_after(&self.zone, self.anchor, after).filter(|at| *at <= self.end_at)
    }

    /// The last instant later than `after` and not later than `until`.
    pub(crate) fn last_between(&self, after: Millis, until: Millis) -> Option<Millis> {
        self.schedule.last_between(&self.zone, self.anchor, after, until.min(self.end_at))
    }
}
