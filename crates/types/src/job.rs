//! A job: when a webhook is called, and what happens when it fails, overlaps or was missed.

use std::collections::BTreeMap;

use crate::duration::clip;
use crate::{DurationMs, JobId, JobName, Millis, Webhook};

/// A job as it stands: its specification and what the system adds.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Identifier, for ever.
    pub id: JobId,
    /// What the user asked for.
    pub spec: JobSpec,
    /// Counts the changes, from 1.
    pub version: u64,
    /// When it was created.
    pub created_at: Millis,
    /// When this version came to be.
    pub updated_at: Millis,
    /// The next instant at which it falls due; none when disabled or past its end.
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
    /// Time for one attempt where the webhook has none of its own.
    pub timeout: Option<DurationMs>,
    /// What happens when a run falls due while another is unfinished.
    pub concurrency: Concurrency,
    /// What happens to runs of a time when no node was up.
    pub missed_runs: MissedRuns,
    /// Each run starts up to this much later than scheduled, by its own fixed share.
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

macro_rules! choice {
    ($(#[$doc:meta])* $name:ident $what:literal { $($(#[$vdoc:meta])* $variant:ident $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant),* }

        impl $name {
            /// Every value.
            pub const ALL: &'static [$name] = &[$(Self::$variant),*];

            /// Parses the name used in the API.
            ///
            /// # Errors
            /// The text is none of the names.
            pub fn parse(text: &str) -> Result<Self, String> {
                match text {
                    $($text => Ok(Self::$variant),)*
                    _ => Err(format!(
                        concat!("{:?} is not ", $what, "; expected one of {}"),
                        $crate::duration::clip(text), [$($text),*].join(", ")
                    )),
                }
            }

            /// The name used in the API.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }
    };
}
pub(crate) use choice;

choice! {
    /// What happens when a run falls due while one of the same job is unfinished.
    Concurrency "a concurrency policy" {
        /// The new run is recorded as skipped.
        Forbid "forbid",
        /// Both run.
        Allow "allow",
        /// The unfinished run is cancelled.
        Replace "replace",
        /// The new run waits; at most one waits, more are skipped.
        Queue "queue",
    }
}

choice! {
    /// What happens to runs of a time when no node was up.
    MissedRuns "a missed-runs policy" {
        /// The latest missed instant runs once.
        ExecuteOne "execute_one",
        /// Every missed instant inside the catch-up window runs.
        ExecuteAll "execute_all",
        /// None runs.
        Ignore "ignore",
    }
}

/// What happens after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    max_attempts: u32,
    initial_interval: DurationMs,
    max_interval: DurationMs,
    multiplier: f64,
    jitter: f64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            initial_interval: DurationMs::from_secs(1),
            max_interval: DurationMs::from_secs(60),
            multiplier: 2.0,
            jitter: 0.0,
        }
    }
}

impl RetryPolicy {
    /// Checks the parts; each error names its field.
    ///
    /// # Errors
    /// Every bad field and what was expected of it.
    pub fn new(
        max_attempts: u32,
        initial_interval: DurationMs,
        max_interval: DurationMs,
        multiplier: f64,
        jitter: f64,
    ) -> Result<Self, Vec<(&'static str, String)>> {
        let mut errors = Vec::new();
        if !(1..=100).contains(&max_attempts) {
            errors.push(("max_attempts", format!("{max_attempts} is out of range; expected 1 to 100")));
        }
        if max_interval < initial_interval {
            let message = format!(
                "{max_interval} is less than initial_interval ({initial_interval}); expected at least that"
            );
            errors.push(("max_interval", message));
        }
        if !(1.0..=100.0).contains(&multiplier) {
            errors.push(("multiplier", format!("{multiplier} is out of range; expected 1.0 to 100.0")));
        }
        if !(0.0..=1.0).contains(&jitter) {
            errors.push(("jitter", format!("{jitter} is out of range; expected 0.0 to 1.0")));
        }
        if errors.is_empty() {
            Ok(Self { max_attempts, initial_interval, max_interval, multiplier, jitter })
        } else {
            Err(errors)
        }
    }

    /// Attempts in all, the first included.
    #[must_use]
    pub fn max_attempts(&self) -> u32 {
        self.max_attempts
    }

    /// Wait after the first failed attempt.
    #[must_use]
    pub fn initial_interval(&self) -> DurationMs {
        self.initial_interval
    }

    /// The longest wait.
    #[must_use]
    pub fn max_interval(&self) -> DurationMs {
        self.max_interval
    }

    /// Factor from one wait to the next.
    #[must_use]
    pub fn multiplier(&self) -> f64 {
        self.multiplier
    }

    /// Share of a wait that is drawn at random, either way.
    #[must_use]
    pub fn jitter(&self) -> f64 {
        self.jitter
    }

    /// The wait after failed attempt number `attempt` (from 1). `draw` is from 0.0 to 1.0 and
    /// places the wait within its jitter; the longest wait holds for the result.
    #[must_use]
    pub fn backoff(&self, attempt: u32, draw: f64) -> DurationMs {
        let cap = self.max_interval.as_millis() as f64;
        let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let plain = (self.initial_interval.as_millis() as f64 * self.multiplier.powi(exponent)).min(cap);
        let drawn = plain * (1.0 + self.jitter * (2.0 * draw.clamp(0.0, 1.0) - 1.0));
        // Within 0 and the cap, so the cast keeps the value.
        DurationMs::from_millis(drawn.clamp(0.0, cap) as u64)
    }
}

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
        if map.len() > 64 {
            errors.push((String::new(), format!("there are {} tags; at most 64 are taken", map.len())));
        }
        for (key, value) in &map {
            if key.len() > 63 || JobName::parse(key).is_err() {
                let say = "is not a tag key; expected 1 to 63 of letters, digits, '-', '_', '.' and ':'";
                errors.push((key.clone(), format!("{:?} {say}", clip(key))));
            }
            if value.chars().count() > 255 || value.chars().any(char::is_control) {
                let say = "the value is too long or has control characters; expected at most 255 characters";
                errors.push((key.clone(), say.to_owned()));
            }
        }
        if errors.is_empty() { Ok(Self(map)) } else { Err(errors) }
    }

    /// The labels.
    #[must_use]
    pub fn as_map(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_is_the_seeds_sequence() {
        let s = DurationMs::from_secs;
        let policy = RetryPolicy::new(5, s(10), s(300), 2.0, 0.0).expect("good");
        let waits: Vec<_> = (1..=6).map(|n| policy.backoff(n, 0.5).as_millis() / 1000).collect();
        assert_eq!(waits, [10, 20, 40, 80, 160, 300]);
        assert_eq!(policy.backoff(u32::MAX, 0.5), s(300));
        let jittered = RetryPolicy::new(5, s(10), s(300), 2.0, 0.5).expect("good");
        assert_eq!((jittered.backoff(1, 0.0), jittered.backoff(1, 1.0)), (s(5), s(15)));
    }

    #[test]
    fn a_bad_policy_names_every_field() {
        let s = DurationMs::from_secs;
        let errors = RetryPolicy::new(0, s(10), s(1), 0.5, f64::NAN).expect_err("bad");
        let fields: Vec<_> = errors.iter().map(|(field, _)| *field).collect();
        assert_eq!(fields, ["max_attempts", "max_interval", "multiplier", "jitter"]);
    }
}
