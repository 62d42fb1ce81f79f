//! The difference that an entry of the audit tells: fields, what they were, and what they are. It is made where commands
//! are applied, so no rule of the domain has a say in it: every release makes the same of the same texts.
//!
//! What may be a secret is never in it: no value of a header, no field of `auth` or `signing`, no body, and of a URL neither
//! who signs in nor the query. That such a field is another one is told. Where credentials are sealed, they are others as a
//! whole: `webhook.credentials`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::StateError;

/// The most bytes that it has, as it is stored.
const MOST_BYTES: usize = 4_096;
/// Bytes beside its changes, and a little more.
const BESIDE: usize = 96;
/// A longer text of a value is cut.
const VALUE_BYTES: usize = 256;
/// What is said in place of a secret.
const REDACTED: &str = "[redacted]";
/// Where the sealed credentials of a webhook are kept, and what they are called.
const SEALED: (&str, &str) = ("webhook.sealed", "webhook.credentials");

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
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub from: Value,
    /// What it is; null where it is not there any more.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub to: Value,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Difference {
    /// As JSON, for the log.
    #[must_use]
    pub fn to_text(&self) -> String {
        // Texts and numbers, so it can be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A [`Difference`] as it is stored. It is written as it is found, out of texts that are stored already: each job that is
/// created has one.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// The changes that there was room for, one after the other.
    changes: Vec<u8>,
    more: u64,
    counts: BTreeMap<&'static str, u64>,
}

/// What a field was, and what it is, each as it stands in the specification.
type Sides<'a> = [Option<&'a str>; 2];

impl Written {
    /// Of two specifications as they are stored. One that cannot be read has no fields.
    pub(crate) fn of_specs(before: &str, next: &str) -> Result<Self, StateError> {
        let mut found = Self::default();
        found.compare(before, next)?;
        Ok(found)
    }

    /// Of a secret: what it was, if it was there, and what it is, both without its value. That is written each time, and
    /// whether it is another one nobody can tell who cannot open it.
    pub(crate) fn of_secret(before: Option<&str>, next: &str) -> Result<Self, StateError> {
        let mut found = Self::default();
        let hidden = format!("{REDACTED:?}");
        found.add("value", [before.map(|_| hidden.as_str()), Some(&hidden)])?;
        found.compare(before.unwrap_or_default(), next)?;
        Ok(found)
    }

    /// Adds the fields in which two texts differ.
    fn compare(&mut self, before: &str, next: &str) -> Result<(), StateError> {
        let mut fields = BTreeMap::new();
        for (side, text) in [before, next].into_iter().enumerate() {
            if let Ok(text) = serde_json::from_str(text) {
                collect(String::new(), text, side, &mut fields);
            }
        }
        for (name, [from, to]) in &fields {
            if from != to {
                self.add(name, [*from, *to])?;
            }
        }
        Ok(())
    }

    /// Of values that were not there before.
    pub(crate) fn of_values<const N: usize>(values: [(&str, Value); N]) -> Result<Self, StateError> {
        let mut found = Self::default();
        for (name, value) in values {
            if !value.is_null() {
                found.add(name, [None, Some(&value.to_string())])?;
            }
        }
        Ok(found)
    }

    /// Of many at once. Kinds of which there is none are left out.
    pub(crate) fn of_counts<const N: usize>(counts: [(&'static str, u64); N]) -> Self {
        let counts = counts.into_iter().filter(|(_, count)| *count > 0);
        Self { counts: counts.collect(), ..Self::default() }
    }

    /// As JSON; nothing where it says nothing.
    pub(crate) fn into_json(self) -> Result<Option<String>, StateError> {
        let Self { changes, more, counts } = self;
        let mut json = b"{".to_vec();
        if !changes.is_empty() {
            json.extend_from_slice(b"\"changes\":[");
            json.extend_from_slice(&changes);
            json.push(b']');
        }
        if more > 0 {
            begin(&mut json, "more");
            put(&mut json, &more)?;
        }
        if !counts.is_empty() {
            begin(&mut json, "counts");
            put(&mut json, &counts)?;
        }
        if json.len() == 1 {
            return Ok(None);
        }
        json.push(b'}');
        String::from_utf8(json).map(Some).map_err(|error| StateError::Corrupt(error.to_string()))
    }

    /// Adds a change if there is room for it.
    fn add(&mut self, field: &str, [from, to]: Sides<'_>) -> Result<(), StateError> {
        let length = self.changes.len();
        if self.more == 0 {
            let json = &mut self.changes;
            json.extend_from_slice(if json.is_empty() { b"{\"field\":" } else { b",{\"field\":" });
            put(json, &cut(field))?;
            for (side, value) in [("from", from), ("to", to)] {
                if let Some(value) = value {
                    begin(json, side);
                    show(json, field, value)?;
                }
            }
            json.push(b'}');
        }
        if self.more > 0 || self.changes.len() >= MOST_BYTES - BESIDE {
            self.changes.truncate(length);
            self.more += 1;
        }
        Ok(())
    }
}

/// Begins a field of an object that may have some.
fn begin(json: &mut Vec<u8>, field: &str) {
    if json.len() > 1 {
        json.push(b',');
    }
    json.push(b'"');
    json.extend_from_slice(field.as_bytes());
    json.extend_from_slice(b"\":");
}

fn put(json: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) -> Result<(), StateError> {
    serde_json::to_writer(json, value).map_err(StateError::encode)
}

/// Collects the fields of a specification by their paths.
fn collect<'a>(path: String, value: &'a RawValue, side: usize, fields: &mut BTreeMap<String, Sides<'a>>) {
    let text = value.get();
    let path = if path == SEALED.0 { SEALED.1.to_owned() } else { path };
    match text.as_bytes().first() {
        Some(b'n') => return,
        // Which kind of secret it is tells less than that it is another one.
        Some(b'{') if !["webhook.auth", "webhook.signing", SEALED.1].contains(&path.as_str()) => {
            let inside = serde_json::from_str::<BTreeMap<String, &RawValue>>(text).unwrap_or_default();
            for (name, value) in inside {
                let path = if path.is_empty() { name } else { format!("{path}.{name}") };
                collect(path, value, side, fields);
            }
            return;
        }
        Some(b'[') if path == "webhook.headers" => {
            for pair in serde_json::from_str::<Vec<&RawValue>>(text).unwrap_or_default() {
                let parts = serde_json::from_str::<Vec<&RawValue>>(pair.get()).unwrap_or_default();
                let name = parts.first().and_then(|name| serde_json::from_str::<String>(name.get()).ok());
                let path = format!("{path}.{}", name.unwrap_or_default());
                fields.entry(path).or_default()[side] = Some(pair.get());
            }
            return;
        }
        _ => {}
    }
    fields.entry(path).or_default()[side] = Some(text);
}

/// Writes a value as it is told.
fn show(json: &mut Vec<u8>, field: &str, value: &str) -> Result<(), StateError> {
    let is_secret = ["webhook.headers.", "webhook.auth", "webhook.signing", "webhook.body", SEALED.1];
    if is_secret.iter().any(|secret| field.starts_with(secret)) {
        return put(json, REDACTED);
    }
    let is_url = field == "webhook.url";
    if value.len() <= VALUE_BYTES && !is_url {
        json.extend_from_slice(value.as_bytes());
        return Ok(());
    }
    match serde_json::from_str::<String>(value) {
        Ok(url) if is_url => put(json, &cut(&without_secrets(&url))),
        Ok(text) => put(json, &cut(&text)),
        Err(_) => put(json, &cut(value)),
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

    fn json(before: &str, next: &str) -> Option<String> {
        Written::of_specs(before, next).and_then(Written::into_json).expect("texts")
    }

    fn found(before: &str, next: &str) -> Difference {
        json(before, next).map(|json| serde_json::from_str(&json).expect("a difference")).unwrap_or_default()
    }

    fn check(before: &str, next: &str, expected: &[(&str, &str, &str)]) {
        let found = found(before, next);
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
                r#"{"webhook":{"signing":{"secret":"s1"}}}"#,
                r#"{"webhook":{"signing":{"secret":"s2","previous":{"secret":"s1","expires_at":9}}}}"#,
                &[("webhook.signing", redacted, redacted)],
            ),
            (
                r#"{"webhook":{"auth":{"bearer":{"token":"[redacted]"}},"sealed":{"value":"s1"}}}"#,
                r#"{"webhook":{"auth":{"bearer":{"token":"[redacted]"}},"sealed":{"value":"s2","secrets":["a"]}}}"#,
                &[("webhook.credentials", redacted, redacted)],
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
        let json = json("{}", &text).expect("some");
        assert!(json.len() <= MOST_BYTES, "{}", json.len());
        let found: Difference = serde_json::from_str(&json).expect("a difference");
        assert_eq!(found.changes.len() as u64 + found.more, 100);
        assert!(!found.changes.is_empty() && found.more > 0);
    }
}
