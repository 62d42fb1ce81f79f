//! [`Entry`]: when a single job runs, in as few bytes as that takes.

use chronos_schedule::Schedule;
use chronos_state::{JobDue, JobSeq};
use chronos_types::Millis;

use super::zones::{ZoneRef, Zones};
use crate::times::Times;

/// When a job runs.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) seq: JobSeq,
    schedule: Schedule,
    /// What an `@every` schedule counts from.
    anchor: Millis,
    end_at: Millis,
    /// Before this instant there is no run: `start_at`, or the end of a pause.
    not_before: Millis,
    zone: ZoneRef,
}

impl Entry {
    /// Of a job as it is on record.
    ///
    /// # Errors
    /// Its times cannot be read, and why.
    pub(super) fn read(job: &JobDue, zones: &mut Zones) -> Result<Self, String> {
        let Times { schedule, zone, anchor, end_at } = Times::of(&job.times, job.created_at)?;
        let zone = zones.keep(&zone);
        let not_before = job.times.start_at.max(job.paused_until).unwrap_or(Millis::MIN);
        Ok(Self { seq: job.seq, schedule, anchor, end_at, not_before, zone })
    }

    /// Visits the seconds in which it runs, from one on up to another, which is not included.
    pub(super) fn each(&self, zones: &Zones, from: i64, to: i64, mut visit: impl FnMut(i64)) {
        let after = self.later_than(from.saturating_mul(1000).saturating_sub(1));
        let until = to.saturating_mul(1000).saturating_sub(1).min(self.end_at);
        let visit = |at: Millis| visit(at.div_euclid(1000));
        self.schedule.each_between(zones.get(self.zone), self.anchor, after, until, visit);
    }

    /// Its first instant later than `after`.
    pub(super) fn after(&self, zones: &Zones, after: Millis) -> Option<Millis> {
        let next = self.schedule.next_after(zones.get(self.zone), self.anchor, self.later_than(after));
        next.filter(|at| *at <= self.end_at)
    }

    /// The instant before which there is no run may itself be one of the schedule.
    fn later_than(&self, after: Millis) -> Millis {
        after.max(self.not_before.saturating_sub(1))
    }
}
