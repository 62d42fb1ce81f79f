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
    zone: ZoneRef,
    /// Whether `anchor` is `start_at`, before which there is no run.
    starts: bool,
}

impl Entry {
    /// Of a job as it is on record.
    ///
    /// # Errors
    /// Its times cannot be read, and why.
    pub(super) fn read(job: &JobDue, zones: &mut Zones) -> Result<Self, String> {
        let Times { schedule, zone, anchor, end_at } = Times::of(&job.times, job.created_at)?;
        let (zone, starts) = (zones.keep(&zone), job.times.start_at.is_some());
        Ok(Self { seq: job.seq, schedule, anchor, end_at, zone, starts })
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

    /// `start_at` itself may be an instant of the schedule.
    fn later_than(&self, after: Millis) -> Millis {
        if self.starts { after.max(self.anchor.saturating_sub(1)) } else { after }
    }
}
