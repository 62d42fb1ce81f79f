//! Reads a job from JSON.

use chronos_types::{
    self as domain, Auth, Concurrency, FieldError, Invalid, JobName, JobSpec, MissedRuns, Secrets, Tags,
    Webhook, Window, clip, control_character,
};
use serde_json::{Map, Value};

use crate::fields::{Fields, names_of};
use crate::{JobInput, retry, webhook_input};

/// Checks a schedule and a time zone. Each is `None` if it is not given or no string.
pub type CheckSchedule<'a> = &'a dyn Fn(Option<&str>, Option<&str>) -> Vec<FieldError>;

const FIELDS: &[&str] = names_of!(JobInput {
    name,
    description,
    schedule,
    timezone,
    webhook,
    retry_policy,
    timeout,
    concurrency,
    missed_runs,
    jitter,
    start_at,
    end_at,
    tags,
    enabled
});
/// These fields are accepted and ignored, so that what was read can be written back.
const READ_ONLY: [&str; 13] = [
    "id",
    "version",
    "created_at",
    "updated_at",
    "by",
    "note",
    "set",
    "next_run",
    "last_run",
    "paused",
    "skips",
    "stats",
    "invalid",
];
const MAX_DESCRIPTION_CHARS: usize = 4_096;
const NAME: &str = "1 to 255 of letters, digits, '-', '_', '.' and ':', not '.' or '..'";
/// What was expected, for a message that says that the schedule is missing.
pub(crate) const SCHEDULE: &str =
    "a cron expression such as \"0 9 * * 1-5\", \"@every 30s\" or \"@at 2026-11-23T10:00:00Z\"";

impl JobInput {
    /// Notes what is wrong with a merge patch of many jobs, whatever they are like.
    pub(crate) fn check_patch_of_many(patch: &Value, invalid: &mut Invalid) {
        let Some(fields) = Fields::open(patch, "patch", invalid) else { return };
        fields.only(FIELDS, &READ_ONLY, invalid);
        if patch.get("name").is_some() {
            invalid.add("patch.name", "is given; expected no name, for no two jobs have the same");
        }
        if patch.as_object().is_some_and(Map::is_empty) {
            invalid.add("patch", "is empty; expected the fields to change");
        }
    }

    /// Reads a job. A `"[redacted]"` stands for the secret that `stored` has in the same place. `check`
    /// checks the schedule and the time zone.
    ///
    /// # Errors
    /// Every bad field: values, types, unknown names, and what is missing.
    pub fn parse(
        value: &Value,
        stored: Option<&Webhook>,
        check: CheckSchedule<'_>,
    ) -> Result<JobSpec, Invalid> {
        Self::parse_with(value, stored.map(Secrets::from).unwrap_or_default(), check)
    }

    /// [`JobInput::parse`] where the stored secrets are known, and not all else of the stored webhook.
    ///
    /// # Errors
    /// The same.
    pub fn parse_with(
        value: &Value,
        stored: Secrets<'_>,
        check: CheckSchedule<'_>,
    ) -> Result<JobSpec, Invalid> {
        let mut found = Invalid::default();
        let invalid = &mut found;
        let Some(fields) = Fields::open(value, "", invalid) else { return Err(found) };
        fields.only(FIELDS, &READ_ONLY, invalid);
        fields.require("name", NAME, invalid);
        let name = fields.parsed("name", JobName::parse, invalid);
        let description = fields.parsed("description", description, invalid).unwrap_or_default();
        fields.require("schedule", SCHEDULE, invalid);
        let schedule = fields.text("schedule", invalid);
        let timezone = fields.text("timezone", invalid);
        for error in check(schedule, timezone) {
            invalid.add(error.field, error.message);
        }
        fields.require("webhook", "an object with a \"url\"", invalid);
        let webhook = fields.get("webhook").and_then(|value| webhook(value, stored, invalid));
        let retry_policy =
            fields.get("retry_policy").and_then(|value| retry::parse(value, "retry_policy", invalid));
        let timeout = fields.timeout("timeout", invalid);
        let concurrency = fields.parsed("concurrency", Concurrency::parse, invalid);
        let missed_runs = fields.parsed("missed_runs", MissedRuns::parse, invalid);
        let jitter = fields.duration("jitter", invalid).unwrap_or_default();
        let Window { start_at, end_at } = window(&fields, invalid);
        let tags = tags(&fields, invalid);
        let enabled = fields.boolean("enabled", invalid).unwrap_or(true);

        let (Some(name), Some(schedule), Some(webhook)) = (name, schedule, webhook) else {
            return Err(found);
        };
        found.into_result()?;
        Ok(JobSpec {
            name,
            description,
            schedule: schedule.to_owned(),
            timezone: timezone.unwrap_or("UTC").to_owned(),
            webhook,
            retry_policy: retry_policy.unwrap_or_default(),
            timeout,
            concurrency: concurrency.unwrap_or(Concurrency::Forbid),
            missed_runs: missed_runs.unwrap_or(MissedRuns::ExecuteOne),
            jitter,
            start_at,
            end_at,
            tags,
            enabled,
        })
    }

    /// Whether a body says whether the job runs, so that a pause of it ends: `enabled` is written there. A body that has
    /// `paused` too was read from a job and is written back, so it says nothing of that. In a patch a null is written: it
    /// means the default.
    #[must_use]
    pub fn writes_enabled(value: &Value, is_patch: bool) -> bool {
        let enabled = value.get("enabled");
        enabled.is_some_and(|enabled| is_patch || !enabled.is_null()) && value.get("paused").is_none()
    }

    /// Between which instants a job runs, as it is written. None where that is bad, or the value is no object: then
    /// nothing can be said of when it runs, and [`JobInput::parse`] says what is wrong.
    #[must_use]
    pub fn window(value: &Value) -> Option<Window> {
        let mut invalid = Invalid::default();
        let fields = Fields::open(value, "", &mut invalid)?;
        let window = window(&fields, &mut invalid);
        invalid.is_empty().then_some(window)
    }
}

fn description(text: &str) -> Result<String, String> {
    let count = text.chars().count();
    if count > MAX_DESCRIPTION_CHARS {
        return Err(format!("has {count} characters; expected at most {MAX_DESCRIPTION_CHARS}"));
    }
    match control_character(text) {
        Some(found) => Err(format!("has the control character {found:?}; expected text, tabs and line ends")),
        None => Ok(text.to_owned()),
    }
}

fn window(fields: &Fields<'_>, invalid: &mut Invalid) -> Window {
    let start_at = fields.instant("start_at", invalid);
    let end_at = fields.instant("end_at", invalid);
    if let (Some(start), Some(end)) = (start_at, end_at)
        && end <= start
    {
        let text = |name: &str| clip(fields.get(name).and_then(Value::as_str).unwrap_or_default());
        let (start, end) = (text("start_at"), text("end_at"));
        invalid
            .add("end_at", format!("{end:?} is not later than start_at ({start:?}); expected a later time"));
    }
    Window { start_at, end_at }
}

fn webhook(value: &Value, stored: Secrets<'_>, invalid: &mut Invalid) -> Option<domain::Webhook> {
    let mut webhook = webhook_input::parse(value, "webhook", invalid)?;
    if let Err(field) = webhook.restore_secrets(stored) {
        let why = if stored.is_moved(&webhook.url) {
            "the URL moves to another origin, where none of the stored secrets goes"
        } else {
            "no secret is stored here to keep"
        };
        invalid.add(field, format!("is \"[redacted]\", and {why}; expected the secret itself"));
    } else if let Some(Err((field, message))) = webhook.auth.as_ref().map(Auth::check) {
        // What was given was good, and is not with the secret that was kept.
        invalid.add(format!("webhook.auth.{field}"), message);
    }
    Some(webhook)
}

fn tags(fields: &Fields<'_>, invalid: &mut Invalid) -> Tags {
    let Some(pairs) = fields.text_map("tags", invalid) else { return Tags::default() };
    Tags::parse(pairs.into_iter().collect()).unwrap_or_else(|errors| {
        for (key, message) in errors {
            let field = if key.is_empty() { "tags".to_owned() } else { format!("tags.{}", clip(&key)) };
            invalid.add(field, message);
        }
        Tags::default()
    })
}
