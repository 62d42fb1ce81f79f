//! The hosts that a secret may go to.

use std::fmt;

use crate::clip;

/// So many hosts at most a secret may go to.
pub const MAX_SECRET_HOSTS: usize = 32;

/// The hosts that a secret may go to: names (`api.example.com`), all names below one (`*.example.com`), addresses, or
/// all (`*`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretHosts(Vec<String>);

impl SecretHosts {
    /// Checks the hosts, and brings them into the form that URLs have them in.
    ///
    /// # Errors
    /// The place of each that is none, and what was expected; without a place where it is the list.
    pub fn parse(hosts: &[String]) -> Result<Self, Vec<(Option<usize>, String)>> {
        if hosts.is_empty() || hosts.len() > MAX_SECRET_HOSTS {
            let say =
                format!("has {} hosts; expected 1 to {MAX_SECRET_HOSTS}, or \"*\" for all", hosts.len());
            return Err(vec![(None, say)]);
        }
        let (mut good, mut errors) = (Vec::with_capacity(hosts.len()), Vec::new());
        for (place, host) in hosts.iter().enumerate() {
            match pattern(host) {
                Some(pattern) if !good.contains(&pattern) => good.push(pattern),
                Some(_) => {}
                None => errors.push((
                    Some(place),
                    format!(
                        "{:?} is not a host; expected one such as \"api.example.com\", \"*.example.com\" for all \
                         names below it, an address, or \"*\" for all hosts, without a port",
                        clip(host)
                    ),
                )),
            }
        }
        if errors.is_empty() { Ok(Self(good)) } else { Err(errors) }
    }

    /// Hosts that were checked when they came in.
    #[must_use]
    pub fn unchecked(hosts: Vec<String>) -> Self {
        Self(hosts)
    }

    /// Each, in its form.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// Whether a host, as a URL has it, is among them.
    #[must_use]
    pub fn allow(&self, host: &str) -> bool {
        let host = plain(host);
        self.0.iter().any(|pattern| match pattern.strip_prefix('*') {
            Some("") => true,
            // With the dot: something has to stand before it.
            Some(below) => host.len() > below.len() && host.ends_with(below),
            None => *pattern == host,
        })
    }
}

impl fmt::Display for SecretHosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

/// A host without the dot that may end a name.
fn plain(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

fn pattern(text: &str) -> Option<String> {
    if text == "*" {
        return Some(text.to_owned());
    }
    let (before, name) = match text.strip_prefix("*.") {
        Some(name) => ("*.", name),
        None => ("", text),
    };
    let is_of_names = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    match url::Host::parse(name).ok()? {
        url::Host::Domain(name) if name.bytes().all(is_of_names) && !plain(&name).is_empty() => {
            Some(format!("{before}{}", plain(&name)))
        }
        url::Host::Domain(_) => None,
        address if before.is_empty() => Some(address.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(hosts: &[&str]) -> SecretHosts {
        SecretHosts::parse(&hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>()).expect("hosts")
    }

    #[test]
    fn a_secret_goes_to_its_hosts_alone() {
        for (pattern, host, is_allowed) in [
            ("api.example.com", "api.example.com", true),
            ("API.Example.com.", "api.example.com", true),
            ("api.example.com", "api.example.com.", true),
            ("api.example.com", "xapi.example.com", false),
            ("api.example.com", "example.com", false),
            ("*.example.com", "api.example.com", true),
            ("*.example.com", "a.b.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "badexample.com", false),
            ("*.example.com", ".example.com", false),
            ("bücher.example", "xn--bcher-kva.example", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("0x7f.1", "127.0.0.1", true),
            ("[::1]", "[::1]", true),
            ("*", "anything.example", true),
        ] {
            assert_eq!(hosts(&[pattern]).allow(host), is_allowed, "{pattern} {host}");
        }
        for bad in
            ["", "a b", "h:80", "http://h", "h/x", "*.", "**", "*example.com", "a.*.com", "*.127.0.0.1"]
        {
            assert!(SecretHosts::parse(&[bad.to_owned()]).is_err(), "{bad}");
        }
        assert!(SecretHosts::parse(&[]).is_err());
        assert!(SecretHosts::parse(&vec!["h".to_owned(); MAX_SECRET_HOSTS + 1]).is_err());
        assert_eq!(hosts(&["H", "h", "h."]).as_slice(), ["h"]);
    }
}
