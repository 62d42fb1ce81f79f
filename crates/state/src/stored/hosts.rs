//! How many executions failed, by the host that they called and the kind of their error.

use std::collections::BTreeMap;

use chronos_types::ErrorKind;

use super::code::Code;
use super::tally::{put, take};
use crate::error::StateError;

/// So many pairs of a host and a kind are told apart in a stretch of time. All others count for their kind alone.
const MOST: usize = 200;

/// Counts by host, and by the code of a kind plus one: zero is a kind that is not known. The host is empty for all that
/// are not told apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hosts(BTreeMap<(String, u64), u64>);

/// How many executions failed alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostFailures {
    /// The host that they called. None stands for all that are not told apart.
    pub host: Option<String>,
    /// The kind of their last error, where it is known.
    pub error_kind: Option<ErrorKind>,
    /// How many.
    pub count: u64,
}

impl Hosts {
    /// An execution failed.
    pub(crate) fn add(&mut self, host: &str, kind: Option<ErrorKind>) {
        let kind = kind.and_then(|kind| u64::try_from(kind.code() + 1).ok()).unwrap_or_default();
        self.add_many(host, kind, 1);
    }

    /// Adds those of another stretch, in the order of their hosts.
    pub(crate) fn add_all(&mut self, other: &Self) {
        for ((host, kind), count) in &other.0 {
            self.add_many(host, *kind, *count);
        }
    }

    fn add_many(&mut self, host: &str, kind: u64, count: u64) {
        let mut key = (host.to_owned(), kind);
        if !self.0.contains_key(&key) && self.told_apart() >= MOST {
            key.0.clear();
        }
        let held = self.0.entry(key).or_default();
        *held = held.saturating_add(count);
    }

    fn told_apart(&self) -> usize {
        // Those that are not stand in front, and there are no more of them than kinds.
        self.0.len() - self.0.keys().take_while(|(host, _)| host.is_empty()).count()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The most frequent first.
    pub(crate) fn into_list(self) -> Vec<HostFailures> {
        let one = |((host, kind), count): ((String, u64), u64)| HostFailures {
            host: (!host.is_empty()).then_some(host),
            error_kind: i64::try_from(kind).ok().and_then(|kind| ErrorKind::known(kind - 1)),
            count,
        };
        let mut list: Vec<_> = self.0.into_iter().map(one).collect();
        list.sort_by_key(|failed| std::cmp::Reverse(failed.count));
        list
    }

    /// The bytes that a column keeps.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for ((host, kind), count) in &self.0 {
            put(&mut bytes, host.len() as u64);
            bytes.extend(host.as_bytes());
            put(&mut bytes, *kind);
            put(&mut bytes, *count);
        }
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote.
    pub(crate) fn read(mut bytes: &[u8]) -> Result<Self, StateError> {
        let mut hosts = BTreeMap::new();
        while !bytes.is_empty() {
            let Some((key, count)) = one(&mut bytes) else {
                return Err(StateError::Corrupt("hosts end in the middle of one".to_owned()));
            };
            hosts.insert(key, count);
        }
        Ok(Self(hosts))
    }
}

fn one(bytes: &mut &[u8]) -> Option<((String, u64), u64)> {
    let length = usize::try_from(take(bytes)?).ok()?;
    let (host, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    let host = std::str::from_utf8(host).ok()?.to_owned();
    Some(((host, take(bytes)?), take(bytes)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failures(host: Option<&str>, error_kind: Option<ErrorKind>, count: u64) -> HostFailures {
        HostFailures { host: host.map(str::to_owned), error_kind, count }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut hosts = Hosts::default();
        hosts.add("b.example", Some(ErrorKind::Timeout));
        hosts.add("a.example", Some(ErrorKind::Dns));
        hosts.add("b.example", Some(ErrorKind::Timeout));
        hosts.add("b.example", None);
        let read = Hosts::read(&hosts.to_bytes()).expect("hosts");
        assert_eq!(read, hosts);
        let expected = [
            failures(Some("b.example"), Some(ErrorKind::Timeout), 2),
            failures(Some("a.example"), Some(ErrorKind::Dns), 1),
            failures(Some("b.example"), None, 1),
        ];
        assert_eq!(read.into_list(), expected);
        assert!(Hosts::read(&[9, b'a']).is_err());
    }

    #[test]
    fn past_so_many_the_others_count_for_their_kind_alone() {
        let mut hosts = Hosts::default();
        for number in 0..MOST + 30 {
            hosts.add(&format!("h{number:03}"), Some(ErrorKind::Timeout));
        }
        hosts.add("h000", Some(ErrorKind::Timeout));
        hosts.add("new", Some(ErrorKind::Dns));
        let list = hosts.clone().into_list();
        assert_eq!(list[0], failures(None, Some(ErrorKind::Timeout), 30));
        assert_eq!(list[1], failures(Some("h000"), Some(ErrorKind::Timeout), 2));
        assert!(list.contains(&failures(None, Some(ErrorKind::Dns), 1)));
        // Two stretches together are no more than one.
        let mut both = hosts.clone();
        both.add_all(&hosts);
        assert_eq!(both.0.len(), hosts.0.len());
    }
}
