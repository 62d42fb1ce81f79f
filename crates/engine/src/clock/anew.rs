//! When a job falls due once the time was set back. Pure: it is told the time.

use chronos_state::{DueAnew, JobDue};
use chronos_types::Millis;

use crate::times::Times;

/// When a job falls due, if not when it is to now. The time was set back to `to`, and is `now` by now.
pub(super) fn due_anew(job: &JobDue, to: Millis, now: Millis) -> Option<DueAnew> {
    // Whoever ends its pause says when it falls due.
    if job.paused_until.is_some() {
        return None;
    }
    // A job from the time to come is made one of `to`.
    let times = Times::of(&job.times, job.created_at.min(to)).ok()?;
    // `start_at` itself may be an instant of the schedule.
    let after = |instant: Millis| {
        times.after(job.times.start_at.map_or(instant, |start| instant.max(start.saturating_sub(1))))
    };
    let soonest = after(now);
    let next_due = match job.at {
        // It waits for no later instant than it should.
        Some(at) if soonest.is_none_or(|soonest| at <= soonest) => return None,
        // What fell due since then is late, and not missed.
        Some(_) => after(to),
        // It was over: its last instant had come.
        None => Some(soonest?),
    };
    Some(DueAnew { job: job.seq, version: job.version, from: job.at, next_due })
}

#[cfg(test)]
mod tests {
    use chronos_state::JobSeq;
    use chronos_types::{Concurrency, DurationMs, JobId, JobTimes, MissedRuns};

    use super::*;

    /// What the time was set back to. All instants of the table are seconds since then.
    const TO: Millis = 1_700_000_000_000;

    fn check(schedule: &str, created_at: i64, at: Option<i64>, start_at: Option<i64>, expected: Option<i64>) {
        let instant = |seconds: i64| TO + seconds * 1_000;
        let times = JobTimes {
            schedule: schedule.to_owned(),
            timezone: "UTC".to_owned(),
            missed_runs: MissedRuns::ExecuteOne,
            concurrency: Concurrency::Allow,
            jitter: DurationMs::default(),
            start_at: start_at.map(instant),
            end_at: None,
        };
        let job = JobDue {
            seq: JobSeq::new(1),
            id: JobId::new(TO, [1; 10]),
            version: 3,
            created_at: instant(created_at),
            updated_at: instant(created_at),
            at: at.map(instant),
            times,
            paused_until: None,
        };
        // Two seconds after it was set back.
        let found = due_anew(&job, TO, instant(2));
        let due = found.map(|due| {
            assert_eq!((due.job, due.version, due.from), (job.seq, 3, job.at));
            due.next_due.map(|at| (at - TO) / 1_000)
        });
        assert_eq!(due, expected.map(Some), "{schedule} {created_at} {at:?} {start_at:?}");
    }

    #[test]
    fn what_waits_for_too_late_an_instant_falls_due_at_the_first_after_the_time_was_set_back() {
        const MONTH: i64 = 30 * 86_400;
        check("@every 10s", -5, Some(MONTH + 5), None, Some(5));
        // It fell due meanwhile.
        check("@every 10s", -9, Some(MONTH + 1), None, Some(1));
        // It waits for the instant that it should, or an earlier one.
        check("@every 10s", -5, Some(5), None, None);
        check("@every 10s", -9, Some(1), None, None);
        // Created while the clock was ahead.
        check("@every 10s", MONTH, Some(MONTH + 10), None, Some(10));
        // It starts later.
        check("@every 10s", -5, Some(MONTH + 5), Some(100), Some(110));
        check("@every 10s", MONTH, Some(2 * MONTH + 10), Some(2 * MONTH), None);
        // It was over, and is to come again; or it was over before.
        check("@at 2023-11-14T22:14:00Z", -5, None, None, Some(40));
        check("@at 2023-11-14T22:13:00Z", -5, None, None, None);
        check("@whenever", -5, Some(MONTH), None, None);
    }

    #[test]
    fn a_job_that_is_paused_is_left_to_whoever_ends_its_pause() {
        let times = JobTimes {
            schedule: "@every 10s".to_owned(),
            timezone: "UTC".to_owned(),
            missed_runs: MissedRuns::ExecuteOne,
            concurrency: Concurrency::Allow,
            jitter: DurationMs::default(),
            start_at: None,
            end_at: None,
        };
        let job = JobDue {
            seq: JobSeq::new(1),
            id: JobId::new(TO, [1; 10]),
            version: 3,
            created_at: TO,
            updated_at: TO,
            at: None,
            times,
            paused_until: Some(TO + 60_000),
        };
        assert_eq!(due_anew(&job, TO, TO), None);
        assert!(due_anew(&JobDue { paused_until: None, ..job }, TO, TO).is_some());
    }
}
