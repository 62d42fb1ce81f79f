//! A job: when a webhook is called, and what happens when a run fails, overlaps another or is missed.

use std::collections::BTreeMap;

use crate::choice::choice;
use crate::name::is_word;
use crate::{DurationMs, JobId, JobName, Millis, RetryPolicy, Webhook, clip};

/// A job as it stands: its specification and what the system adds. `S` is how the specification is held, where
/// it may be one that cannot be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Job<S = JobSpec> {
    /// Its identifier, which never changes.
    pub id: JobId,
    /// What the user asked for.
    pub spec: S,
    /// The number of its version, from 1; each change adds one.
    pub version: u64,
    /// When it was created.
    pub created_at: Millis,
    /// When this version was made.
    pub updated_at: Millis,
    /// The next instant at which it falls due, or, as it is shown, of its next run, which may be on record already;
    /// `None` when it is disabled or past its end.
    pub next_due: Option<Millis>,
}

/// What a user asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct JobSpec {
    /// Unique name.
    pub name: JobName,
    /// Free text.
    pub description: String,
    /// The schedule's text; the `schedule` crate gives it meaning.
    pub schedule: String,
    /// IANA time zone name.
    pub timezone: String,
    /// What is called.
    pub webhook: Webhook,
    /// What happens after a failed attempt.
    pub retry_policy: RetryPolicy,
    /// Time for one attempt, if the webhook has no timeout of its own.
    pub timeout: Option<DurationMs>,
    /// What happens when a run falls due while another is unfinished.
    pub concurrency: Concurrency,
    /// What happens to runs that fell due while no node was up.
    pub missed_runs: MissedRuns,
    /// Each run starts up to this much later than scheduled. Its share is a function of the run.
    pub jitter: DurationMs,
    /// No run before this instant.
    pub start_at: Option<Millis>,
    /// No run after this instant.
    pub end_at: Option<Millis>,
    /// Labels to filter by.
    pub tags: Tags,
    /// Whether it runs at all.
    pub enabled: bool,
}

/// Between which instants a job runs, both of them included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// No run before this instant.
    pub start_at: Option<Millis>,
    /// No run after this instant.
    pub end_at: Option<Millis>,
}

/// The part of a specification that planning needs: when the job runs, and whether runs may overlap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobTimes {
    /// The schedule's text.
    pub schedule: String,
    /// IANA time zone name.
    pub timezone: String,
    /// What happens to runs that fell due while no node was up.
    pub missed_runs: MissedRuns,
    /// What happens when a run falls due while another is unfinished.
    pub concurrency: Concurrency,
    /// Each run starts up to this much later than scheduled.
    pub jitter: DurationMs,
    /// No run before this instant.
    pub start_at: Option<Millis>,
    /// No run after this instant.
    pub end_at: Option<Millis>,
}

impl From<&JobSpec> for JobTimes {
    fn from(spec: &JobSpec) -> Self {
        let JobSpec {
            schedule,
            timezone,
            missed_runs,
            concurrency,
            jitter,
            start_at,
            end_at,
            name: _,
            description: _,
            webhook: _,
            retry_policy: _,
            timeout: _,
            tags: _,
            enabled: _,
        } = spec;
        Self {
            schedule: schedule.clone(),
            timezone: timezone.clone(),
            missed_runs: *missed_runs,
            concurrency: *concurrency,
            jitter: *jitter,
            start_at: *start_at,
            end_at: *end_at,
        }
    }
}

choice! {
    /// What happens when a run falls due while one of the same job is unfinished.
    Concurrency "a concurrency policy" {
        /// The new run is recorded as skipped.
        Forbid "forbid",
        /// Both run.
        Allow "allow",
        /// The unfinished run is cancelled.
        Replace "replace",
        /// The new run waits. At most one waits; further ones are skipped.
        Queue "queue",
    }
}

choice! {
    /// What happens to runs that fell due while no node was up.
    MissedRuns "a missed-runs policy" {
        /// The latest missed instant runs once.
        ExecuteOne "execute_one",
        /// Every missed instant inside the catch-up window runs.
        ExecuteAll "execute_all",
        /// None runs.
        Ignore "ignore",
    }
}

/// Labels that one job has.
pub const MAX_TAGS: usize = 64;
const MAX_TAG_CHARS: usize = 255;

/// Labels: up to 64 keys of 1 to 63 name characters, with values of at most 255 characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(BTreeMap<String, String>);

impl Tags {
    /// Checks the labels.
    ///
    /// # Errors
    /// Each bad key and what was expected.
    pub fn parse(map: BTreeMap<String, String>) -> Result<Self, Vec<(String, String)>> {
        let mut errors = Vec::new();
        if map.len() > MAX_TAGS {
            let say = format!("there are {} tags; expected at most {MAX_TAGS}", map.len());
            errors.push((String::new(), say));
        }
        for (key, value) in &map {
            errors.extend(check_tag_key(key).err().map(|why| (key.clone(), why)));
            errors.extend(check_tag_value(value).err().map(|why| (key.clone(), why)));
        }
        if errors.is_empty() { Ok(Self(map)) } else { Err(errors) }
    }

    /// The labels.
    #[must_use]
    pub fn as_map(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

/// Checks the key of a label.
///
/// # Errors
/// What is wrong with it.
pub fn check_tag_key(key: &str) -> Result<(), String> {
    if is_word(key, 63) {
        return Ok(());
    }
    let say = "is not a tag key; expected 1 to 63 of letters, digits, '-', '_', '.' and ':'";
    Err(format!("{:?} {say}", clip(key)))
}

/// Checks the value of a label.
///
/// # Errors
/// What is wrong with it.
pub fn check_tag_value(value: &str) -> Result<(), String> {
    let count = value.chars().count();
    if count > MAX_TAG_CHARS {
        return Err(format!("the value has {count} characters; expected at most {MAX_TAG_CHARS}"));
    }
    match value.chars().find(|c| c.is_control()) {
        Some(found) => {
            Err(format!("the value has the control character {found:?}; expected one line of text"))
        }
        None => Ok(()),
    }
}
