//! What the name servers said, for as long as it holds, and longer while they fail.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::failure::Failure;
use super::limits::Limits;

/// Names and their addresses, as many as [`Limits::names`]. It asks nobody and knows no time but what it is told.
pub(super) struct Cache {
    limits: Limits,
    names: HashMap<String, Entry>,
}

/// What is known of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// Nothing. Whether the last question was not answered in time.
    Nothing { is_slow: bool },
    /// Addresses that hold. They are to be asked for again, before they run out, where `refresh` says so.
    Fresh { addresses: Vec<IpAddr>, refresh: bool },
    /// Addresses that ran out.
    Stale { addresses: Vec<IpAddr> },
    /// Addresses that ran out, and the name servers failed when they were asked again.
    Failing { addresses: Vec<IpAddr>, refresh: bool },
    /// The last question failed a moment ago.
    Failed(Failure),
}

struct Entry {
    /// The last that were found, or none.
    addresses: Vec<IpAddr>,
    /// How many at the front are equally good. They take turns.
    equals: usize,
    turns: usize,
    /// How the last question ended where it brought no addresses.
    failure: Option<Failure>,
    /// Until when the last question's outcome holds.
    until: Instant,
    /// From when on it is asked again before it runs out.
    refresh: Instant,
    /// How long the addresses may be used at all.
    stale_until: Instant,
    used: Instant,
}

impl Cache {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, names: HashMap::new() }
    }

    /// What is known of a name.
    pub(super) fn look(&mut self, name: &str, now: Instant) -> Held {
        let Some(entry) = self.names.get_mut(name) else { return Held::Nothing { is_slow: false } };
        entry.used = now;
        if now >= entry.stale_until {
            entry.addresses.clear();
        }
        match &entry.failure {
            None if entry.addresses.is_empty() => Held::Nothing { is_slow: false },
            None if now < entry.until => {
                Held::Fresh { addresses: entry.next(), refresh: now >= entry.refresh }
            }
            None => Held::Stale { addresses: entry.next() },
            Some(_) if !entry.addresses.is_empty() => {
                Held::Failing { addresses: entry.next(), refresh: now >= entry.until }
            }
            Some(failure) if now < entry.until => Held::Failed(failure.clone()),
            Some(failure) => Held::Nothing { is_slow: failure.is_slow() },
        }
    }

    /// Addresses were found. The first `equals` are equally good.
    pub(super) fn found(
        &mut self,
        name: &str,
        addresses: Vec<IpAddr>,
        equals: usize,
        ttl: Duration,
        now: Instant,
    ) {
        let holds = ttl.clamp(self.limits.positive.0, self.limits.positive.1);
        let entry = Entry {
            addresses,
            equals,
            turns: 1,
            failure: None,
            until: now + holds,
            refresh: now + holds * 3 / 4,
            stale_until: now + holds + self.limits.stale,
            used: now,
        };
        self.put(name, entry);
    }

    /// A question brought no addresses. `ttl` is how long that holds, where the name servers said so.
    pub(super) fn failed(&mut self, name: &str, failure: Failure, ttl: Option<Duration>, now: Instant) {
        let kept = self.names.remove(name).filter(|_| !failure.is_answer());
        let (addresses, equals, turns, stale_until) = match kept {
            Some(kept) => (kept.addresses, kept.equals, kept.turns, kept.stale_until),
            None => (Vec::new(), 0, 0, now),
        };
        let holds = if failure.is_answer() {
            ttl.unwrap_or_default().clamp(self.limits.negative.0, self.limits.negative.1)
        } else if addresses.is_empty() {
            self.limits.again.1
        } else {
            self.limits.again.0
        };
        let failure = Some(failure);
        let until = now + holds;
        self.put(
            name,
            Entry { addresses, equals, turns, failure, until, refresh: until, stale_until, used: now },
        );
    }

    /// A question about a name whose addresses ran out is not answered soon. Callers do not wait for it from now on.
    /// Returns whether they did until now.
    pub(super) fn slow(&mut self, name: &str, now: Instant) -> bool {
        let Some(entry) = self.names.get_mut(name) else { return false };
        if entry.failure.is_some() || now < entry.until {
            return false;
        }
        entry.failure = Some(Failure::Silent(self.limits.stale_after));
        entry.until = now + self.limits.again.0;
        true
    }

    /// Nothing holds any more. Addresses stay for the case that the name servers fail.
    pub(super) fn expire(&mut self, now: Instant) {
        self.names.retain(|_, entry| !entry.addresses.is_empty());
        for entry in self.names.values_mut() {
            entry.until = now;
            entry.failure = None;
        }
    }

    fn put(&mut self, name: &str, entry: Entry) {
        if self.names.len() >= self.limits.names && !self.names.contains_key(name) {
            self.make_room();
        }
        self.names.insert(name.to_owned(), entry);
    }

    /// Drops an eighth of the names, those that were not used for the longest time. So the next ones cost nothing.
    fn make_room(&mut self) {
        let mut used: Vec<Instant> = self.names.values().map(|entry| entry.used).collect();
        let last = used.len() / 8;
        let (_, oldest, _) = used.select_nth_unstable(last);
        let oldest = *oldest;
        let mut left = last + 1;
        self.names.retain(|_, entry| {
            let goes = entry.used <= oldest && left > 0;
            left -= usize::from(goes);
            !goes
        });
    }
}

impl Entry {
    /// The addresses, with the next of the best ones in front.
    fn next(&mut self) -> Vec<IpAddr> {
        let mut addresses = self.addresses.clone();
        if self.equals > 1 {
            addresses[..self.equals].rotate_left(self.turns % self.equals);
            self.turns += 1;
        }
        addresses
    }
}
