//! Where a node is reached by others: `host:port`.

use std::net::SocketAddrV6;

/// A name of the DNS is no longer (RFC 1035, section 2.3.4).
const MAX_HOST: usize = 253;

/// Why a text is not `host:port`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?}; expected {expected}", expected = HostPortError::EXPECTED)]
pub struct HostPortError(String);

impl HostPortError {
    /// What is expected, for people.
    pub const EXPECTED: &str = "host:port, such as \"chronos-1:7000\"";
}

/// Checks that a text is `host:port`. The host is a name, an IPv4 address, or an IPv6 address in brackets; the
/// port is a number from 1 to 65535. The host is not looked up.
///
/// # Errors
/// The text is something else.
pub fn check_host_port(text: &str) -> Result<(), HostPortError> {
    let is_good = match text.starts_with('[') {
        true => text.parse::<SocketAddrV6>().is_ok_and(|address| address.port() > 0),
        false => text.rsplit_once(':').is_some_and(|(host, port)| is_host(host) && is_port(port)),
    };
    if is_good { Ok(()) } else { Err(HostPortError(crate::clip(text).into_owned())) }
}

fn is_host(text: &str) -> bool {
    let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    (1..=MAX_HOST).contains(&text.len()) && text.bytes().all(known)
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_and_a_port_are_both_there() {
        for text in ["chronos-1:7000", "a.b_c:1", "10.0.0.1:65535", "[::1]:7000", "[fe80::1%2]:7000"] {
            assert_eq!(check_host_port(text), Ok(()), "{text}");
        }
        for text in [
            "",
            ":7000",
            "chronos-1",
            "chronos-1:",
            "chronos-1:0",
            "chronos-1:+7000",
            "chronos-1:65536",
            "a b:1",
            "http://a:1",
            "a/b:1",
            "a@b:1",
            "a:b:7000",
            "::1:7000",
            "[::1]",
            "[::1]:0",
            "[a]:1",
            "[]:1",
            "ä:1",
        ] {
            let error = check_host_port(text).expect_err(text).to_string();
            assert_eq!(error, format!("{text:?}; expected host:port, such as \"chronos-1:7000\""));
        }
        assert!(check_host_port(&format!("{}:1", "a".repeat(253))).is_ok());
        assert!(check_host_port(&format!("{}:1", "a".repeat(254))).is_err());
    }
}
