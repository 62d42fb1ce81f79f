//! Entity tags: a job's version in quotes (RFC 9110, sections 8.8.3 and 13.1).

use axum::http::{HeaderMap, HeaderValue, header};
use chronos_types::Invalid;

use super::problem::ApiError;

/// The tag of a version.
pub(super) fn of(version: u64) -> HeaderValue {
    // Digits in quotes are always a good header value.
    HeaderValue::from_str(&format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"0\""))
}

/// Whether the request has an `If-Match`.
pub(super) fn is_conditional(headers: &HeaderMap) -> bool {
    headers.contains_key(header::IF_MATCH)
}

/// Checks `If-Match` against the job's version. The comparison is strong, so a weak tag never
/// matches.
pub(super) fn check(headers: &HeaderMap, version: u64) -> Result<(), ApiError> {
    if !is_conditional(headers) {
        return Ok(());
    }
    let Some(tags) = tags(headers, &header::IF_MATCH) else {
        let message = "is not a list of entity tags; expected versions in quotes, such as \"3\", or *";
        return Err(Invalid::one("If-Match", message).into());
    };
    let current = Tag { weak: false, text: version.to_string() };
    if tags.iter().any(|tag| *tag == Tag::any() || *tag == current) {
        Ok(())
    } else {
        Err(ApiError::precondition_failed(version))
    }
}

/// Whether `If-None-Match` says that the client has this version. The comparison is weak.
pub(super) fn is_known(headers: &HeaderMap, version: u64) -> bool {
    let current = version.to_string();
    tags(headers, &header::IF_NONE_MATCH)
        .is_some_and(|tags| tags.iter().any(|tag| *tag == Tag::any() || tag.text == current))
}

#[derive(Debug, PartialEq, Eq)]
struct Tag {
    weak: bool,
    text: String,
}

impl Tag {
    fn any() -> Self {
        Self { weak: false, text: "*".into() }
    }
}

/// The tags of a header; none where it is malformed.
fn tags(headers: &HeaderMap, name: &header::HeaderName) -> Option<Vec<Tag>> {
    let mut tags = Vec::new();
    for value in headers.get_all(name) {
        for item in value.to_str().ok()?.split(',') {
            tags.push(match item.trim() {
                "" => continue,
                "*" => Tag::any(),
                item => {
                    let (weak, quoted) = item.strip_prefix("W/").map_or((false, item), |rest| (true, rest));
                    let text = quoted.strip_prefix('"')?.strip_suffix('"')?;
                    // A version never has one; and without it no tag can be taken for `*`.
                    Tag { weak, text: text.replace('*', "?") }
                }
            });
        }
    }
    Some(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, values: &[&str]) -> HeaderMap {
        let value = |text: &&str| (name.clone(), HeaderValue::from_str(text).expect("value"));
        values.iter().map(value).collect()
    }

    #[test]
    fn if_match_is_a_strong_comparison() {
        for (values, expected) in [
            (&[][..], true),
            (&["\"3\""], true),
            (&["*"], true),
            (&["\"1\", \"3\""], true),
            (&["\"1\"", "\"3\""], true),
            (&["\"2\""], false),
            (&["W/\"3\""], false),
            (&["\"*\""], false),
            (&["3"], false),
            (&[""], false),
        ] {
            assert_eq!(check(&headers(header::IF_MATCH, values), 3).is_ok(), expected, "{values:?}");
        }
    }

    #[test]
    fn if_none_match_is_a_weak_comparison() {
        for (values, expected) in
            [(&[][..], false), (&["W/\"3\""], true), (&["\"3\""], true), (&["*"], true), (&["\"2\""], false)]
        {
            assert_eq!(is_known(&headers(header::IF_NONE_MATCH, values), 3), expected, "{values:?}");
        }
    }
}
