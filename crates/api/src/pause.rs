//! Pauses of jobs, and coming runs that are skipped.

use chronos_types::{self as domain, Invalid, MAX_SKIPPED, Millis, Note, clip, format_rfc3339};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::actor::{self, Actor};
use crate::fields::{Fields, names_of};

/// How a job is to be paused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PauseRequest {
    /// Why: one line of text of at most 1,024 bytes, without control characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 1_024, example = "the target is being moved")]
    pub reason: Option<String>,
    /// It goes on by itself at this time to come (RFC 3339), and what falls due at the time itself runs; until somebody
    /// resumes it if omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub until: Option<String>,
}

/// Which coming runs are to be skipped: one of the two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SkipRequest {
    /// So many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1_000, example = 1)]
    pub count: Option<u32>,
    /// Those that are scheduled before this time to come (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub until: Option<String>,
}

/// A time that was read, and how it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenTime {
    /// As it was written.
    pub text: String,
    /// What it means.
    pub at: Millis,
}

/// Which coming runs are to be skipped, once that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SkipWanted {
    /// So many.
    Count(u32),
    /// Those before a time.
    Until(WrittenTime),
}

impl PauseRequest {
    /// Reads the request: the reason and the end. Where there is no body, neither is given.
    ///
    /// # Errors
    /// Every bad field. Whether the end is to come is not known here.
    pub fn parse(value: Option<&Value>) -> Result<(Option<Note>, Option<WrittenTime>), Invalid> {
        let mut invalid = Invalid::default();
        let Some(value) = value else { return Ok((None, None)) };
        let Some(fields) = Fields::open(value, "", &mut invalid) else { return Err(invalid) };
        fields.only(names_of!(PauseRequest { reason, until }), &[], &mut invalid);
        let reason = fields.parsed("reason", Note::parse, &mut invalid);
        let until = until(&fields, &mut invalid);
        invalid.into_result()?;
        Ok((reason, until))
    }
}

impl SkipRequest {
    /// Reads the request.
    ///
    /// # Errors
    /// Every bad field. Whether the time is to come is not known here.
    pub fn parse(value: &Value) -> Result<SkipWanted, Invalid> {
        let mut invalid = Invalid::default();
        let Some(fields) = Fields::open(value, "", &mut invalid) else { return Err(invalid) };
        fields.only(names_of!(SkipRequest { count, until }), &[], &mut invalid);
        let count = fields.whole("count", 1, MAX_SKIPPED.into(), &mut invalid);
        let until = until(&fields, &mut invalid);
        match (fields.get("count").is_some(), fields.get("until").is_some()) {
            (true, true) => {
                let given = fields.get("until").map(Value::to_string).unwrap_or_default();
                invalid
                    .add("until", format!("{} is given beside count; expected one of the two", clip(&given)));
            }
            (false, false) => invalid.add("count", "is missing; expected count or until"),
            _ => {}
        }
        invalid.into_result()?;
        let count = count.and_then(|count| u32::try_from(count).ok()).map(SkipWanted::Count);
        let wanted = count.or(until.map(SkipWanted::Until));
        wanted.ok_or_else(|| Invalid::one("count", "is missing; expected count or until"))
    }
}

fn until(fields: &Fields<'_>, invalid: &mut Invalid) -> Option<WrittenTime> {
    let at = fields.instant("until", invalid)?;
    let text = fields.get("until").and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(WrittenTime { text, at })
}

/// A job is paused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pause {
    /// Who paused it, or gave the pause another reason and end since.
    pub by: Option<Actor>,
    /// What they said of it (`Chronos-Note`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Since when (RFC 3339).
    #[schema(format = DateTime)]
    pub at: String,
    /// Why; null where nobody said so.
    #[schema(example = "the target is being moved")]
    pub reason: Option<String>,
    /// When it goes on by itself (RFC 3339); null where somebody is to resume it.
    #[schema(format = DateTime)]
    pub until: Option<String>,
}

/// Coming runs of a job that are skipped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Skips {
    /// Who asked for it.
    pub by: Option<Actor>,
    /// What they said of it (`Chronos-Note`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When they did (RFC 3339).
    #[schema(format = DateTime)]
    pub at: String,
    /// How many are left to be skipped; null where they are told by a time.
    #[schema(example = 1)]
    pub count: Option<u32>,
    /// Those that are scheduled before this time are (RFC 3339); null where they are told by their number.
    #[schema(format = DateTime)]
    pub until: Option<String>,
    /// The scheduled time of the first of them (RFC 3339). A run that is on record already, and is to fire within two
    /// seconds, is on its way and none of them. Null while the job falls due at no time.
    #[schema(format = DateTime)]
    pub next: Option<String>,
}

impl From<&domain::Pause> for Pause {
    fn from(pause: &domain::Pause) -> Self {
        let domain::Pause { by, at, reason, until } = pause;
        let (by, note) = actor::shown(by.as_ref());
        Self {
            by,
            note,
            at: format_rfc3339(*at),
            reason: reason.as_ref().map(|reason| reason.as_str().to_owned()),
            until: until.map(format_rfc3339),
        }
    }
}

impl From<&domain::Skips> for Skips {
    fn from(skips: &domain::Skips) -> Self {
        let domain::Skips { by, at, skip, next } = skips;
        let (by, note) = actor::shown(by.as_ref());
        let (count, until) = match *skip {
            domain::Skip::Count(count) => (Some(count), None),
            domain::Skip::Until(until) => (None, Some(until)),
        };
        Self {
            by,
            note,
            at: format_rfc3339(*at),
            count,
            until: until.map(format_rfc3339),
            next: next.map(format_rfc3339),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields<T: std::fmt::Debug>(read: Result<T, Invalid>) -> Vec<String> {
        read.expect_err("refused").fields().iter().map(|error| error.field.clone()).collect()
    }

    #[test]
    fn a_pause_has_a_reason_and_an_end_or_none() {
        assert_eq!(PauseRequest::parse(None), Ok((None, None)));
        assert_eq!(PauseRequest::parse(Some(&json!({"reason": null}))), Ok((None, None)));
        let value = json!({"reason": "für heute", "until": "1970-01-01T00:00:01Z"});
        let (reason, until) = PauseRequest::parse(Some(&value)).expect("a pause");
        assert_eq!(reason.as_ref().map(Note::as_str), Some("für heute"));
        assert_eq!(until, Some(WrittenTime { text: "1970-01-01T00:00:01Z".to_owned(), at: 1_000 }));
        let long = "x".repeat(1_025);
        for (bad, expected) in [
            (json!({"reason": ""}), "reason"),
            (json!({"reason": "a\nb"}), "reason"),
            (json!({"reason": long}), "reason"),
            (json!({"reason": 7}), "reason"),
            (json!({"until": "tomorrow"}), "until"),
            (json!({"until": 7}), "until"),
            (json!({"colour": "red"}), "colour"),
            (json!([]), ""),
        ] {
            assert_eq!(fields(PauseRequest::parse(Some(&bad))), [expected], "{bad}");
        }
    }

    #[test]
    fn what_is_skipped_is_told_by_a_number_or_a_time() {
        assert_eq!(SkipRequest::parse(&json!({"count": 1})), Ok(SkipWanted::Count(1)));
        assert_eq!(SkipRequest::parse(&json!({"count": 1_000, "until": null})), Ok(SkipWanted::Count(1_000)));
        let until = WrittenTime { text: "1970-01-01T00:00:00Z".to_owned(), at: 0 };
        assert_eq!(SkipRequest::parse(&json!({"until": until.text})), Ok(SkipWanted::Until(until)));
        for (bad, expected) in [
            (json!({}), "count"),
            (json!({"count": 0}), "count"),
            (json!({"count": 1_001}), "count"),
            (json!({"count": "1"}), "count"),
            (json!({"count": 1, "until": "2026-11-23T10:00:00Z"}), "until"),
            (json!({"until": "tomorrow"}), "until"),
            (json!({"count": 1, "colour": "red"}), "colour"),
        ] {
            assert_eq!(fields(SkipRequest::parse(&bad)), [expected], "{bad}");
        }
    }
}
