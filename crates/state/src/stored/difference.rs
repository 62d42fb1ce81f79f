//! The difference that an entry of the audit tells: fields, what they were, and what they are. It is made where commands
//! are applied, so no rule of the domain has a say in it: every release makes the same of the same texts.
//!
//! What may be a secret is never in it: no value of a header, no field of `auth`, no body, and of a URL neither who signs
//! in nor the query. That such a field is another one is told.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::StateError;

/// The most bytes that it has, as it is stored.
const MOST_BYTES: usize = 4_096;
/// Bytes beside its changes, and a little more.
const BESIDE: usize = 96;
/// A longer text of a value is cut.
const VALUE_BYTES: usize = 256;
/// What is said in place of a secret.
const REDACTED: &str = "[redacted]";

/// What an entry of the audit tells beside who did what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// Fields that are others than before, the first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<ChangedField>,
    /// How many more there are.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: u64,
    /// Of many at once: how many of each kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: BTreeMap<String, u64>,
}

/// A field that is another one than before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangedField {
    /// Its path.
    pub field: String,
    /// What it was; null where it was not there.
    pub from: Value,
    /// What it is; null where it is not there any more.
    pub to: Value,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Difference {
    /// Of two specifications as they are stored. One that cannot be read has no fields.
    pub(crate) fn of_specs(before: &str, next: &str) -> Self {
        let (before, next) = (fields_of(before), fields_of(next));
        let names: BTreeSet<_> = before.keys().chain(next.keys()).collect();
        let mut found = Self::default();
        let mut bytes = 0;
        for name in names {
            let (from, to) = (before.get(name), next.get(name));
            if from != to {
                found.add(&mut bytes, name, shown(name, from), shown(name, to));
            }
        }
        found
    }

    /// Of values that were not there before.
    pub(crate) fn of_values<const N: usize>(values: [(&str, Value); N]) -> Self {
        let mut found = Self::default();
        let mut bytes = 0;
        for (name, value) in values {
            if !value.is_null() {
                found.add(&mut bytes, name, Value::Null, shown(name, Some(&value)));
            }
        }
        found
    }

    /// Of many at once. Kinds of which there is none are left out.
    pub(crate) fn of_counts<const N: usize>(counts: [(&str, u64); N]) -> Self {
        let counts = counts.into_iter().filter(|(_, count)| *count > 0);
        Self { counts: counts.map(|(name, count)| (name.to_owned(), count)).collect(), ..Self::default() }
    }

    /// As JSON, for the log.
    #[must_use]
    pub fn to_text(&self) -> String {
        // Texts and numbers, so it can be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// As it is stored; nothing where it says nothing.
    pub(crate) fn to_json(&self) -> Result<Option<String>, StateError> {
        if *self == Self::default() {
            return Ok(None);
        }
        serde_json::to_string(self).map(Some).map_err(StateError::encode)
    }

    /// Adds a change if there is room for it.
    fn add(&mut self, bytes: &mut usize, field: &str, from: Value, to: Value) {
        let change = ChangedField { field: cut(field), from, to };
        // Texts and values, so it can be written.
        let length = serde_json::to_string(&change).map_or(MOST_BYTES, |text| text.len()) + 1;
        if self.more > 0 || *bytes + length > MOST_BYTES - BESIDE {
            self.more += 1;
        } else {
            *bytes += length;
            self.changes.push(change);
        }
    }
}

/// The fields of a specification by their paths.
fn fields_of(text: &str) -> BTreeMap<String, Value> {
    let mut fields = BTreeMap::new();
    collect("", serde_json::from_str(text).unwrap_or_default(), &mut fields);
    fields
}

fn collect(path: &str, value: Value, fields: &mut BTreeMap<String, Value>) {
    match value {
        Value::Null => {}
        // Which kind of secret it is tells less than that it is another one.
        Value::Object(inside) if path != "webhook.auth" => {
            for (name, value) in inside {
                let path = if path.is_empty() { name } else { format!("{path}.{name}") };
                collect(&path, value, fields);
            }
        }
        Value::Array(pairs) if path == "webhook.headers" => {
            for pair in pairs {
                let name = pair.get(0).and_then(Value::as_str).unwrap_or_default();
                fields.insert(format!("{path}.{name}"), pair);
            }
        }
        value => {
            fields.insert(path.to_owned(), value);
        }
    }
}

/// A value as it is told.
fn shown(field: &str, value: Option<&Value>) -> Value {
    let Some(value) = value else { return Value::Null };
    let is_secret = ["webhook.headers.", "webhook.auth", "webhook.body"];
    match value {
        _ if is_secret.iter().any(|secret| field.starts_with(secret)) => REDACTED.into(),
        Value::String(url) if field == "webhook.url" => cut(&without_secrets(url)).into(),
        Value::String(text) => cut(text).into(),
        other => match other.to_string() {
            text if text.len() > VALUE_BYTES => cut(&text).into(),
            _ => other.clone(),
        },
    }
}

/// A URL without who signs in and what is asked for. It may be a template, so it is taken as a text.
fn without_secrets(url: &str) -> String {
    let (rest, query) = match url.split_once('?') {
        Some((rest, _)) => (rest, format!("?{REDACTED}")),
        None => (url, String::new()),
    };
    let begin = rest.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = rest.split_at(begin);
    let authority = rest.find('/').unwrap_or(rest.len());
    match rest[..authority].rfind('@') {
        Some(at) => format!("{scheme}{REDACTED}{}{query}", &rest[at..]),
        None => format!("{scheme}{rest}{query}"),
    }
}

/// A text, or its beginning.
fn cut(text: &str) -> String {
    if text.len() <= VALUE_BYTES {
        return text.to_owned();
    }
    let end = (0..=VALUE_BYTES).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(before: &str, next: &str, expected: &[(&str, &str, &str)]) {
        let found = Difference::of_specs(before, next);
        let told: Vec<_> = found
            .changes
            .iter()
            .map(|change| (change.field.as_str(), change.from.to_string(), change.to.to_string()))
            .collect();
        let told: Vec<_> =
            told.iter().map(|(field, from, to)| (*field, from.as_str(), to.as_str())).collect();
        assert_eq!(told, expected, "{before} {next}");
    }

    #[test]
    fn fields_are_told_and_secrets_are_not() {
        let redacted = r#""[redacted]""#;
        for (before, next, expected) in [
            (r#"{"a":1}"#, r#"{"a":1}"#, &[][..]),
            (
                r#"{"a":1,"b":"x"}"#,
                r#"{"a":2,"c":true}"#,
                &[("a", "1", "2"), ("b", r#""x""#, "null"), ("c", "null", "true")],
            ),
            (r#"{"tags":{"k":"v"}}"#, r#"{"tags":{"k":"w"}}"#, &[("tags.k", r#""v""#, r#""w""#)]),
            ("no json", r#"{"a":1}"#, &[("a", "null", "1")]),
            (
                r#"{"webhook":{"headers":[["A","s1"],["B","s2"]]}}"#,
                r#"{"webhook":{"headers":[["A","s3"],["B","s2"],["C","s4"]]}}"#,
                &[("webhook.headers.A", redacted, redacted), ("webhook.headers.C", "null", redacted)],
            ),
            (
                r#"{"webhook":{"auth":{"bearer":{"token":"s1"}},"body":"s2"}}"#,
                r#"{"webhook":{"auth":{"bearer":{"token":"s3"}}}}"#,
                &[("webhook.auth", redacted, redacted), ("webhook.body", redacted, "null")],
            ),
            (
                r#"{"webhook":{"url":"https://u:s1@h/p@q?k=s2"}}"#,
                r#"{"webhook":{"url":"https://h/p"}}"#,
                &[("webhook.url", r#""https://[redacted]@h/p@q?[redacted]""#, r#""https://h/p""#)],
            ),
        ] {
            check(before, next, expected);
        }
    }

    #[test]
    fn it_is_no_longer_than_its_bound() {
        let long: BTreeMap<_, _> = (0..100).map(|n| (format!("k{n:02}"), "ä\u{1}".repeat(400))).collect();
        let text = serde_json::to_string(&long).expect("texts");
        let found = Difference::of_specs("{}", &text);
        assert_eq!(found.changes.len() as u64 + found.more, 100);
        assert!(!found.changes.is_empty() && found.more > 0);
        let json = found.to_json().expect("texts").expect("some");
        assert!(json.len() <= MOST_BYTES, "{}", json.len());
    }
}
