//! Whether a schedule is one, and leaves an instant at which its job runs.

use chronos_schedule::{Schedule, Zone};
use chronos_state::JobRow;
use chronos_types::{FieldError, Invalid, JobSpec, Millis, Window, format_rfc3339};

use crate::services::Services;
use crate::times::{Instants, first_of_new};

/// Judges schedules and previews them.
#[derive(Clone, Debug)]
pub struct Schedules {
    pub(crate) services: Services,
}

impl Schedules {
    /// The use cases, with what they work with.
    #[must_use]
    pub fn new(services: Services) -> Self {
        Self { services }
    }

    /// Judges a schedule and a time zone, each where it is given. Answers with what is wrong with them, under
    /// the fields `schedule` and `timezone`.
    #[must_use]
    pub fn check(schedule: Option<&str>, timezone: Option<&str>) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let mut note =
            |field: &str, message: String| errors.push(FieldError { field: field.to_owned(), message });
        if let Some(Err(error)) = schedule.map(Schedule::parse) {
            note("schedule", error.to_string());
        }
        if let Some(Err(error)) = timezone.map(Zone::parse) {
            note("timezone", error.to_string());
        }
        errors
    }

    /// As [`Schedules::check`], of a job that gets these times `now`: they leave an instant at which it runs. Of times
    /// that the job in `row` has already, nothing is asked, and nothing of those that cannot be read. What is said of
    /// `start_at` and `end_at` is the end of a sentence that begins with the value.
    #[must_use]
    pub fn check_job(
        &self,
        schedule: Option<&str>,
        timezone: Option<&str>,
        window: Option<Window>,
        row: Option<&JobRow>,
        now: Millis,
    ) -> Vec<FieldError> {
        let errors = Self::check(schedule, timezone);
        let (Some(schedule), Some(window), true) = (schedule, window, errors.is_empty()) else {
            return errors;
        };
        let instants = Instants { schedule, timezone: timezone.unwrap_or("UTC"), window };
        if row.is_some_and(|row| Instants::of_row(row) == instants) {
            return errors;
        }
        let created_at = row.map_or(now, |row| row.job.created_at);
        let first = first_of_new(instants, created_at, now, self.services.misfire_threshold);
        first.err().unwrap_or_default()
    }

    /// The same of a specification that the job in `row` gets `now`.
    ///
    /// # Errors
    /// Every field that leaves no instant.
    pub(crate) fn check_spec(&self, spec: &JobSpec, row: &JobRow, now: Millis) -> Result<(), Invalid> {
        let window = Window { start_at: spec.start_at, end_at: spec.end_at };
        let (schedule, timezone) = (Some(spec.schedule.as_str()), Some(spec.timezone.as_str()));
        let mut invalid = Invalid::default();
        for FieldError { field, message } in self.check_job(schedule, timezone, Some(window), Some(row), now)
        {
            let value = match field.as_str() {
                "start_at" => spec.start_at.map(format_rfc3339),
                "end_at" => spec.end_at.map(format_rfc3339),
                _ => None,
            };
            let message = match value {
                Some(value) => format!("{value} {message}"),
                None => message,
            };
            invalid.add(field, message);
        }
        invalid.into_result()
    }
}
