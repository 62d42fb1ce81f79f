//! When a job falls due: its schedule in its time zone, between its start and its end.

use chronos_schedule::{Schedule, Zone};
use chronos_state::{BadSpec, JobDue, JobRow};
use chronos_types::{DurationMs, FieldError, JobSpec, JobTimes, Millis, Skip, Skips, Window, format_rfc3339};

/// What decides at which instants a job falls due, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Instants<'a> {
    pub(crate) schedule: &'a str,
    pub(crate) timezone: &'a str,
    pub(crate) window: Window,
}

impl<'a> From<&'a JobSpec> for Instants<'a> {
    fn from(spec: &'a JobSpec) -> Self {
        let JobSpec { schedule, timezone, start_at, end_at, .. } = spec;
        Self { schedule, timezone, window: Window { start_at: *start_at, end_at: *end_at } }
    }
}

impl<'a> From<&'a JobTimes> for Instants<'a> {
    fn from(times: &'a JobTimes) -> Self {
        let JobTimes { schedule, timezone, start_at, end_at, .. } = times;
        Self { schedule, timezone, window: Window { start_at: *start_at, end_at: *end_at } }
    }
}

impl<'a> Instants<'a> {
    /// Those of a job on record, also of one that today's rules refuse.
    pub(crate) fn of_row(row: &'a JobRow) -> Self {
        match &row.job.spec {
            Ok(spec) => spec.into(),
            Err(bad) => Self {
                schedule: &bad.form.schedule,
                timezone: &bad.form.timezone,
                window: Window { start_at: bad.form.start_at, end_at: bad.form.end_at },
            },
        }
    }

    /// What the first instant from `now` on is later than. `start_at` itself may be an instant of the schedule.
    fn later_than(&self, now: Millis) -> Millis {
        self.window.start_at.map_or(now, |start| now.max(start.saturating_sub(1)))
    }
}

/// The first instant at which a job falls due after `now`; none where it is disabled or over.
pub(crate) fn first_due(spec: &JobSpec, created_at: Millis, now: Millis) -> Option<Millis> {
    if !spec.enabled {
        return None;
    }
    first_of(spec.into(), created_at, now)
}

/// The same of one that today's rules refuse.
pub(crate) fn first_due_of_bad(bad: &BadSpec, created_at: Millis, now: Millis) -> Option<Millis> {
    if !bad.form.enabled {
        return None;
    }
    bad.times().map_or(Some(now), |times| first_of((&times).into(), created_at, now))
}

/// The first instant from `from` on, itself included, of an enabled job of which it can be read when it runs.
pub(crate) fn first_due_from(times: &JobTimes, created_at: Millis, from: Millis) -> Option<Millis> {
    first_of(times.into(), created_at, from.saturating_sub(1))
}

/// The instants of a job from one on up to another, both included, and at most so many of them: as they are now, whatever
/// was planned. One that is disabled has none, nor has one of which it cannot be read when it runs. One that is paused has
/// those from the end of its pause on.
pub(crate) fn coming(row: &JobRow, from: Millis, to: Millis, most: usize) -> Vec<Millis> {
    let from = match row.paused.as_ref().map(|pause| pause.until) {
        None => from,
        Some(Some(until)) => from.max(until),
        Some(None) => return Vec::new(),
    };
    let enabled = match &row.job.spec {
        Ok(spec) => spec.enabled,
        Err(bad) => bad.form.enabled,
    };
    if enabled { of_range(row, from, to, most) } else { Vec::new() }
}

/// The instants of a job's schedule from one on up to another, both included, and at most so many of them, whether the
/// job is enabled or not. One of which it cannot be read when it runs has none.
pub(crate) fn of_range(row: &JobRow, from: Millis, to: Millis, most: usize) -> Vec<Millis> {
    let instants = Instants::of_row(row);
    let Ok(times) = Times::read(instants, row.job.created_at) else { return Vec::new() };
    let first = times.after(instants.later_than(from.saturating_sub(1)));
    let all = std::iter::successors(first, |at| times.after(*at));
    all.take_while(|at| *at <= to).take(most).collect()
}

/// The same of one that gets its times `now`: it is created with them, or they are changed.
pub(crate) fn first_due_of_new(
    spec: &JobSpec,
    created_at: Millis,
    now: Millis,
    misfire_threshold: DurationMs,
) -> Option<Millis> {
    if !spec.enabled {
        return None;
    }
    first_of_new(spec.into(), created_at, now, misfire_threshold).ok()
}

/// The first instant after `now`. A job of which it cannot be read when it runs is due at once: it is never taken for
/// one that is over, and whoever reads it later decides what was missed.
fn first_of(instants: Instants<'_>, created_at: Millis, now: Millis) -> Option<Millis> {
    Times::read(instants, created_at).map_or(Some(now), |times| times.after(instants.later_than(now)))
}

/// The first instant of a job that gets its times `now`, enabled or not. An `@at` that is less late than
/// `misfire_threshold` is not past: it is simply run, as any run that is found so late.
///
/// # Errors
/// No instant is left: each field that leaves none, and why.
pub(crate) fn first_of_new(
    instants: Instants<'_>,
    created_at: Millis,
    now: Millis,
    misfire_threshold: DurationMs,
) -> Result<Millis, Vec<FieldError>> {
    let Ok(times) = Times::read(instants, created_at) else { return Ok(now) };
    let late = times.schedule.as_once().map_or(0, |_| misfire_threshold.as_i64());
    let first = times.after(instants.later_than(now - late));
    first.ok_or_else(|| why_none(instants, &times, now, late))
}

/// Why no instant is left to a job from `now - late` on. What is said of `start_at` and `end_at` does not begin with
/// their value, for here nobody knows how it was written.
fn why_none(instants: Instants<'_>, times: &Times, now: Millis, late: i64) -> Vec<FieldError> {
    let (show, past, once) = (format_rfc3339, now - late, times.schedule.as_once());
    let (Window { start_at, end_at }, text) = (instants.window, instants.schedule);
    let is_past = format!("is past (it is {} now); expected a time to come", show(now));
    let at = once.filter(|at| *at <= past).map(|_| bad("schedule", format!("{text:?} {is_past}")));
    let end = end_at.filter(|end| *end <= past).map(|_| bad("end_at", is_past.clone()));
    if at.is_some() || end.is_some() {
        return at.into_iter().chain(end).collect();
    }
    let without_end = times.schedule.next_after(&times.zone, times.anchor, instants.later_than(past));
    let error = match (end_at.and(without_end), start_at, once) {
        (Some(first), ..) => {
            let first = show(first);
            bad("end_at", format!("is before the first run, at {first}; expected that time or later"))
        }
        (None, Some(_), Some(at)) => {
            let at = show(at);
            bad("start_at", format!("is after the only run, at {at}; expected that time or earlier"))
        }
        (None, Some(_), None) => {
            let message = "leaves no run before the end of the year 9999; expected an earlier time";
            bad("start_at", message.to_owned())
        }
        (None, None, _) => {
            let message = "has no run before the end of the year 9999; expected one that has";
            bad("schedule", format!("{text:?} {message}"))
        }
    };
    vec![error]
}

fn bad(field: &str, message: String) -> FieldError {
    FieldError { field: field.to_owned(), message }
}

/// The instants of a job.
pub(crate) struct Times {
    pub(crate) schedule: Schedule,
    pub(crate) zone: Zone,
    /// What an `@every` schedule counts from.
    pub(crate) anchor: Millis,
    pub(crate) end_at: Millis,
}

impl Times {
    /// Reads a job's schedule.
    ///
    /// # Errors
    /// It cannot be read, and why. It was checked when the job came in, so it is one that another Chronos took. It
    /// stops its own job and no other.
    pub(crate) fn of(times: &JobTimes, created_at: Millis) -> Result<Self, String> {
        Self::read(times.into(), created_at)
    }

    fn read(instants: Instants<'_>, created_at: Millis) -> Result<Self, String> {
        let Instants { schedule, timezone, window: Window { start_at, end_at } } = instants;
        let schedule = Schedule::parse(schedule).map_err(|error| format!("schedule: {error}"))?;
        let zone = Zone::parse(timezone).map_err(|error| format!("timezone: {error}"))?;
        let anchor = start_at.unwrap_or(created_at);
        Ok(Self { schedule, zone, anchor, end_at: end_at.unwrap_or(i64::MAX) })
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

/// The coming runs of a job that are skipped.
pub(crate) struct SkippedRuns {
    skip: Skip,
    /// No run before this instant is to come any more.
    from: Millis,
    times: Times,
}

impl SkippedRuns {
    /// Those of a job that falls due at `due`, or, where it is paused, after the end of that; none where it falls due
    /// at no instant, or it cannot be read at which.
    fn of(
        skips: Option<&Skips>,
        due: Option<Millis>,
        instants: Instants<'_>,
        created_at: Millis,
    ) -> Option<Self> {
        Some(Self { skip: skips?.skip, from: due?, times: Times::read(instants, created_at).ok()? })
    }

    pub(crate) fn of_row(row: &JobRow) -> Option<Self> {
        let resumes = row.paused.as_ref().and_then(|pause| pause.until);
        let due = row.job.next_due.or(resumes);
        Self::of(row.skips.as_ref(), due, Instants::of_row(row), row.job.created_at)
    }

    pub(crate) fn of_due(skips: Option<&Skips>, job: &JobDue) -> Option<Self> {
        Self::of(skips, job.at.or(job.paused_until), (&job.times).into(), job.created_at)
    }

    /// Whether the run of an instant is one of them.
    pub(crate) fn has(&self, at: Millis) -> bool {
        at >= self.from
            && match self.skip {
                Skip::Until(until) => at < until,
                Skip::Count(count) => self.times.count_between(self.from - 1, at) <= u64::from(count),
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-23T10:00:00Z";

    fn at(text: &str) -> Millis {
        chronos_types::parse_rfc3339(text).expect(text)
    }

    /// The first instant of a job that is created now, with a threshold of a minute; or each field that leaves none.
    fn first(schedule: &str, start_at: Option<&str>, end_at: Option<&str>) -> Result<Millis, String> {
        let window = Window { start_at: start_at.map(at), end_at: end_at.map(at) };
        let instants = Instants { schedule, timezone: "UTC", window };
        let found = first_of_new(instants, at(NOW), at(NOW), DurationMs::from_secs(60));
        found.map_err(|errors| {
            let line = |error: &FieldError| format!("{}: {}", error.field, error.message);
            errors.iter().map(line).collect::<Vec<_>>().join("\n")
        })
    }

    #[test]
    fn the_runs_that_are_skipped_are_those_from_the_next_one_on() {
        let window = Window { start_at: None, end_at: None };
        let instants = Instants { schedule: "0 * * * *", timezone: "UTC", window };
        let hour = |hour: i64| at("2026-11-23T00:00:00Z") + hour * 3_600_000;
        let skipped = |skip, due| {
            let skips = Skips { by: None, at: 0, skip, next: due };
            let found = SkippedRuns::of(Some(&skips), due, instants, hour(0));
            (9..16).filter(|n| found.as_ref().is_some_and(|found| found.has(hour(*n)))).collect::<Vec<_>>()
        };
        assert_eq!(skipped(Skip::Count(2), Some(hour(11))), [11, 12]);
        // Those that are on record already are none of them.
        assert_eq!(skipped(Skip::Until(hour(13)), Some(hour(11))), [11, 12]);
        assert_eq!(skipped(Skip::Until(hour(10)), Some(hour(11))), [0; 0]);
        // It is paused until then.
        assert_eq!(skipped(Skip::Count(1), Some(hour(12) + 1)), [13]);
        assert_eq!(skipped(Skip::Count(1), None), [0; 0]);
        assert!(SkippedRuns::of(None, Some(hour(11)), instants, hour(0)).is_none());
    }

    #[test]
    fn an_instant_that_is_left_is_found() {
        for (schedule, start, end, expected) in [
            ("0 * * * *", None, None, "2026-11-23T11:00:00Z"),
            ("0 * * * *", None, Some("2026-11-23T11:00:00Z"), "2026-11-23T11:00:00Z"),
            ("0 * * * *", Some("2026-11-23T12:00:00Z"), None, "2026-11-23T12:00:00Z"),
            ("@every 1h", None, Some("2026-11-23T11:00:00Z"), "2026-11-23T11:00:00Z"),
            ("@at 2026-11-23T10:00:01Z", None, None, "2026-11-23T10:00:01Z"),
            // Late, and not past.
            ("@at 2026-11-23T10:00:00Z", None, None, "2026-11-23T10:00:00Z"),
            ("@at 2026-11-23T09:59:00.001Z", None, None, "2026-11-23T09:59:00.001Z"),
            ("@at 2026-11-23T09:59:30Z", Some("2026-11-23T09:59:30Z"), None, "2026-11-23T09:59:30Z"),
            ("@at 2026-11-23T09:59:30Z", None, Some("2026-11-23T09:59:30Z"), "2026-11-23T09:59:30Z"),
            ("@at 9999-12-31T23:59:59.999Z", None, None, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(first(schedule, start, end), Ok(at(expected)), "{schedule} {start:?} {end:?}");
        }
    }

    #[test]
    fn a_field_that_leaves_no_instant_is_named() {
        for (schedule, start, end, says) in [
            (
                "@at 2026-11-23T09:59:00Z",
                None,
                None,
                "schedule: \"@at 2026-11-23T09:59:00Z\" is past (it is ",
            ),
            ("@at 1969-07-20T20:17:40Z", None, None, "schedule: \"@at 1969-07-20T20:17:40Z\" is past"),
            ("* * * * *", None, Some(NOW), "end_at: is past (it is 2026-11-23T10:00:00"),
            ("@every 1s", None, Some("2020-01-01T00:00:00Z"), "end_at: is past"),
            ("@at 2020-01-01T00:00:00Z", None, Some("2021-01-01T00:00:00Z"), "to come\nend_at: is past"),
            (
                "0 * * * *",
                None,
                Some("2026-11-23T10:59:59Z"),
                "end_at: is before the first run, at 2026-11-23T11:00:00",
            ),
            (
                "@every 1h",
                None,
                Some("2026-11-23T10:30:00Z"),
                "end_at: is before the first run, at 2026-11-23T11:00:00",
            ),
            (
                "@daily",
                Some("2027-01-01T00:00:01Z"),
                Some("2027-01-01T23:00:00Z"),
                "end_at: is before the first run, at 2027-01-02T00:00:00",
            ),
            (
                "@at 2027-01-01T00:00:00Z",
                Some("2027-01-02T00:00:00Z"),
                None,
                "start_at: is after the only run, at 2027-01-01T00:00:00",
            ),
            (
                "@at 2027-01-02T00:00:00Z",
                None,
                Some("2027-01-01T00:00:00Z"),
                "end_at: is before the first run, at 2027-01-02T00:00:00",
            ),
            (
                "0 0 1 1 *",
                Some("9999-06-01T00:00:00Z"),
                None,
                "start_at: leaves no run before the end of the year",
            ),
        ] {
            let found = first(schedule, start, end).expect_err(schedule);
            assert!(found.contains(says), "{schedule} {start:?} {end:?}: {found}");
            assert!(found.contains("; expected "), "{found}");
        }
    }
}
