//! Template variables in webhook bodies: `{{.JobID}}` and four more, and secrets.

use std::fmt::Write as _;

use crate::SecretValues;
use crate::secret::{self, MAX_SECRET_BYTES, PlaceholderError};

/// The variables a body may use, in the order the docs list them.
pub const VARIABLES: [&str; 5] = ["JobID", "JobName", "ExecutionID", "ScheduledTime", "Attempt"];

/// A body, and where its template variables stand.
///
/// A placeholder is `{{.Name}}`, or `{{secret.NAME}}`; there may be blanks inside the braces. Any other `{{` is plain
/// text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    source: String,
    json: bool,
    parts: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Bytes of the source from and to.
    Text(usize, usize),
    /// An index into [`VARIABLES`].
    Variable(usize),
    /// A placeholder of a secret: where it begins and ends, and where its name does.
    Secret { from: usize, to: usize, name: (usize, usize) },
}

/// A placeholder that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Its name is none of the five.
    #[error(
        "unknown template variable {0:?}; expected one of .JobID, .JobName, .ExecutionID, .ScheduledTime, .Attempt"
    )]
    Variable(String),
    /// It names no secret.
    #[error(transparent)]
    Secret(#[from] PlaceholderError),
}

/// What the variables stand for in one attempt.
#[derive(Clone, Copy, Debug)]
pub struct TemplateValues<'a> {
    /// `{{.JobID}}`
    pub job_id: &'a str,
    /// `{{.JobName}}`
    pub job_name: &'a str,
    /// `{{.ExecutionID}}`
    pub execution_id: &'a str,
    /// `{{.ScheduledTime}}`, RFC 3339
    pub scheduled_time: &'a str,
    /// `{{.Attempt}}`, from 1
    pub attempt: u32,
}

impl Template {
    /// Finds the placeholders of `source`.
    ///
    /// # Errors
    /// A placeholder names an unknown variable, or is not as one of a secret is.
    pub fn parse(source: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let (mut done, mut at) = (0, 0);
        while let Some(open) = source[at..].find("{{").map(|i| at + i) {
            let (part, end) = if let Some((name, end)) = placeholder(source, open) {
                let Some(variable) = VARIABLES.iter().position(|v| *v == name) else {
                    return Err(TemplateError::Variable(format!(".{}", crate::clip(name))));
                };
                (Part::Variable(variable), end)
            } else if let Some((name, end)) = secret::placeholder(source, open)? {
                let begin = open + source[open..end].find(name).unwrap_or_default();
                (Part::Secret { from: open, to: end, name: (begin, begin + name.len()) }, end)
            } else {
                at = open + 1;
                continue;
            };
            if open > done {
                parts.push(Part::Text(done, open));
            }
            parts.push(part);
            (done, at) = (end, end);
        }
        if done < source.len() {
            parts.push(Part::Text(done, source.len()));
        }
        Ok(Self { json: looks_like_json(source, &parts), source: source.to_owned(), parts })
    }

    /// The text as the user wrote it.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether the body is JSON. Then values are escaped for JSON.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// The names in its placeholders of secrets, each as often as it stands there.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match *part {
            Part::Secret { name: (from, to), .. } => Some(&self.source[from..to]),
            Part::Text(..) | Part::Variable(_) => None,
        })
    }

    /// The body of one attempt. A placeholder of a secret that has no value among these stays.
    #[must_use]
    pub fn render(&self, values: &TemplateValues<'_>, secrets: &SecretValues) -> String {
        let mut out = String::with_capacity(self.source.len() + 64);
        for part in &self.parts {
            let value = match *part {
                Part::Text(from, to) => {
                    out.push_str(&self.source[from..to]);
                    continue;
                }
                Part::Variable(0) => values.job_id,
                Part::Variable(1) => values.job_name,
                Part::Variable(2) => values.execution_id,
                Part::Variable(3) => values.scheduled_time,
                Part::Variable(_) => {
                    // Writing to a String cannot fail.
                    let _ = write!(out, "{}", values.attempt);
                    continue;
                }
                Part::Secret { from, to, name } => {
                    let Some(value) = secrets.get(&self.source[name.0..name.1]) else {
                        out.push_str(&self.source[from..to]);
                        continue;
                    };
                    value
                }
            };
            if self.json { push_json_escaped(&mut out, value) } else { out.push_str(value) }
        }
        out
    }

    /// Bytes that [`Template::render`] makes at most of values of at most `value` bytes each, and of secrets. In JSON a
    /// byte takes six at most.
    #[must_use]
    pub fn most_bytes(&self, value: usize) -> usize {
        let bytes = |part: &Part| match part {
            Part::Text(from, to) => to - from,
            Part::Variable(_) => value,
            Part::Secret { .. } => MAX_SECRET_BYTES * if self.json { 6 } else { 1 },
        };
        self.parts.iter().map(bytes).sum()
    }
}

/// The name and end of a placeholder that opens at `open`, if it is one.
fn placeholder(source: &str, open: usize) -> Option<(&str, usize)> {
    let blank = |c: char| c == ' ' || c == '\t';
    let inner = source[open + 2..].trim_start_matches(blank).strip_prefix('.')?;
    let length = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inner.len());
    let (name, rest) = inner.split_at(length);
    let rest = rest.trim_start_matches(blank).strip_prefix("}}")?;
    (!name.is_empty()).then_some((name, source.len() - rest.len()))
}

/// Whether the body is JSON once its placeholders hold values. A placeholder may stand inside a string,
/// or bare in place of a number (`{"attempt": {{.Attempt}}}`).
fn looks_like_json(source: &str, parts: &[Part]) -> bool {
    let filled: String = parts
        .iter()
        .map(|part| match *part {
            Part::Text(from, to) => &source[from..to],
            Part::Variable(_) | Part::Secret { .. } => "1",
        })
        .collect();
    // A body that is nothing but a placeholder is text, whatever stands in for it here.
    let bare = parts.iter().any(|part| !matches!(part, Part::Text(..)))
        && !filled.trim_start().starts_with(['{', '[', '"']);
    !bare && serde_json::from_str::<&serde_json::value::RawValue>(&filled).is_ok()
}

pub(crate) fn push_json_escaped(out: &mut String, value: &str) {
    let quoted = serde_json::Value::from(value).to_string();
    out.push_str(&quoted[1..quoted.len() - 1]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SecretHosts, SecretName};

    const VALUES: TemplateValues<'_> = TemplateValues {
        job_id: "J",
        job_name: "n\"q",
        execution_id: "E",
        scheduled_time: "2026-01-01T00:00:00Z",
        attempt: 3,
    };

    #[test]
    fn placeholders_are_filled() {
        for (source, expected) in [
            ("plain", "plain"),
            ("{{.JobID}}-{{ .ExecutionID }}", "J-E"),
            ("{{.JobName}}", "n\"q"),
            ("{\"n\": \"{{.JobName}}\", \"a\": {{.Attempt}}}", "{\"n\": \"n\\\"q\", \"a\": 3}"),
            ("{{\t.ScheduledTime\t}}", "2026-01-01T00:00:00Z"),
            ("{{ not ours }} {{{.Attempt}}} {{", "{{ not ours }} {3} {{"),
            ("{{JobID}} {{.JobID", "{{JobID}} {{.JobID"),
            ("ä{{.JobID}}ö", "äJö"),
        ] {
            let template = Template::parse(source).expect(source);
            assert_eq!(template.render(&VALUES, &SecretValues::default()), expected, "{source}");
            assert_eq!(template.source(), source);
        }
    }

    #[test]
    fn a_body_is_at_most_as_long_as_is_said() {
        for source in ["plain", "{{.JobID}}-{{.Attempt}}", "{\"a\": {{.Attempt}}, \"n\": \"{{.JobName}}\"}"] {
            let template = Template::parse(source).expect(source);
            let longest = VALUES.scheduled_time.len();
            assert!(
                template.render(&VALUES, &SecretValues::default()).len() <= template.most_bytes(longest),
                "{source}"
            );
        }
        assert_eq!(Template::parse("a{{.JobID}}b{{.JobID}}").expect("two").most_bytes(36), 74);
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_five() {
        let error = Template::parse("{{.Nope}}").expect_err("unknown").to_string();
        for name in VARIABLES.iter().chain(&["Nope"]) {
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn secrets_are_filled_in_and_what_has_no_value_stays() {
        let mut secrets = SecretValues::default();
        let hosts = SecretHosts::unchecked(vec!["*".to_owned()]);
        secrets.insert(&SecretName::unchecked("a"), "x\"{{.JobID}}".to_owned(), hosts);
        for (source, expected) in [
            ("{{secret.a}} {{ secret.a }}", "x\"{{.JobID}} x\"{{.JobID}}"),
            (
                "{\"t\": \"{{secret.a}}\", \"j\": \"{{.JobID}}\"}",
                "{\"t\": \"x\\\"{{.JobID}}\", \"j\": \"J\"}",
            ),
            ("{{secret.b}} {{secret.a}}", "{{secret.b}} x\"{{.JobID}}"),
        ] {
            let template = Template::parse(source).expect(source);
            assert_eq!(template.render(&VALUES, &secrets), expected, "{source}");
            assert_eq!(template.secrets().count(), source.matches("secret.").count());
        }
        let error = Template::parse("{{secret.a b}}").expect_err("no placeholder").to_string();
        assert!(error.contains("{{secret.NAME}}"), "{error}");
    }
}
