//! Retry policies as clients write them and read them back.

use chronos_types::{self as domain, DurationMs, Invalid};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::fields::{Fields, names_of};

const FIELDS: &[&str] =
    names_of!(RetryPolicy { max_attempts, initial_interval, max_interval, multiplier, jitter });

/// What happens after a failed attempt: wait `initial_interval * multiplier^(n-1)`, at most
/// `max_interval`, until there were `max_attempts` attempts. Each field has a default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RetryPolicy {
    /// Attempts in all, the first included; 3 if omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 100, example = 3)]
    pub max_attempts: Option<u32>,
    /// Wait after the first failed attempt; `1s` if omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "10s")]
    pub initial_interval: Option<String>,
    /// The longest wait; at least `initial_interval`; `1m` if omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "5m")]
    pub max_interval: Option<String>,
    /// Factor from one wait to the next; 2 if omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 100, example = 2.0)]
    pub multiplier: Option<f64>,
    /// The share of each wait by which it is made longer or shorter at random; 0 if omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1, example = 0.1)]
    pub jitter: Option<f64>,
}

impl From<&domain::RetryPolicy> for RetryPolicy {
    fn from(policy: &domain::RetryPolicy) -> Self {
        Self {
            max_attempts: Some(policy.max_attempts()),
            initial_interval: Some(policy.initial_interval().to_string()),
            max_interval: Some(policy.max_interval().to_string()),
            multiplier: Some(policy.multiplier()),
            jitter: Some(policy.jitter()),
        }
    }
}

/// Reads a policy at `path`.
pub(crate) fn parse(value: &Value, path: &str, invalid: &mut Invalid) -> Option<domain::RetryPolicy> {
    let fields = Fields::open(value, path, invalid)?;
    fields.only(FIELDS, &[], invalid);
    let before = invalid.fields().len();
    let default = domain::RetryPolicy::default();
    let max_attempts = fields.whole("max_attempts", 1, 100, invalid).and_then(|n| u32::try_from(n).ok());
    let initial: Option<DurationMs> = fields.duration("initial_interval", invalid);
    let max: Option<DurationMs> = fields.duration("max_interval", invalid);
    let multiplier = fields.number("multiplier", invalid);
    let jitter = fields.number("jitter", invalid);
    let bad: Vec<String> = invalid.fields()[before..].iter().map(|error| error.field.clone()).collect();

    let policy = domain::RetryPolicy::new(
        max_attempts.unwrap_or(default.max_attempts()),
        initial.unwrap_or(default.initial_interval()),
        max.unwrap_or(default.max_interval()),
        multiplier.unwrap_or(default.multiplier()),
        jitter.unwrap_or(default.jitter()),
    );
    match policy {
        Ok(policy) => Some(policy),
        Err(errors) => {
            for (name, message) in errors {
                let path = fields.at(name);
                // The two intervals are compared with each other, which is of no use if one of them is bad.
                let known = bad.contains(&path)
                    || (name == "max_interval" && bad.contains(&fields.at("initial_interval")));
                if !known {
                    let omitted = fields.get(name).is_none();
                    let hint = if omitted { " (it was omitted, so it has its default)" } else { "" };
                    invalid.add(path, format!("{message}{hint}"));
                }
            }
            None
        }
    }
}
