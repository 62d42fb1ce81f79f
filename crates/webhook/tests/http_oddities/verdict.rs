//! What came of a row, as the table has it.
//!
//! `200 ok` is a whole response, its status and its body. `body after 200 o` is a failure (curl's is `exit 18`), with
//! what had come until then. ` in 3 requests` and `, waits 120 s` follow where there is such a thing to say.

/// The most characters of a body that is shown as it is.
const MAX_SHOWN: usize = 120;
/// A wait that is as good as any longer one.
const YEAR: u64 = 365 * 24 * 3600;

/// What came of a row.
#[derive(Debug, Default)]
pub struct Verdict {
    /// The kind of failure, or curl's exit code.
    pub failure: Option<String>,
    /// 0 where there was none.
    pub status: u16,
    pub body: String,
    /// Requests that the target read.
    pub requests: usize,
    /// Connections that the row does not know of.
    pub surplus: usize,
    /// The seconds for which the response asks.
    pub wait: u64,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let came = match (self.status, self.body.as_str()) {
            (0, _) => String::new(),
            (status, "") => status.to_string(),
            (status, body) if body.chars().count() > MAX_SHOWN => {
                format!("{status} {} characters", body.chars().count())
            }
            (status, body) => format!("{status} {}", shown(body)),
        };
        match &self.failure {
            None => write!(f, "{came}")?,
            Some(failure) if came.is_empty() => write!(f, "{failure}")?,
            Some(failure) => write!(f, "{failure} after {came}")?,
        }
        if self.requests > 1 {
            write!(f, " in {} requests", self.requests)?;
        }
        if self.surplus > 0 {
            write!(f, " and {} more connections", self.surplus)?;
        }
        match self.wait {
            0 => Ok(()),
            YEAR.. => write!(f, ", waits over a year"),
            wait => write!(f, ", waits {wait} s"),
        }
    }
}

/// A body for people: what cannot be seen is escaped.
fn shown(body: &str) -> String {
    let escape = |c: char| match c {
        ' '..='~' | '\u{fffd}' => c.to_string(),
        c if c.is_alphanumeric() => c.to_string(),
        c => c.escape_default().to_string(),
    };
    body.chars().map(escape).collect()
}

/// Whether two verdicts are the same but for the name that each side has for a failure.
pub fn agree(curl: &str, ours: &str) -> bool {
    let outcome = |verdict: &str| {
        let without = verdict.strip_prefix("exit ").unwrap_or(verdict);
        match without.len() == verdict.len() && verdict.starts_with(|c: char| c.is_ascii_digit()) {
            true => (true, verdict.to_owned()),
            false => {
                let end = without.find(' ').unwrap_or(without.len());
                (false, without[end..].to_owned())
            }
        }
    };
    outcome(curl) == outcome(ours)
}

#[test]
fn failures_are_the_same_by_any_name() {
    for (curl, ours, same) in [
        ("200 ok", "200 ok", true),
        ("200 ok", "200", false),
        ("exit 52", "reset", true),
        ("exit 52 in 3 requests", "reset in 3 requests", true),
        ("exit 52 in 3 requests", "reset", false),
        ("exit 18 after 200 o", "body after 200 o", true),
        ("exit 18 after 200 o", "body after 200", false),
        ("exit 18 after 200 o", "200 o", false),
        ("200 o", "body after 200 o", false),
    ] {
        assert_eq!(agree(curl, ours), same, "{curl} {ours}");
    }
}
