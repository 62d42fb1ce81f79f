//! Named secrets as clients write them and read them back. The value goes in and never comes out.

use std::fmt;

use chronos_types::{
    By, Invalid, KeyScope, MAX_SECRET_BYTES, Scope, SecretHosts, check_secret_value, format_rfc3339,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::Total;
use crate::actor::{self, Actor};
use crate::fields::{Fields, names_of, unquoted};
use crate::key::scope;

/// The longest description.
const MAX_DESCRIPTION: usize = 1_024;

/// A secret as it is written. `Debug` does not show the value.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecretInput {
    /// The value. It is never read back.
    #[schema(example = "xoxb-2514-8f3a91c7d2", min_length = 1, max_length = 16_384)]
    pub value: String,
    /// The hosts that it may go to: names, `*.example.com` for all names below one, addresses, or `*` for all hosts. A
    /// host has no port.
    #[schema(example = json!(["hooks.slack.com"]), min_items = 1, max_items = 32)]
    pub hosts: Vec<String>,
    /// The jobs that may name it: those that carry one of these values of the tag that `security.scope_tag` names, at most
    /// 32. Without it all may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["billing"]), max_items = 32)]
    pub scope: Vec<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "posts to #alerts", max_length = 1_024)]
    pub description: Option<String>,
}

/// A secret, without its value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Secret {
    /// Its name.
    #[schema(example = "slack")]
    pub name: String,
    /// The number of its version, from 1. Each change adds one.
    #[schema(example = 2)]
    pub version: u64,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(example = "posts to #alerts")]
    pub description: String,
    /// The hosts that it may go to.
    #[schema(example = json!(["hooks.slack.com"]))]
    pub hosts: Vec<String>,
    /// The jobs that may name it, by a tag. It is left out where all may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<SecretScope>,
    /// Whether it is sealed where it is kept; else `security.encryption_keys` was not set when it was written.
    #[schema(example = true)]
    pub sealed: bool,
    /// The jobs that name it.
    pub used_by: SecretUse,
    /// When it was created (RFC 3339).
    #[schema(format = DateTime, example = "2026-11-27T04:00:00.000Z")]
    pub created_at: String,
    /// When this version was made.
    #[schema(format = DateTime, example = "2026-11-27T04:00:00.000Z")]
    pub updated_at: String,
    /// Who made this version, where that is known.
    pub by: Option<Actor>,
    /// What they said of it (`Chronos-Note`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The jobs that may name a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SecretScope {
    /// The tag that was the scope when the secret was written (`security.scope_tag`).
    #[schema(example = "team")]
    pub tag: String,
    /// The values, one of which the job has to carry.
    #[schema(example = json!(["billing"]))]
    pub values: Vec<String>,
}

/// The jobs that name a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SecretUse {
    /// How many there are; exact up to 10,000, in a list of secrets up to 100.
    pub total: Total,
    /// The names of the first 100, in order of creation. A list of secrets leaves them out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["nightly-report"]))]
    pub jobs: Option<Vec<String>>,
}

/// Secrets, in the order of their names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SecretPage {
    /// The secrets.
    pub secrets: Vec<Secret>,
    /// Give it as `cursor` for the next part; null at the end.
    pub next_cursor: Option<String>,
}

/// A secret that was checked. It has no `Debug`, for it has the value.
pub struct WrittenSecret {
    /// The value.
    pub value: String,
    /// The hosts that it may go to.
    pub hosts: SecretHosts,
    /// The values of the tag that is the scope, one of which a job has to carry that names it; none where all may.
    pub scope: Option<KeyScope>,
    /// What it is for.
    pub description: String,
}

impl fmt::Debug for SecretInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { value: _, hosts, scope, description } = self;
        let mut shown = f.debug_struct("SecretInput");
        shown
            .field("hosts", hosts)
            .field("scope", scope)
            .field("description", description)
            .finish_non_exhaustive()
    }
}

const FIELDS: &[&str] = names_of!(SecretInput { value, hosts, scope, description });

impl SecretInput {
    /// Reads a secret.
    ///
    /// # Errors
    /// Every bad field. None quotes the value.
    pub fn parse(value: &Value) -> Result<WrittenSecret, Invalid> {
        let mut found = Invalid::default();
        let invalid = &mut found;
        let Some(fields) = Fields::open(value, "", invalid) else { return Err(found) };
        fields.only(FIELDS, &[], invalid);
        fields.require("value", &format!("the secret, of at most {MAX_SECRET_BYTES} bytes"), invalid);
        let value = fields.secret("value", invalid);
        let value =
            value.and_then(|text| invalid.check("value", check_secret_value(text).map(|()| text.to_owned())));
        fields.require("hosts", "a list of the hosts that it may go to, or [\"*\"] for all", invalid);
        let hosts = fields.get("hosts").and_then(|list| hosts(list, invalid));
        let scope = scope(&fields, invalid);
        let description = fields.parsed("description", description, invalid).unwrap_or_default();
        let (Some(value), Some(hosts)) = (value, hosts) else { return Err(found) };
        found.into_result().map(|()| WrittenSecret { value, hosts, scope, description })
    }
}

fn hosts(list: &Value, invalid: &mut Invalid) -> Option<SecretHosts> {
    let Value::Array(items) = list else {
        invalid.add("hosts", unquoted(list, "a list of hosts such as [\"api.example.com\"]"));
        return None;
    };
    let mut texts = Vec::with_capacity(items.len());
    for (place, item) in items.iter().enumerate() {
        match item {
            Value::String(text) => texts.push(text.clone()),
            other => {
                invalid.add(format!("hosts[{place}]"), unquoted(other, "a host such as \"api.example.com\""))
            }
        }
    }
    if texts.len() < items.len() {
        return None;
    }
    match SecretHosts::parse(&texts) {
        Ok(hosts) => Some(hosts),
        Err(errors) => {
            for (place, message) in errors {
                let field = place.map_or_else(|| "hosts".to_owned(), |place| format!("hosts[{place}]"));
                invalid.add(field, message);
            }
            None
        }
    }
}

fn description(text: &str) -> Result<String, String> {
    if text.len() > MAX_DESCRIPTION {
        return Err(format!("has {} bytes; expected at most {MAX_DESCRIPTION}", text.len()));
    }
    match chronos_types::control_character(text) {
        Some(found) => Err(format!("has the control character {found:?}; expected text")),
        None => Ok(text.to_owned()),
    }
}

/// What a secret is shown of.
pub struct SecretFacts<'a> {
    /// Its name.
    pub name: &'a str,
    /// The number of its version.
    pub version: u64,
    /// What it is for.
    pub description: &'a str,
    /// The hosts that it may go to.
    pub hosts: &'a [String],
    /// The jobs that may name it.
    pub scope: &'a Scope,
    /// Whether it is sealed.
    pub sealed: bool,
    /// When it was created, and when this version was made.
    pub times: (chronos_types::Millis, chronos_types::Millis),
    /// Who made this version, where that is known.
    pub by: Option<&'a By>,
}

impl Secret {
    /// A secret, and the jobs that name it.
    #[must_use]
    pub fn of(facts: &SecretFacts<'_>, used_by: SecretUse) -> Self {
        let SecretFacts { name, version, description, hosts, scope, sealed, times, by } = facts;
        let (by, note) = actor::shown(*by);
        Self {
            name: (*name).to_owned(),
            version: *version,
            description: (*description).to_owned(),
            hosts: hosts.to_vec(),
            scope: scope.limit().map(|limit| SecretScope {
                tag: limit.tag().to_owned(),
                values: limit.values().iter().cloned().collect(),
            }),
            sealed: *sealed,
            used_by,
            created_at: format_rfc3339(times.0),
            updated_at: format_rfc3339(times.1),
            by,
            note,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bad_fields_are_named_and_no_value_is_quoted() {
        for (value, field, say) in [
            (json!([]), "", "an array"),
            (json!({"hosts": ["h"]}), "value", "is missing"),
            (json!({"value": 7, "hosts": ["h"]}), "value", "a number"),
            (json!({"value": "", "hosts": ["h"]}), "value", "empty"),
            (json!({"value": "hunter2"}), "hosts", "is missing"),
            (json!({"value": "hunter2", "hosts": "h"}), "hosts", "is a string"),
            (json!({"value": "hunter2", "hosts": []}), "hosts", "0 hosts"),
            (json!({"value": "hunter2", "hosts": ["h", 7]}), "hosts[1]", "a number"),
            (json!({"value": "hunter2", "hosts": ["h:80"]}), "hosts[0]", "without a port"),
            (json!({"value": "hunter2", "hosts": ["h"], "description": "a\u{7}b"}), "description", "control"),
            (json!({"value": "hunter2", "hosts": ["h"], "scope": 1}), "scope", "no list"),
            (json!({"value": "hunter2", "hosts": ["h"], "colour": 1}), "colour", "unknown field"),
        ] {
            let Err(invalid) = SecretInput::parse(&value) else { panic!("{value} is taken") };
            let error = &invalid.fields()[0];
            assert!(error.field == field && error.message.contains(say), "{value}: {error:?}");
            assert!(!format!("{invalid:?}").contains("hunter2"));
        }
        let good = SecretInput::parse(&json!({"value": "hunter2", "hosts": ["H", "*.x.example"]}));
        let Ok(good) = good else { panic!("it is good") };
        assert_eq!(
            (good.value.as_str(), good.hosts.as_slice()),
            ("hunter2", &["h".to_owned(), "*.x.example".to_owned()][..])
        );
    }
}
