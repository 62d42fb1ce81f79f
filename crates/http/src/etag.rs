//! Entity tags (RFC 9110, sections 8.8.3 and 13.1). That of a job is its version and the last eight characters of its
//! id. So it is not that of another job, which took over its name.
//!
//! It names a version and not the text of an answer, in which `next_run` and `last_run` change without a new version.
//! So a GET of a job never answers 304. It is a strong one in every coding, because `If-Match` asks for the version.
//!
//! Documents that are inside the binary have a weak one, of their bytes: it is the same in every coding.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use chronos_engine::Demand;
use chronos_types::{Invalid, JobId, clip};
use sha2::{Digest, Sha256};
use utoipa::IntoParams;

/// The tag of a job in a version.
pub(crate) fn of(id: &str, version: u64) -> HeaderValue {
    // Digits, a hyphen and letters in quotes are always a good header value.
    HeaderValue::from_str(&format!("\"{}\"", opaque(id, version))).unwrap_or(HeaderValue::from_static("\"\""))
}

/// The tag without its quotes.
fn opaque(id: &str, version: u64) -> String {
    let tail = id.len().saturating_sub(8);
    format!("{version}-{}", id.get(tail..).unwrap_or(id))
}

/// What `If-Match` and `If-None-Match` demand of the job that a request changes. The first is a strong comparison, so a
/// weak tag lists nothing, and it takes a bare version too. The second is a weak one; its `*` lists every job.
pub(crate) fn demand(headers: &HeaderMap) -> Demand<'_> {
    let is_any = headers.contains_key(header::IF_MATCH) || headers.contains_key(header::IF_NONE_MATCH);
    is_any.then(|| -> Box<dyn Fn(JobId, u64) -> _ + Send + Sync> {
        Box::new(|id, version| {
            let (current, bare) = (opaque(&id.to_string(), version), version.to_string());
            let demanded = tags(headers, &header::IF_MATCH, "If-Match")?.is_none_or(|tags| {
                tags.iter().any(|tag| match tag {
                    Tag::Any => true,
                    Tag::One { is_weak, opaque } => !is_weak && (*opaque == current || *opaque == bare),
                })
            });
            let known = tags(headers, &header::IF_NONE_MATCH, "If-None-Match")?.is_some_and(|tags| {
                tags.iter().any(|tag| match tag {
                    Tag::Any => true,
                    Tag::One { is_weak: _, opaque } => *opaque == current,
                })
            });
            Ok(demanded && !known)
        })
    })
}

/// The weak tag of a text.
pub(crate) fn of_text(text: &[u8]) -> HeaderValue {
    let digest = Sha256::digest(text);
    let opaque: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    // Hexadecimal digits in quotes are always a good header value.
    HeaderValue::from_str(&format!("W/\"{opaque}\"")).unwrap_or(HeaderValue::from_static("W/\"\""))
}

/// Whether the client of a GET has the text with this tag: `If-None-Match` lists it, in the weak comparison.
pub(crate) fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> Result<bool, Invalid> {
    let ours = tag.to_str().ok().and_then(first).map(|(tag, _)| tag);
    Ok(tags(headers, &header::IF_NONE_MATCH, "If-None-Match")?.is_some_and(|tags| {
        tags.iter().any(|tag| match (tag, &ours) {
            (Tag::Any, _) => true,
            (Tag::One { opaque, .. }, Some(Tag::One { opaque: ours, .. })) => opaque == ours,
            (Tag::One { .. }, _) => false,
        })
    }))
}

/// What a change of a job may demand of it.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "the document is made of it")]
pub(crate) struct Conditions {
    /// An `ETag`, or a version in quotes; 412 where the job is another, or at another version
    #[param(rename = "If-Match", required = false, example = "\"3-1f0c2a9b\"")]
    if_match: String,
    /// An `ETag`, or `*` for any job; 412 where it is the job's
    #[param(rename = "If-None-Match", required = false, example = "\"3-1f0c2a9b\"")]
    if_none_match: String,
}

#[derive(Debug, PartialEq, Eq)]
enum Tag {
    Any,
    One { is_weak: bool, opaque: String },
}

/// The tags that a header lists, where it is given. `name` is how a message calls it.
fn tags(headers: &HeaderMap, header: &HeaderName, name: &str) -> Result<Option<Vec<Tag>>, Invalid> {
    if !headers.contains_key(header) {
        return Ok(None);
    }
    let mut tags = Vec::new();
    for value in headers.get_all(header) {
        // No tag of ours has a byte beyond ASCII, so it does not matter what becomes of one.
        let text = String::from_utf8_lossy(value.as_bytes());
        let Some(listed) = list(&text) else { return Err(no_list(name, &text)) };
        tags.extend(listed);
    }
    Ok(Some(tags))
}

fn no_list(name: &str, text: &str) -> Invalid {
    let expected = "expected tags in quotes, such as \"3-1f0c2a9b\", or *";
    Invalid::one(name, format!("{:?} is not a list of entity tags; {expected}", clip(text)))
}

/// Reads a list of tags. Empty items are passed over, as RFC 9110, section 5.6.1 has it.
fn list(text: &str) -> Option<Vec<Tag>> {
    let mut tags = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return Some(tags);
        }
        let (tag, after) = first(rest)?;
        rest = after.trim_start_matches([' ', '\t']);
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
        tags.push(tag);
    }
}

/// The tag that a text begins with, and what follows it.
fn first(text: &str) -> Option<(Tag, &str)> {
    if let Some(rest) = text.strip_prefix('*') {
        return Some((Tag::Any, rest));
    }
    let (is_weak, quoted) = text.strip_prefix("W/").map_or((false, text), |rest| (true, rest));
    let (opaque, rest) = quoted.strip_prefix('"')?.split_once('"')?;
    Some((Tag::One { is_weak, opaque: opaque.to_owned() }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Its last eight characters are `ffffffff`.
    fn job() -> JobId {
        JobId::new(1_700_000_000_000, [0xFF; 10])
    }

    /// Whether a request with these lines of a header may change the job in version 3. None where they cannot be read.
    fn allows(name: HeaderName, values: &[&str]) -> Option<bool> {
        let value = |text: &&str| (name.clone(), HeaderValue::from_bytes(text.as_bytes()).expect("value"));
        let headers: HeaderMap = values.iter().map(value).collect();
        demand(&headers).map_or(Some(true), |demand| demand(job(), 3).ok())
    }

    #[test]
    fn a_tag_is_the_version_and_the_end_of_the_id() {
        assert_eq!(of(&job().to_string(), 3), "\"3-ffffffff\"");
        // What ids of one minute have in common is their begin.
        let other = JobId::new(1_700_000_000_000, [0; 10]);
        assert_eq!(job().to_string()[..8], other.to_string()[..8]);
        assert_ne!(of(&job().to_string(), 3), of(&other.to_string(), 3));
    }

    #[test]
    fn if_match_is_a_strong_comparison() {
        for (values, expected) in [
            (&[][..], Some(true)),
            (&["\"3\""], Some(true)),
            (&["\"3-ffffffff\""], Some(true)),
            (&["*"], Some(true)),
            (&["\"1\", \"3\""], Some(true)),
            (&["\"1\"", "\"3-ffffffff\""], Some(true)),
            (&[" ,\"1\"\t,, \"3\" , "], Some(true)),
            (&["\"a,b\", \"3\""], Some(true)),
            (&["\"a, *, b\""], Some(false)),
            (&["\"ä\", \"2\""], Some(false)),
            (&["\"2\""], Some(false)),
            (&["\"3-00000000\""], Some(false)),
            (&["\"2-ffffffff\""], Some(false)),
            (&["\"3-FFFFFFFF\""], Some(false)),
            (&["\"03\""], Some(false)),
            (&["W/\"3\""], Some(false)),
            (&["W/\"3-ffffffff\""], Some(false)),
            (&["\"*\""], Some(false)),
            (&[""], Some(false)),
            (&["3"], None),
            (&["3-ffffffff"], None),
            (&["\"3"], None),
            (&["\"3\"\"4\""], None),
            (&["w/\"3\""], None),
        ] {
            assert_eq!(allows(header::IF_MATCH, values), expected, "{values:?}");
        }
    }

    #[test]
    fn if_none_match_is_a_weak_comparison() {
        for (values, expected) in [
            (&[][..], Some(true)),
            (&["*"], Some(false)),
            (&["\"2\", *"], Some(false)),
            (&["\"3-ffffffff\""], Some(false)),
            (&["W/\"3-ffffffff\""], Some(false)),
            (&["\"3-00000000\""], Some(true)),
            (&["\"2-ffffffff\""], Some(true)),
            // A namesake has it too.
            (&["\"3\""], Some(true)),
            (&["3"], None),
        ] {
            assert_eq!(allows(header::IF_NONE_MATCH, values), expected, "{values:?}");
        }
    }

    #[test]
    fn both_must_allow_it() {
        let headers: HeaderMap = [
            (header::IF_MATCH, HeaderValue::from_static("\"3\"")),
            (header::IF_NONE_MATCH, HeaderValue::from_static("*")),
        ]
        .into_iter()
        .collect();
        let demand = demand(&headers).expect("a demand");
        assert_eq!(demand(job(), 3), Ok(false));
    }
}
