//! Paths and queries of the API, percent-encoded.

use std::fmt::Write as _;

/// Before the paths of the API.
const V1: &str = "/api/v1";

/// A path below `/api/v1`: `path(&["jobs", "nightly"])` is `/api/v1/jobs/nightly`.
pub(crate) fn path(segments: &[&str]) -> String {
    segments.iter().fold(V1.to_owned(), |mut path, segment| {
        path.push('/');
        encode(segment, &mut path);
        path
    })
}

/// The parameters of a query.
#[derive(Debug, Default)]
pub(crate) struct Query(String);

impl Query {
    /// Adds a parameter, where it has a value.
    pub(crate) fn with(mut self, name: &str, value: Option<impl AsRef<str>>) -> Self {
        if let Some(value) = value {
            self.0.push(if self.0.is_empty() { '?' } else { '&' });
            encode(name, &mut self.0);
            self.0.push('=');
            encode(value.as_ref(), &mut self.0);
        }
        self
    }

    /// The path with this query.
    pub(crate) fn of(self, mut path: String) -> String {
        path.push_str(&self.0);
        path
    }
}

/// Leaves RFC 3986's unreserved characters as they are, and the colon, which names of jobs may have.
fn encode(text: &str, to: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' => {
                to.push(byte.into());
            }
            // Writing to a String cannot fail.
            _ => drop(write!(to, "%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_a_url_is_encoded() {
        assert_eq!(path(&["jobs", "nightly-1:a.b_c"]), "/api/v1/jobs/nightly-1:a.b_c");
        assert_eq!(path(&["jobs", "a/b?c", "trigger"]), "/api/v1/jobs/a%2Fb%3Fc/trigger");
        let query =
            Query::default().with("q", Some("é & 1")).with("tag.a=b", Some("c")).with("x", None::<&str>);
        assert_eq!(query.of(path(&["jobs"])), "/api/v1/jobs?q=%C3%A9%20%26%201&tag.a%3Db=c");
        assert_eq!(Query::default().of(path(&["jobs"])), "/api/v1/jobs");
    }
}
