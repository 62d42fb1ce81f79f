//! What is to be done with many jobs or executions at once, as clients ask for it.

use std::collections::BTreeMap;

use chronos_types::{Invalid, Millis, Note, clip};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::JobInput;
use crate::fields::{Fields, quoted, unquoted};

/// So many jobs or executions are named at most. What is more has a filter.
const MAX_NAMED: usize = 1_000;
/// The longest name of a job. An id is shorter.
const MAX_NAME_BYTES: usize = 255;
/// All of a filter has as many bytes as a URL with its headers.
const MAX_FILTER_BYTES: usize = 32 << 10;
/// The fastest rate.
const MAX_PER_SECOND: u64 = 1_000;
/// The longest time over which replays are spread, in hours.
const MAX_SPREAD_HOURS: u64 = 24;
const JOB_ACTIONS: &str = "pause, resume, trigger, delete or patch";
const EXECUTION_ACTIONS: &str = "replay or cancel";

/// What is to be done with many jobs: all that a filter matches, or those that are named.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobActionRequest {
    /// `pause`, `resume`, `trigger` (run each now), `delete`, or `patch` (change each).
    #[schema(example = "trigger")]
    pub action: String,
    /// All jobs that these parameters of `GET /jobs` match; without a parameter, all jobs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, example = json!({"enabled": true, "tag.team": "billing"}))]
    pub filter: Option<Map<String, Value>>,
    /// These jobs, by id or name; at most 1,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["nightly-report"]))]
    pub names: Option<Vec<String>>,
    /// For `pause`: why, as for a single job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 1_024, example = "the target is being moved")]
    pub reason: Option<String>,
    /// For `pause`: they go on by themselves at this time to come (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub until: Option<String>,
    /// For `patch`: the fields to change, as a JSON merge patch (RFC 7396). No `name`, for that is one job's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, example = json!({"timeout": "10s"}))]
    pub patch: Option<Value>,
    /// At most so many a second, 1 to 1,000. If omitted, 50 for `trigger`, and as fast as it goes for the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1_000, example = 50)]
    pub per_second: Option<u32>,
    /// Say how many there are and name the first, and do nothing; false if omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
}

/// What is to be done with many executions: all that a filter matches, or those that are named.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ExecutionActionRequest {
    /// `replay` (run each again) or `cancel` (end each that is unfinished).
    #[schema(example = "replay")]
    pub action: String,
    /// All executions that these parameters of `GET /executions` match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, example = json!({"status": "failed"}))]
    pub filter: Option<Map<String, Value>>,
    /// These executions, by id; at most 1,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["0192f0c4-7d1e-7c53-9d0a-5b1c1f0c2a9b"]))]
    pub ids: Option<Vec<String>>,
    /// For `replay`: all of them within this time, evenly, where `per_second` allows; at most `24h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "10m")]
    pub spread: Option<String>,
    /// At most so many a second, 1 to 1,000. If omitted, 50 for `replay`, and as fast as it goes for `cancel`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1_000, example = 50)]
    pub per_second: Option<u32>,
    /// Say how many there are and name the first, and do nothing; false if omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
}

/// Instants of the past that are to be run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackfillRequest {
    /// The first instant that may be one of them (RFC 3339).
    #[schema(example = "2026-11-22T00:00:00Z")]
    pub from: String,
    /// The last instant that may be one of them; not to come.
    #[schema(example = "2026-11-22T23:59:59Z")]
    pub to: String,
    /// At most so many a second, 1 to 1,000; 50 if omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1_000, example = 10)]
    pub per_second: Option<u32>,
    /// Say how many there are and name the first, and do nothing; false if omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
}

/// What something would be done with. Nothing was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActionPreview {
    /// How many there are.
    pub total: Total,
    /// The first of them: names of jobs, ids of executions, instants.
    #[schema(example = json!(["nightly-report", "weekly-report"]))]
    pub sample: Vec<String>,
}

/// How many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Total {
    /// How many, or at least.
    #[schema(example = 128)]
    pub count: u64,
    /// Whether that is all of them. Past 10,000, and where few of very many are meant, there may be more.
    pub exact: bool,
}

/// With what something is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActionTargets {
    /// With all that these parameters of a list match.
    Filter(BTreeMap<String, String>),
    /// With these, each once.
    Named(Vec<String>),
}

/// What is to be done with jobs.
#[derive(Clone, Debug, PartialEq)]
pub enum JobAction {
    /// Pause each.
    Pause {
        /// Why.
        reason: Option<Note>,
        /// When they go on by themselves.
        until: Option<Millis>,
    },
    /// End the pause of each.
    Resume,
    /// Run each now.
    Trigger,
    /// Delete each.
    Delete,
    /// Change each by this merge patch.
    Patch(Value),
}

/// What is to be done with executions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecutionAction {
    /// Run each again, all within so many milliseconds.
    Replay(u64),
    /// End each.
    Cancel,
}

/// A request that was checked.
#[derive(Clone, Debug, PartialEq)]
pub struct BulkRequest<A> {
    /// What is to be done.
    pub action: A,
    /// With what.
    pub targets: ActionTargets,
    /// How it is to be done.
    pub manner: Manner,
}

/// How something is to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// At most so many a second.
    pub per_second: Option<u32>,
    /// Not at all: it is only asked with what.
    pub dry_run: bool,
}

/// A backfill that was checked, as far as that goes without its job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backfill {
    /// The first instant that may be one of them.
    pub from: Millis,
    /// The last one.
    pub to: Millis,
    /// How it is to be done.
    pub manner: Manner,
}

impl JobActionRequest {
    /// Reads the request.
    ///
    /// # Errors
    /// Every bad field.
    pub fn parse(value: &Value) -> Result<BulkRequest<JobAction>, Invalid> {
        let mut found = Invalid::default();
        let invalid = &mut found;
        let Some(fields) = Fields::open(value, "", invalid) else { return Err(found) };
        let known = ["action", "filter", "names", "reason", "until", "patch", "per_second", "dry_run"];
        fields.only(&known, &[], invalid);
        fields.require("action", JOB_ACTIONS, invalid);
        let patch = fields.get("patch");
        let (reason, until) =
            (fields.parsed("reason", Note::parse, invalid), fields.instant("until", invalid));
        let parse = |text: &str| match text {
            "pause" => Ok(JobAction::Pause { reason: reason.clone(), until }),
            "resume" => Ok(JobAction::Resume),
            "trigger" => Ok(JobAction::Trigger),
            "delete" => Ok(JobAction::Delete),
            "patch" => Ok(JobAction::Patch(patch.cloned().unwrap_or_default())),
            other => Err(format!("{:?} is not an action; expected one of {JOB_ACTIONS}", clip(other))),
        };
        let action = fields.parsed("action", parse, invalid);
        match (&action, patch) {
            (Some(JobAction::Patch(_)), None) => {
                invalid.add("patch", "is missing; expected the fields to change")
            }
            (Some(JobAction::Patch(patch)), Some(_)) => JobInput::check_patch_of_many(patch, invalid),
            (Some(_), Some(_)) => {
                invalid.add("patch", "is given for another action; expected it for patch alone")
            }
            _ => {}
        }
        if action.as_ref().is_some_and(|action| !matches!(action, JobAction::Pause { .. })) {
            for name in ["reason", "until"].into_iter().filter(|name| fields.get(name).is_some()) {
                invalid.add(name, "is given for another action; expected it for pause alone");
            }
        }
        let (targets, manner) = (targets(&fields, "names", invalid), manner(&fields, invalid));
        let (Some(action), Some(targets), true) = (action, targets, found.is_empty()) else {
            return Err(found);
        };
        Ok(BulkRequest { action, targets, manner })
    }
}

impl ExecutionActionRequest {
    /// Reads the request.
    ///
    /// # Errors
    /// Every bad field.
    pub fn parse(value: &Value) -> Result<BulkRequest<ExecutionAction>, Invalid> {
        let mut found = Invalid::default();
        let invalid = &mut found;
        let Some(fields) = Fields::open(value, "", invalid) else { return Err(found) };
        fields.only(&["action", "filter", "ids", "spread", "per_second", "dry_run"], &[], invalid);
        fields.require("action", EXECUTION_ACTIONS, invalid);
        let spread = fields.duration("spread", invalid);
        if let Some(spread) = spread.filter(|spread| spread.as_millis() > MAX_SPREAD_HOURS * 3_600_000) {
            invalid.add("spread", format!("{spread} is too long; expected at most {MAX_SPREAD_HOURS}h"));
        }
        let parse = |text: &str| match text {
            "replay" => Ok(ExecutionAction::Replay(spread.unwrap_or_default().as_millis())),
            "cancel" => Ok(ExecutionAction::Cancel),
            other => Err(format!("{:?} is not an action; expected one of {EXECUTION_ACTIONS}", clip(other))),
        };
        let action = fields.parsed("action", parse, invalid);
        if let (Some(ExecutionAction::Cancel), Some(spread)) = (action, spread) {
            invalid.add("spread", format!("{spread} is given for cancel; expected it for replay alone"));
        }
        let (targets, manner) = (targets(&fields, "ids", invalid), manner(&fields, invalid));
        let (Some(action), Some(targets), true) = (action, targets, found.is_empty()) else {
            return Err(found);
        };
        Ok(BulkRequest { action, targets, manner })
    }
}

impl BackfillRequest {
    /// Reads the request.
    ///
    /// # Errors
    /// Every bad field.
    pub fn parse(value: &Value) -> Result<Backfill, Invalid> {
        const TIME: &str = "an RFC 3339 time such as \"2026-11-23T10:00:00Z\"";
        let mut found = Invalid::default();
        let invalid = &mut found;
        let Some(fields) = Fields::open(value, "", invalid) else { return Err(found) };
        fields.only(&["from", "to", "per_second", "dry_run"], &[], invalid);
        fields.require("from", TIME, invalid);
        fields.require("to", TIME, invalid);
        let (from, to) = (fields.instant("from", invalid), fields.instant("to", invalid));
        let manner = manner(&fields, invalid);
        let (Some(from), Some(to), true) = (from, to, found.is_empty()) else { return Err(found) };
        Ok(Backfill { from, to, manner })
    }
}

fn manner(fields: &Fields<'_>, invalid: &mut Invalid) -> Manner {
    let per_second = fields.whole("per_second", 1, MAX_PER_SECOND, invalid);
    Manner {
        per_second: per_second.and_then(|rate| u32::try_from(rate).ok()),
        dry_run: fields.boolean("dry_run", invalid).unwrap_or_default(),
    }
}

/// With what: either of the two.
fn targets(fields: &Fields<'_>, named: &str, invalid: &mut Invalid) -> Option<ActionTargets> {
    match (fields.get("filter"), fields.get(named)) {
        (Some(_), Some(_)) => {
            invalid.add(named, "is given beside `filter`; expected one of the two");
            None
        }
        (None, None) => {
            let message =
                format!("is missing, and so is `{named}`; expected one of the two (`{{}}` matches all)");
            invalid.add("filter", message);
            None
        }
        (Some(value), None) => filter(value, invalid).map(ActionTargets::Filter),
        (None, Some(value)) => names(named, value, invalid).map(ActionTargets::Named),
    }
}

fn filter(value: &Value, invalid: &mut Invalid) -> Option<BTreeMap<String, String>> {
    let Value::Object(map) = value else {
        invalid.add("filter", quoted(value, "an object of parameters of the list, and their values"));
        return None;
    };
    let mut filter = BTreeMap::new();
    for (name, value) in map {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Bool(value) => value.to_string(),
            Value::Number(value) => value.to_string(),
            other => {
                let path = format!("filter.{}", clip(name));
                invalid.add(path, unquoted(other, "a string, a number, or true or false"));
                continue;
            }
        };
        filter.insert(name.clone(), text);
    }
    let bytes: usize = filter.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > MAX_FILTER_BYTES {
        invalid.add("filter", format!("has {bytes} bytes; expected at most {MAX_FILTER_BYTES}"));
        return None;
    }
    Some(filter)
}

fn names(field: &str, value: &Value, invalid: &mut Invalid) -> Option<Vec<String>> {
    let expected = format!("an array of 1 to {MAX_NAMED} strings");
    let Value::Array(values) = value else {
        invalid.add(field, quoted(value, &expected));
        return None;
    };
    if values.is_empty() || values.len() > MAX_NAMED {
        invalid.add(field, format!("has {} items; expected {expected}", values.len()));
        return None;
    }
    let (mut names, mut seen) = (Vec::with_capacity(values.len()), std::collections::BTreeSet::new());
    for (number, value) in values.iter().enumerate() {
        let path = format!("{field}[{number}]");
        match value {
            Value::String(name) if name.is_empty() || name.len() > MAX_NAME_BYTES => {
                let expected = format!("expected 1 to {MAX_NAME_BYTES}");
                invalid.add(path, format!("{:?} has {} bytes; {expected}", clip(name), name.len()));
            }
            Value::String(name) if seen.insert(name) => names.push(name.clone()),
            // Named twice, it is done once.
            Value::String(_) => {}
            other => invalid.add(path, quoted(other, "a string")),
        }
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused<A>(parsed: Result<BulkRequest<A>, Invalid>) -> String {
        parsed.err().expect("refused").to_string()
    }

    #[test]
    fn what_is_to_be_done_with_jobs_is_read() {
        let value = json!({"action": "trigger", "filter": {"enabled": true, "q": "x"}, "per_second": 5});
        let parsed = JobActionRequest::parse(&value).expect("good");
        let filter = BTreeMap::from([("enabled".into(), "true".into()), ("q".into(), "x".into())]);
        assert_eq!(parsed.targets, ActionTargets::Filter(filter));
        assert_eq!(parsed.manner, Manner { per_second: Some(5), dry_run: false });
        let value = json!({"action": "delete", "names": ["a", "b", "a"], "dry_run": true});
        let parsed = JobActionRequest::parse(&value).expect("good");
        assert_eq!(parsed.targets, ActionTargets::Named(vec!["a".into(), "b".into()]));
        assert!(parsed.manner.dry_run);
    }

    #[test]
    fn every_field_that_is_wrong_is_named_with_what_was_expected() {
        let many: Vec<_> = (0..=MAX_NAMED).map(|number| number.to_string()).collect();
        for (value, says) in [
            (
                json!({"action": "explode", "filter": {}}),
                "action: \"explode\" is not an action; expected one of pause, resume, trigger",
            ),
            (json!({"filter": {}}), "action: is missing"),
            (json!({"action": "delete"}), "filter: is missing, and so is `names`; expected one of the two"),
            (json!({"action": "delete", "filter": {}, "names": ["a"]}), "names: is given beside `filter`"),
            (json!({"action": "delete", "names": []}), "names: has 0 items; expected an array of 1 to 1000"),
            (json!({"action": "delete", "names": many}), "names: has 1001 items"),
            (
                json!({"action": "delete", "names": [7, ""]}),
                "names[0]: 7 is a number; expected a string; names[1]",
            ),
            (json!({"action": "delete", "filter": {"q": [1]}}), "filter.q: is an array; expected"),
            (json!({"action": "delete", "filter": {"q": "x".repeat(40_000)}}), "filter: has 40001 bytes"),
            (json!({"action": "delete", "filter": {}, "patch": {}}), "patch: is given for another action"),
            (json!({"action": "resume", "filter": {}, "reason": "x"}), "reason: is given for another action"),
            (json!({"action": "pause", "filter": {}, "reason": "a\nb"}), "reason: "),
            (json!({"action": "pause", "filter": {}, "until": "later"}), "until: \"later\""),
            (json!({"action": "patch", "filter": {}}), "patch: is missing"),
            (json!({"action": "patch", "filter": {}, "patch": {"name": "x"}}), "patch.name: "),
            (json!({"action": "patch", "filter": {}, "patch": {"nmae": "x"}}), "patch.nmae: unknown field"),
            (json!({"action": "patch", "filter": {}, "patch": {}}), "patch: "),
            (json!({"action": "trigger", "filter": {}, "per_second": 0}), "per_second: 0 is out of range"),
            (json!({"action": "trigger", "filter": {}, "spread": "1m"}), "spread: unknown field"),
        ] {
            let message = refused(JobActionRequest::parse(&value));
            assert!(message.contains(says), "{value}: {message}");
        }
        for (value, says) in [
            (
                json!({"action": "trigger", "filter": {}}),
                "action: \"trigger\" is not an action; expected one of replay",
            ),
            (json!({"action": "cancel", "filter": {}, "spread": "1m"}), "spread: 1m is given for cancel"),
            (json!({"action": "replay", "filter": {}, "spread": "25h"}), "spread: 25h is too long"),
            (json!({"action": "replay", "names": ["a"]}), "names: unknown field"),
        ] {
            let message = refused(ExecutionActionRequest::parse(&value));
            assert!(message.contains(says), "{value}: {message}");
        }
        let message = BackfillRequest::parse(&json!({"to": "yesterday"})).expect_err("refused").to_string();
        assert!(message.contains("from: is missing") && message.contains("to: \"yesterday\""), "{message}");
    }
}
