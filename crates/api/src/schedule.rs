//! A preview of what a schedule means.

use chronos_types::{Invalid, Millis};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::CheckSchedule;
use crate::fields::Fields;
use crate::job_input::SCHEDULE;

/// A schedule to preview.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreviewRequest {
    /// Cron, a shorthand, `@every` or `@at`.
    #[schema(example = "0 9 * * 1-5")]
    pub schedule: String,
    /// IANA time zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(default = "UTC", example = "America/New_York")]
    pub timezone: Option<String>,
    /// The runs are later than this (RFC 3339); now if omitted. `@every` counts from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// How many runs to list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 100, default = 5)]
    pub count: Option<u32>,
}

/// What it means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreviewResponse {
    /// Always true: a schedule that is not valid is answered with 400.
    pub valid: bool,
    /// In plain English.
    #[schema(example = "At 09:00, Monday through Friday")]
    pub description: String,
    /// The next runs, RFC 3339 with the zone's offset; fewer than asked for if the schedule ends.
    pub next_runs: Vec<String>,
}

/// A preview request that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The schedule's text.
    pub schedule: String,
    /// The time zone's name.
    pub timezone: String,
    /// The runs are later than this.
    pub after: Option<Millis>,
    /// How many runs to list.
    pub count: usize,
}

impl PreviewRequest {
    /// Reads the request. `check` checks the schedule and the time zone.
    ///
    /// # Errors
    /// Every bad field.
    pub fn parse(value: &Value, check: CheckSchedule<'_>) -> Result<Preview, Invalid> {
        let mut invalid = Invalid::default();
        let Some(fields) = Fields::open(value, "", &mut invalid) else { return Err(invalid) };
        fields.only(&["schedule", "timezone", "after", "count"], &[], &mut invalid);
        fields.require("schedule", SCHEDULE, &mut invalid);
        let schedule = fields.text("schedule", &mut invalid);
        let timezone = fields.text("timezone", &mut invalid);
        for error in check(schedule, timezone) {
            invalid.add(error.field, error.message);
        }
        let after = fields.instant("after", &mut invalid);
        let count = fields.whole("count", 1, 100, &mut invalid).unwrap_or(5);
        invalid.into_result()?;
        Ok(Preview {
            schedule: schedule.unwrap_or_default().to_owned(),
            timezone: timezone.unwrap_or("UTC").to_owned(),
            after,
            count: usize::try_from(count).unwrap_or(100),
        })
    }
}
