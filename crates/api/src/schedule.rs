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
    /// IANA time zone; `UTC` if omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "America/New_York")]
    pub timezone: Option<String>,
    /// The runs are later than this (RFC 3339); now if omitted. `@every` counts from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// How many runs to list; 5 if omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 100, example = 5)]
    pub count: Option<u32>,
    /// Id or name of the job that is to have the schedule: runs that come sooner than it usually takes are warned of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "nightly-report")]
    pub job: Option<String>,
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
    #[schema(example = json!(["2026-11-23T09:00:00-05:00", "2026-11-24T09:00:00-05:00"]))]
    pub next_runs: Vec<String>,
    /// What is odd about the schedule. It is one all the same.
    #[serde(default)]
    pub warnings: Vec<ScheduleWarning>,
    /// What changes of the local clock (daylight saving) do to these runs: an entry for each that is affected.
    #[serde(default)]
    pub clock_changes: Vec<ClockChange>,
}

/// Something odd about a schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScheduleWarning {
    /// `day_or_weekday`, `midnight`, `uneven_step` or `shorter_than_duration`.
    #[schema(example = "uneven_step")]
    pub code: String,
    /// The same for people.
    #[schema(
        example = "*/7 in the field minute begins anew with each hour, whose 60 minutes are no multiple of 7: the last distance of each hour is another one"
    )]
    pub message: String,
}

/// What a change of the local clock does to a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClockChange {
    /// The run, as it stands in `next_runs`.
    #[schema(example = "2027-03-28T03:00:00+02:00")]
    pub run: String,
    /// `moved` (its local time is skipped, and it runs at the first instant after the gap), `runs_skipped` (local times
    /// before it are skipped, and nothing runs at them), `first_of_two` (its local time comes twice, and it runs the
    /// first time only) or `runs_twice` (its local time comes twice, and it runs both times).
    #[schema(example = "moved")]
    pub effect: String,
    /// The same for people, with the local times.
    #[schema(
        example = "2027-03-28 02:30 does not exist: the clock goes forward from 2027-03-28 02:00 to 2027-03-28 03:00. It runs at the first instant after that"
    )]
    pub message: String,
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
    /// The id or the name of the job that is to have the schedule.
    pub job: Option<String>,
}

impl PreviewRequest {
    /// Reads the request. `check` checks the schedule and the time zone.
    ///
    /// # Errors
    /// Every bad field.
    pub fn parse(value: &Value, check: CheckSchedule<'_>) -> Result<Preview, Invalid> {
        let mut invalid = Invalid::default();
        let Some(fields) = Fields::open(value, "", &mut invalid) else { return Err(invalid) };
        fields.only(&["schedule", "timezone", "after", "count", "job"], &[], &mut invalid);
        fields.require("schedule", SCHEDULE, &mut invalid);
        let schedule = fields.text("schedule", &mut invalid);
        let timezone = fields.text("timezone", &mut invalid);
        for error in check(schedule, timezone) {
            invalid.add(error.field, error.message);
        }
        let after = fields.instant("after", &mut invalid);
        let count = fields.whole("count", 1, 100, &mut invalid).unwrap_or(5);
        let job = fields.text("job", &mut invalid);
        invalid.into_result()?;
        Ok(Preview {
            schedule: schedule.unwrap_or_default().to_owned(),
            timezone: timezone.unwrap_or("UTC").to_owned(),
            after,
            count: usize::try_from(count).unwrap_or(100),
            job: job.map(str::to_owned),
        })
    }
}
