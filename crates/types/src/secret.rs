//! Named secrets: their names, their values, and where webhooks name them.
//!
//! A webhook names a secret by the placeholder `{{secret.NAME}}`: in the values of headers, in the fields of `auth`, in
//! the body, in values of the query, and as a whole segment of the path. Blanks may stand inside the braces, but not in a
//! URL. What begins with `{{secret.` is such a placeholder, or is refused.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use crate::target_url::sent_in_urls;
use crate::template::push_json_escaped;
use crate::{SecretHosts, clip};

/// The longest value of a secret: twice the longest header, and a chain of certificates in PEM.
pub const MAX_SECRET_BYTES: usize = 16 * 1024;
/// So many times at most a webhook names secrets.
pub const MAX_SECRET_USES: usize = 32;
const MAX_NAME: usize = 63;

/// The name of a secret: 1 to 63 letters, digits, `-` and `_`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretName(String);

impl SecretName {
    /// Checks a name.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        if is_name(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "{:?} is not the name of a secret; expected 1 to {MAX_NAME} of letters, digits, '-' and '_'",
            clip(text)
        ))
    }

    /// A name that was checked when it came in.
    #[must_use]
    pub fn unchecked(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_name_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')
}

fn is_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(is_name_byte)
}

/// Checks the value of a secret. It is not quoted.
///
/// # Errors
/// What is wrong with it.
pub fn check_secret_value(value: &str) -> Result<(), String> {
    match value.len() {
        0 => Err("is empty; expected the secret".to_owned()),
        1.. if matches!(value, "." | "..") => {
            Err("is a step of a path, which no URL can have as a segment; expected the secret".to_owned())
        }
        1..=MAX_SECRET_BYTES => Ok(()),
        count => Err(format!("has {count} bytes; expected at most {MAX_SECRET_BYTES}")),
    }
}

/// A text that begins as a placeholder of a secret, and is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no placeholder of a secret; expected {{{{secret.NAME}}}}, with a name of 1 to {MAX_NAME} of letters, \
     digits, '-' and '_'"
)]
pub struct PlaceholderError(String);

/// The name in a placeholder that opens at `open`, where two braces are, and the place behind it. None where it is not
/// one of a secret.
pub(crate) fn placeholder(text: &str, open: usize) -> Result<Option<(&str, usize)>, PlaceholderError> {
    let blank = |c: char| c == ' ' || c == '\t';
    let Some(inner) = text[open + 2..].trim_start_matches(blank).strip_prefix("secret.") else {
        return Ok(None);
    };
    let length = inner.bytes().position(|b| !is_name_byte(b)).unwrap_or(inner.len());
    let (name, rest) = inner.split_at(length);
    match rest.trim_start_matches(blank).strip_prefix("}}") {
        Some(rest) if is_name(name) => Ok(Some((name, text.len() - rest.len()))),
        _ => {
            // No more than a name may have: what follows may be anything.
            let shown: String = text[open..].chars().take(MAX_NAME + 11).collect();
            Err(PlaceholderError(shown))
        }
    }
}

/// Calls `found` with each placeholder of a text: where it begins and ends, and its name.
fn each<'a>(text: &'a str, mut found: impl FnMut(usize, usize, &'a str)) -> Result<(), PlaceholderError> {
    let mut at = 0;
    while let Some(open) = text[at..].find("{{").map(|place| at + place) {
        at = match placeholder(text, open)? {
            Some((name, end)) => {
                found(open, end, name);
                end
            }
            None => open + 1,
        };
    }
    Ok(())
}

/// The names in the placeholders of a text, each as often as it stands there.
///
/// # Errors
/// What begins as a placeholder is none.
pub fn secrets_in(text: &str) -> Result<Vec<&str>, PlaceholderError> {
    let mut names = Vec::new();
    each(text, |_, _, name| names.push(name))?;
    Ok(names)
}

/// Whether a text is nothing but a placeholder, perhaps behind a word such as `Bearer`: then it names a secret, and is
/// none.
#[must_use]
pub fn is_secret_reference(text: &str) -> bool {
    let (word, rest) = text.split_once(' ').filter(|(word, _)| !word.contains('{')).unwrap_or(("", text));
    let is_whole = |open: &str| {
        open.starts_with("{{")
            && placeholder(open, 0).is_ok_and(|found| found.is_some_and(|(_, end)| end == open.len()))
    };
    // A longer word may be a secret itself.
    word.len() <= 10 && word.bytes().all(|b| b.is_ascii_alphabetic()) && is_whole(rest)
}

/// Secrets that a request is made with: their values, and where each may go. `Debug` shows the names alone.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretValues(BTreeMap<String, (String, SecretHosts)>);

impl SecretValues {
    /// Adds one.
    pub fn insert(&mut self, name: &SecretName, value: String, hosts: SecretHosts) {
        self.0.insert(name.as_str().to_owned(), (value, hosts));
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|(value, _)| value.as_str())
    }

    /// The values.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(|(value, _)| value.as_str())
    }

    /// Whether all of them may go to a host, as a URL has it.
    ///
    /// # Errors
    /// Which one may not, and where it may go, for people.
    pub fn may_go_to(&self, host: &str) -> Result<(), String> {
        self.0.keys().try_for_each(|name| self.may_go(name, host))
    }

    /// Whether one of them may go to a host. One that is not there goes nowhere.
    ///
    /// # Errors
    /// It may not, and where it may go, for people.
    pub fn may_go(&self, name: &str, host: &str) -> Result<(), String> {
        match self.0.get(name) {
            Some((_, hosts)) if !hosts.allow(host) => Err(not_for(name, host, hosts)),
            _ => Ok(()),
        }
    }

    /// A text with the values in place of its placeholders, each as `push` writes it. One without a value stays.
    pub(crate) fn fill<'a>(&self, text: &'a str, push: fn(&mut String, &str)) -> Cow<'a, str> {
        if self.is_empty() {
            return Cow::Borrowed(text);
        }
        let (mut out, mut done) = (String::new(), 0);
        let filled = each(text, |open, end, name| {
            if let Some(value) = self.get(name) {
                out.push_str(&text[done..open]);
                push(&mut out, value);
                done = end;
            }
        });
        // What is none was refused when it was written; here it stays as it is.
        if filled.is_err() || done == 0 {
            return Cow::Borrowed(text);
        }
        out.push_str(&text[done..]);
        Cow::Owned(out)
    }

    /// A text with the values in place of its placeholders, as they are.
    #[must_use]
    pub fn filled<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.fill_plain(text)
    }

    /// The same, with the values as they are.
    pub(crate) fn fill_plain<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.fill(text, String::push_str)
    }
}

/// The forms in which a request may have a value: as it is, in a segment of a path, in a value of a query, and in a body of
/// JSON. Those that are the same are there once.
#[must_use]
pub fn sent_forms(value: &str) -> Vec<String> {
    let mut in_json = String::new();
    push_json_escaped(&mut in_json, value);
    let [in_segment, in_query] = sent_in_urls(value);
    let mut forms = vec![value.to_owned()];
    for form in [in_segment, in_query, in_json] {
        if !forms.contains(&form) {
            forms.push(form);
        }
    }
    forms
}

/// Why a secret does not go to a host.
#[must_use]
pub fn not_for(name: &str, host: &str, hosts: &SecretHosts) -> String {
    format!("the secret {name:?} may not go to {host:?}; its hosts are {hosts}")
}

impl fmt::Debug for SecretValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(hosts: &[&str]) -> SecretHosts {
        SecretHosts::parse(&hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>()).expect("hosts")
    }

    #[test]
    fn placeholders_are_found_and_what_looks_like_one_is_refused() {
        for (text, names) in [
            ("plain {{.JobID}} {{ x }}", &[][..]),
            ("{{secret.a}}", &["a"]),
            ("Bearer {{ secret.a-B_9\t}}{{secret.a}}", &["a-B_9", "a"]),
            ("{{{secret.a}}}", &["a"]),
            ("{{secrets.a}}", &[]),
        ] {
            assert_eq!(secrets_in(text).expect(text), names, "{text}");
        }
        let long = format!("{{{{secret.{}}}}}", "x".repeat(64));
        for bad in ["{{secret.}}", "{{secret.a b}}", "{{secret.a}", "{{secret.a.b}}", "{{secret.ü}}", &long]
        {
            let error = secrets_in(bad).expect_err(bad).to_string();
            assert!(error.contains("{{secret.NAME}}"), "{error}");
        }
    }

    #[test]
    fn a_reference_is_no_secret() {
        for (text, is_one) in [
            ("{{secret.a}}", true),
            ("Bearer {{secret.a}}", true),
            ("{{ secret.a }}", true),
            ("Bearer x{{secret.a}}", false),
            ("hunter2hunter2 {{secret.a}}", false),
            ("abc123 {{secret.a}}", false),
            ("{{secret.a}}x", false),
            ("x", false),
        ] {
            assert_eq!(is_secret_reference(text), is_one, "{text}");
        }
    }

    #[test]
    fn values_are_filled_in_once_and_never_shown() {
        let mut values = SecretValues::default();
        let name = SecretName::parse("a").expect("a name");
        values.insert(&name, "{{secret.a}} {{secret.b}}".to_owned(), hosts(&["h"]));
        assert_eq!(
            values.fill_plain("<{{secret.a}}{{secret.b}}>"),
            "<{{secret.a}} {{secret.b}}{{secret.b}}>"
        );
        assert_eq!(format!("{values:?}"), "{\"a\"}");
        assert!(values.may_go_to("h").is_ok());
        let why = values.may_go_to("evil.example").expect_err("refused");
        assert!(why.contains("\"a\"") && why.contains("its hosts are h"), "{why}");
    }

    #[test]
    fn values_have_a_length() {
        for (value, is_good) in [
            ("", false),
            (".", false),
            ("..", false),
            ("...", true),
            ("x", true),
            (&"x".repeat(16_384), true),
        ] {
            assert_eq!(check_secret_value(value).is_ok(), is_good, "{value}");
        }
        assert!(check_secret_value(&"x".repeat(16_385)).is_err());
    }
}
