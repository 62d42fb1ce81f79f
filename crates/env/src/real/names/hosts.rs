//! The hosts file, `hosts(5)`: an address on each line, and the names that have it.

use std::collections::HashMap;
use std::net::IpAddr;

use super::limits::ADDRESSES;

/// The names of the file, in lower case.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosts(HashMap<String, Vec<IpAddr>>);

impl Hosts {
    /// Reads the file. A line that is something else says nothing.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let mut hosts = HashMap::<String, Vec<IpAddr>>::new();
        for line in String::from_utf8_lossy(bytes).lines() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace();
            let Some(Ok(address)) = words.next().map(str::parse::<IpAddr>) else { continue };
            for name in words {
                let name = name.trim_end_matches('.').to_ascii_lowercase();
                let addresses = hosts.entry(name).or_default();
                if addresses.len() < 2 * ADDRESSES && !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
        }
        Self(hosts)
    }

    /// The addresses of a name, in the order of the file.
    pub(super) fn of(&self, name: &str) -> Option<&[IpAddr]> {
        self.0.get(name).map(Vec::as_slice)
    }
}
