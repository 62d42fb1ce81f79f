//! Entity tags: a job's version in quotes (RFC 9110, sections 8.8.3 and 13.1).

use axum::http::{HeaderMap, HeaderValue, header};
use chronos_engine::IfMatch;
use chronos_types::Invalid;

/// The tag of a version.
pub(crate) fn of(version: u64) -> HeaderValue {
    // Digits in quotes are always a good header value.
    HeaderValue::from_str(&format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"0\""))
}

/// What `If-Match` demands of the job's version. The comparison is strong, so a weak tag lists nothing.
pub(crate) fn if_match(headers: &HeaderMap) -> IfMatch<'_> {
    headers.contains_key(header::IF_MATCH).then(|| -> Box<dyn Fn(u64) -> _ + Send + Sync> {
        Box::new(|version| {
            let tags = tags(headers, &header::IF_MATCH).ok_or_else(|| {
                let expected = "expected versions in quotes, such as \"3\", or *";
                Invalid::one("If-Match", format!("is not a list of entity tags; {expected}"))
            })?;
            let current = Tag { weak: false, text: version.to_string() };
            Ok(tags.iter().any(|tag| *tag == Tag::any() || *tag == current))
        })
    })
}

/// Whether `If-None-Match` says that the client has this version. The comparison is weak.
pub(crate) fn is_known(headers: &HeaderMap, version: u64) -> bool {
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
            let headers = headers(header::IF_MATCH, values);
            let lists = if_match(&headers).is_none_or(|lists| lists(3).unwrap_or(false));
            assert_eq!(lists, expected, "{values:?}");
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
