//! When a job falls due: its schedule in its time zone, between its start and its end.

use chronos_schedule::{Schedule, Zone};
use chronos_state::{BadSpec, JobRow};
use chronos_types::{DurationMs, FieldError, JobSpec, JobTimes, Millis, Window, format_rfc3339};

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

/// The instants of a job from one on up to another, both included, and at most so many of them: as they are now, whatever
/// was planned. One that is disabled has none, nor has one of which it cannot be read when it runs.
pub(crate) fn coming(row: &JobRow, from: Millis, to: Millis, most: usize) -> Vec<Millis> {
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
