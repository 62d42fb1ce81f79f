//! What is another in a job than before, field by field, as clients see it.

use chronos_api::{FieldChange, JobInput};
use chronos_state::JobRow;
use chronos_types::{Headers, JobSpec, REDACTED, SetName, clip};
use serde_json::{Map, Value};

use crate::on_record;

/// Changes that are listed of one job.
const MAX_CHANGES: usize = 20;

/// The fields that are others than before.
#[derive(Debug, Default)]
pub(crate) struct Difference {
    /// The first of them.
    pub(crate) changes: Vec<FieldChange>,
    /// How many more there are.
    pub(crate) more: usize,
}

impl Difference {
    /// What makes a job another one. `set` is the set that takes it over, if one does.
    pub(crate) fn of(before: &JobRow, next: &JobSpec, set: Option<&SetName>) -> Self {
        let mut found = Self::default();
        if let Some(set) = set {
            let from = before.set.clone().map_or(Value::Null, Value::from);
            found.add("set", from, set.as_str().into());
        }
        found.fields("", &shown(&on_record::input(&before.job.spec)), &shown(&JobInput::from(next)));
        if let Ok(before) = &before.job.spec {
            found.secrets(before, next);
        }
        found
    }

    /// The fields of two values.
    fn fields(&mut self, path: &str, before: &Value, next: &Value) {
        let nothing = Map::new();
        let (before_fields, next_fields) = match (before, next) {
            (Value::Object(before), Value::Object(next)) => (before, next),
            (Value::Object(before), Value::Null) => (before, &nothing),
            (Value::Null, Value::Object(next)) => (&nothing, next),
            _ if before == next => return,
            _ => return self.add(path, cut(before), cut(next)),
        };
        let new = next_fields.keys().filter(|name| !before_fields.contains_key(*name));
        for name in before_fields.keys().chain(new) {
            let inside = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let of = |fields: &Map<String, Value>| fields.get(name).cloned().unwrap_or_default();
            self.fields(&inside, &of(before_fields), &of(next_fields));
        }
    }

    /// Secrets that are others, though they are shown alike.
    fn secrets(&mut self, before: &JobSpec, next: &JobSpec) {
        let redacted = || Value::from(REDACTED);
        let (before, next) = (&before.webhook, &next.webhook);
        let is_told = self.changes.iter().any(|change| change.field.starts_with("webhook.auth"));
        if before.auth != next.auth && !is_told {
            self.add("webhook.auth", redacted(), redacted());
        }
        let is_told = self.changes.iter().any(|change| change.field.starts_with("webhook.signing"));
        if before.signing != next.signing && !is_told {
            self.add("webhook.signing", redacted(), redacted());
        }
        let is_told = self.changes.iter().any(|change| change.field == "webhook.url");
        if before.url != next.url && !is_told {
            self.add("webhook.url", redacted(), redacted());
        }
        for (name, value) in next.headers.iter() {
            let field = format!("webhook.headers.{name}");
            let was = before.headers.iter().find(|(before, _)| *before == name);
            let is_told = self.changes.iter().any(|change| change.field == field);
            if was.is_some_and(|(_, was)| was != value) && !is_told {
                self.add(&field, redacted(), redacted());
            }
        }
        // They are sent in the order in which they are given.
        if self.changes.is_empty() && before.headers != next.headers {
            let names = |of: &Headers| of.iter().map(|(name, _)| name).collect::<Vec<_>>().join(", ").into();
            self.add("webhook.headers", names(&before.headers), names(&next.headers));
        }
    }

    fn add(&mut self, field: &str, from: Value, to: Value) {
        if self.changes.len() == MAX_CHANGES {
            self.more += 1;
        } else {
            self.changes.push(FieldChange { field: field.to_owned(), from, to });
        }
    }
}

/// A job as clients see it.
fn shown(input: &JobInput) -> Value {
    // Plain strings, numbers and maps with string keys: serialisation cannot fail.
    serde_json::to_value(input).unwrap_or_default()
}

/// A value of a field. A long text is cut.
fn cut(value: &Value) -> Value {
    match value {
        Value::String(text) => clip(text).into_owned().into(),
        other => other.clone(),
    }
}
