//! A request as it arrived.

use std::net::SocketAddr;
use std::time::Instant;

use serde_json::Value;

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Call {
    /// The method.
    pub method: String,
    /// Path and query as sent.
    pub target: String,
    /// Names and values as sent, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
    /// Who called.
    pub from: SocketAddr,
    /// When its head was there.
    pub at: Instant,
    /// The same in milliseconds since the Unix epoch.
    pub at_ms: i64,
}

impl Call {
    /// The path, without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// A header's value, its name in any case. Fails where it was sent twice: nothing ever is.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        let first = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} was sent twice: {:?}", self.headers);
        first
    }

    /// A header that must be there.
    #[must_use]
    #[track_caller]
    pub fn sent(&self, name: &str) -> &str {
        self.header(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.headers))
    }

    /// `X-Chronos-Execution-ID`.
    #[must_use]
    pub fn execution(&self) -> &str {
        self.sent("X-Chronos-Execution-ID")
    }

    /// `X-Chronos-Attempt`.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.sent("X-Chronos-Attempt").parse().unwrap()
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e} in {:?}", self.body))
    }
}
