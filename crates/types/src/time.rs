//! Instants: milliseconds since the Unix epoch, and their RFC 3339 text.

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Millis = i64;

/// RFC 3339 in UTC; milliseconds are written only when they are not zero.
#[must_use]
pub fn format_rfc3339(ms: Millis) -> String {
    match jiff::Timestamp::from_millisecond(ms) {
        Ok(timestamp) => timestamp.to_string(),
        // No parsed instant lies outside the years -9999 to 9999. One that does is shown as a number.
        Err(_) => format!("{ms}ms"),
    }
}

/// Parses RFC 3339 with an offset or `Z`; digits past the millisecond are dropped.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<Millis> {
    // jiff takes more than RFC 3339 does (no seconds, bracketed zones): the length and the
    // separator keep to the standard.
    let bytes = text.as_bytes();
    if bytes.len() < 20 || bytes.len() > 40 || text.contains('[') || bytes.get(16) != Some(&b':') {
        return None;
    }
    let timestamp: jiff::Timestamp = text.parse().ok()?;
    Some(timestamp.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        for (text, expected) in [
            ("2026-11-23T10:00:00Z", Some("2026-11-23T10:00:00Z")),
            ("2026-11-23T10:00:00.25+02:00", Some("2026-11-23T08:00:00.25Z")),
            ("2026-11-23T10:00:00", None),
            ("2026-11-23", None),
            ("2026-11-23T10:00:00Z[UTC]", None),
            ("tomorrow", None),
        ] {
            let got = parse_rfc3339(text).map(format_rfc3339);
            assert_eq!(got.as_deref(), expected, "{text}");
        }
    }
}
