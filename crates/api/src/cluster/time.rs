//! The time that the cluster goes by, and what its state takes, as clients see them.

use chronos_types::Invalid;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::fields::Fields;

/// The time that the cluster goes by: that of its last write. It never goes back by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClusterTime {
    /// The time of the last write, at most a minute old; null before the first.
    #[schema(example = "2026-11-23T10:00:00.000Z")]
    pub at: Option<String>,
    /// What the clock of the node that answers says.
    #[schema(example = "2026-11-23T10:00:12.000Z")]
    pub clock: String,
    /// Why nothing is forgotten for its age, since when, and until what; null where that is not so.
    pub trimming_suspended: Option<String>,
    /// That the time is ahead of the clock of the node that answers, and what to do; null where that is not so.
    pub ahead: Option<String>,
    /// Whether the time was set back, and what waits is being computed anew.
    pub setting_back: bool,
}

/// What the records take on the disk of the node that answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClusterStorage {
    /// Bytes of `state.db` that hold jobs, versions, executions and idempotency keys.
    pub bytes_in_use: u64,
    /// The bound on them, `history.max_bytes`.
    pub max_bytes: u64,
    /// Whether jobs alone exceed the bound, so that new jobs and triggers are refused. The leader knows; another
    /// node says false.
    pub refuses_growth: bool,
}

/// What `POST /cluster/clock` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClockRequest {
    /// What you say of the time.
    pub time: TimeWord,
}

/// What is said of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimeWord {
    /// It is right, though it jumped.
    Right,
    /// It is ahead, and is to be set back to the clock of the leader.
    SetBack,
}

impl ClockRequest {
    /// Reads the request.
    ///
    /// # Errors
    /// Every bad field.
    pub fn parse(value: &Value) -> Result<Self, Invalid> {
        const EXPECTED: &str = "\"right\" or \"set_back\"";
        let mut invalid = Invalid::default();
        let Some(fields) = Fields::open(value, "", &mut invalid) else { return Err(invalid) };
        fields.only(&["time"], &[], &mut invalid);
        fields.require("time", EXPECTED, &mut invalid);
        let parse = |text: &str| match text {
            "right" => Ok(TimeWord::Right),
            "set_back" => Ok(TimeWord::SetBack),
            _ => Err(format!("is {text:?}; expected {EXPECTED}")),
        };
        let time = fields.parsed("time", parse, &mut invalid);
        invalid.into_result()?;
        // Where it is missing, that is among what is invalid.
        Ok(Self { time: time.unwrap_or(TimeWord::Right) })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_is_said_of_the_time_by_mistake() {
        for (body, expected) in [
            (json!({"time": "right"}), Some(TimeWord::Right)),
            (json!({"time": "set_back"}), Some(TimeWord::SetBack)),
            (json!({}), None),
            (json!(null), None),
            (json!({"time": null}), None),
            (json!({"time": "back"}), None),
            (json!({"time": true}), None),
            (json!({"time": "right", "to": "2026-11-23T10:00:00Z"}), None),
        ] {
            assert_eq!(ClockRequest::parse(&body).ok().map(|request| request.time), expected, "{body}");
        }
    }
}
