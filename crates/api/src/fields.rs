//! Reads the fields of one JSON object, and notes everything that is wrong with them.
//!
//! A message quotes the wrong value, unless the field may hold a secret or the value is long.

use std::fmt::Display;

use chronos_types::{DurationMs, Invalid, Millis, clip, parse_duration, parse_rfc3339};
use serde_json::{Map, Value};

/// The longest timeout: an attempt longer than a day is a queue's work, not a webhook's.
const MAX_TIMEOUT: DurationMs = DurationMs::from_secs(24 * 3600);
const DURATION: &str = "a duration string such as \"30s\"";

/// The names of a wire type's fields, in the order in which a message lists them. This does not compile
/// unless every field is named, so no field of the type can be refused as unknown.
macro_rules! names_of {
    ($wire:ident { $($field:ident),* $(,)? }) => {{
        const _: fn($wire) = |$wire { $($field: _),* }| ();
        &[$(stringify!($field)),*]
    }};
}
pub(crate) use names_of;

/// One object, and its path in the input. A field that is `null` counts as left out.
pub(crate) struct Fields<'a> {
    map: &'a Map<String, Value>,
    path: String,
}

impl<'a> Fields<'a> {
    /// Opens an object. Notes a value that is no object.
    pub(crate) fn open(value: &'a Value, path: &str, invalid: &mut Invalid) -> Option<Self> {
        match value {
            Value::Object(map) => Some(Self { map, path: path.to_owned() }),
            other => {
                // A text in the place of a webhook, of headers or of auth may be a secret.
                let holds = |part: &str| ["", "webhook", "headers", "auth"].contains(&part);
                let wrong = if path.split('.').any(holds) { unquoted } else { quoted };
                invalid.add(path, wrong(other, "an object"));
                None
            }
        }
    }

    /// Notes each field that is neither in `known` nor in `ignored`.
    pub(crate) fn only(&self, known: &[&str], ignored: &[&str], invalid: &mut Invalid) {
        for name in self.map.keys() {
            if !known.contains(&name.as_str()) && !ignored.contains(&name.as_str()) {
                let expected = known.join(", ");
                invalid.add(self.at(&clip(name)), format!("unknown field; expected one of {expected}"));
            }
        }
    }

    /// The path of a field.
    pub(crate) fn at(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// A field's value as it is.
    pub(crate) fn get(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// Notes a field that must be there and is not.
    pub(crate) fn require(&self, name: &str, expected: &str, invalid: &mut Invalid) {
        if self.get(name).is_none() {
            invalid.add(self.at(name), format!("is missing; expected {expected}"));
        }
    }

    /// A string.
    pub(crate) fn text(&self, name: &str, invalid: &mut Invalid) -> Option<&'a str> {
        self.text_as(name, "a string", invalid)
    }

    /// A string that may be a secret, so messages never quote it.
    pub(crate) fn secret(&self, name: &str, invalid: &mut Invalid) -> Option<&'a str> {
        match self.get(name)? {
            Value::String(text) => Some(text),
            other => {
                invalid.add(self.at(name), unquoted(other, "a string"));
                None
            }
        }
    }

    fn text_as(&self, name: &str, expected: &str, invalid: &mut Invalid) -> Option<&'a str> {
        match self.get(name)? {
            Value::String(text) => Some(text),
            other => {
                invalid.add(self.at(name), quoted(other, expected));
                None
            }
        }
    }

    /// A string that `parse` turns into a value.
    pub(crate) fn parsed<T, E: Display>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
        invalid: &mut Invalid,
    ) -> Option<T> {
        let text = self.text(name, invalid)?;
        invalid.check(&self.at(name), parse(text))
    }

    /// A duration.
    pub(crate) fn duration(&self, name: &str, invalid: &mut Invalid) -> Option<DurationMs> {
        let text = self.text_as(name, DURATION, invalid)?;
        invalid.check(&self.at(name), parse_duration(text))
    }

    /// A duration that may be a timeout.
    pub(crate) fn timeout(&self, name: &str, invalid: &mut Invalid) -> Option<DurationMs> {
        let duration = self.duration(name, invalid)?;
        if duration.as_millis() == 0 || duration > MAX_TIMEOUT {
            invalid.add(
                self.at(name),
                format!("{duration} is out of range; expected more than 0s and at most 24h"),
            );
            return None;
        }
        Some(duration)
    }

    /// An instant.
    pub(crate) fn instant(&self, name: &str, invalid: &mut Invalid) -> Option<Millis> {
        const EXPECTED: &str = "an RFC 3339 time such as \"2026-11-23T10:00:00Z\"";
        let text = self.text_as(name, EXPECTED, invalid)?;
        let time =
            parse_rfc3339(text).map_err(|error| format!("{:?} {error}; expected {EXPECTED}", clip(text)));
        invalid.check(&self.at(name), time)
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&self, name: &str, invalid: &mut Invalid) -> Option<bool> {
        match self.get(name)? {
            Value::Bool(value) => Some(*value),
            other => {
                invalid.add(self.at(name), quoted(other, "true or false"));
                None
            }
        }
    }

    /// A number.
    pub(crate) fn number(&self, name: &str, invalid: &mut Invalid) -> Option<f64> {
        let value = self.get(name)?;
        let number = value.as_f64();
        if number.is_none() {
            invalid.add(self.at(name), quoted(value, "a number"));
        }
        number
    }

    /// A whole number from `min` to `max`.
    pub(crate) fn whole(&self, name: &str, min: u64, max: u64, invalid: &mut Invalid) -> Option<u64> {
        let value = self.get(name)?;
        let number = whole(value).filter(|number| (min..=max).contains(number));
        if number.is_none() {
            let message = match value {
                Value::Number(number) => {
                    format!("{number} is out of range; expected a whole number from {min} to {max}")
                }
                other => quoted(other, &format!("a whole number from {min} to {max}")),
            };
            invalid.add(self.at(name), message);
        }
        number
    }

    /// An object of strings, in the order given. Entries that are `null` are left out. Messages do not
    /// quote the values, because they may be secrets.
    pub(crate) fn text_map(&self, name: &str, invalid: &mut Invalid) -> Option<Vec<(String, String)>> {
        let path = self.at(name);
        let Self { map, .. } = Fields::open(self.get(name)?, &path, invalid)?;
        let mut pairs = Vec::with_capacity(map.len());
        for (key, value) in map {
            match value {
                Value::Null => {}
                Value::String(text) => pairs.push((key.clone(), text.clone())),
                other => invalid.add(format!("{path}.{}", clip(key)), unquoted(other, "a string")),
            }
        }
        Some(pairs)
    }
}

/// A whole number; `3.0` is one.
pub(crate) fn whole(value: &Value) -> Option<u64> {
    let float = || value.as_f64().filter(|f| f.fract() == 0.0 && (0.0..1e15).contains(f));
    // In range and without a fraction, so the cast keeps the value.
    value.as_u64().or_else(|| float().map(|f| f as u64))
}

/// Says that a value has the wrong type.
pub(crate) fn quoted(value: &Value, expected: &str) -> String {
    match value {
        Value::String(text) => format!("{:?} is a string; expected {expected}", clip(text)),
        Value::Bool(value) => format!("{value} is a boolean; expected {expected}"),
        Value::Number(value) => format!("{value} is a number; expected {expected}"),
        other => unquoted(other, expected),
    }
}

/// Says that a value has the wrong type, without quoting it.
pub(crate) fn unquoted(value: &Value, expected: &str) -> String {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    format!("is {kind}; expected {expected}")
}
