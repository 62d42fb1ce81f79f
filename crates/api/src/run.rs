//! What a client gives for one run alone, and how that is read back.

use chronos_types::{
    self as domain, Invalid, Overrides, REDACTED, Webhook, is_credential_header, is_secret_reference,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::fields::{Fields, names_of};
use crate::{TextMap, webhook_input};

/// What one run sends in place of what its job says. What is left out is as the job says, or, in a replay, as in the
/// execution that it repeats.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunInput {
    /// The body, at most 256 KiB, with template variables as in a job's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "{\"day\": \"2026-11-23\"}")]
    pub body: Option<String>,
    /// Headers. Each takes the place of the job's header of that name, in any case, or is one more. The values of those
    /// that carry credentials read back as `"[redacted]"`; if that is written, the value that is kept stays.
    #[serde(default, skip_serializing_if = "TextMap::is_empty")]
    #[schema(value_type = HashMap<String, String>, example = json!({"X-Priority": "high"}))]
    pub headers: TextMap,
}

impl RunInput {
    /// Reads what is given for a run; nothing where that is nothing.
    ///
    /// # Errors
    /// Every bad field.
    pub fn parse(value: &Value) -> Result<Option<Overrides>, Invalid> {
        const FIELDS: &[&str] = names_of!(RunInput { body, headers });
        if value.is_null() {
            return Ok(None);
        }
        let mut found = Invalid::default();
        let invalid = &mut found;
        let Some(fields) = Fields::open(value, "", invalid) else { return Err(found) };
        fields.only(FIELDS, &[], invalid);
        let headers = webhook_input::headers(&fields, invalid);
        let body = webhook_input::body(&fields, invalid);
        found.into_result()?;
        Ok(Some(Overrides { body, headers, sealed: None }).filter(|overrides| !overrides.is_empty()))
    }

    /// What was given for a run, credentials redacted: those by their name, and what takes the place of the header in
    /// which the webhook's `auth` is sent.
    #[must_use]
    pub(crate) fn shown(overrides: &Overrides, webhook: Option<&Webhook>) -> Self {
        let sent = webhook.and_then(|webhook| webhook.auth.as_ref()).map(domain::Auth::header_name);
        let is_secret = |name: &str| {
            is_credential_header(name) || sent.is_some_and(|sent| sent.eq_ignore_ascii_case(name))
        };
        let show = |(name, value): (&str, &str)| {
            // Where it is not known what the job sends its credentials in, it may be this.
            let redacted = (webhook.is_none() || is_secret(name)) && !is_secret_reference(value);
            (name.to_owned(), if redacted { REDACTED } else { value }.to_owned())
        };
        Self {
            body: overrides.body.as_ref().map(|body| body.source().to_owned()),
            headers: TextMap(overrides.headers.iter().map(show).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_bad_field_is_named_and_nothing_is_nothing() {
        for nothing in [json!(null), json!({}), json!({"headers": {}}), json!({"body": null})] {
            assert_eq!(RunInput::parse(&nothing), Ok(None), "{nothing}");
        }
        let read = RunInput::parse(&json!({"body": ""})).expect("an empty body is one");
        assert_eq!(read.expect("a body").body.map(|body| body.source().to_owned()), Some(String::new()));
        for (bad, field, says) in [
            (json!([]), "", "an object"),
            (json!({"bodi": "x"}), "bodi", "expected one of body, headers"),
            (json!({"body": {}}), "body", "a string that holds"),
            (json!({"body": "{{.Nope}}"}), "body", "unknown template variable"),
            (json!({"body": "x".repeat((256 << 10) + 1)}), "body", "at most 262144"),
            (json!({"headers": []}), "headers", "an object"),
            (json!({"headers": {"Connection": "close"}}), "headers.Connection", "HTTP connection"),
            (json!({"headers": {"chronos-node": "a"}}), "headers.chronos-node", "nodes know each other"),
            (json!({"headers": {"X-A": "1", "x-a": "2"}}), "headers.x-a", "given twice"),
        ] {
            let invalid = RunInput::parse(&bad).expect_err("bad");
            let [error] = invalid.fields() else { panic!("{bad}: {invalid:?}") };
            assert!(error.field == field && error.message.contains(says), "{bad}: {invalid:?}");
        }
    }
}
