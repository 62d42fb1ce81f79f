//! How often something may be done: by a key in a second, and failed logins from an address in a minute.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Failed logins from one address in a minute.
const FAILURES: u32 = 10;
/// From then on each has to wait for so long.
const FAILURE_EVERY: Duration = Duration::from_secs(6);
/// Of so many addresses failed logins are counted, each apart. Those of further ones count together.
const MAX_ADDRESSES: usize = 10_000;

/// How much of a rate is used up: the instant, by the time since the boot, at which nothing is any more (GCRA).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace(Duration);

impl Pace {
    /// Takes one, where `most` of them may come at once and one more each `every`; or says how long to wait.
    pub(super) fn take(&mut self, now: Duration, every: Duration, most: u32) -> Result<(), Duration> {
        let used = self.0.saturating_sub(now) + every;
        let may_use = every * most;
        if used > may_use {
            return Err(used - may_use);
        }
        self.0 = now + used;
        Ok(())
    }

    fn is_over(self, now: Duration) -> bool {
        self.0 <= now
    }
}

/// Counts failed logins by address.
#[derive(Debug, Default)]
pub(super) struct Failures(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    addresses: HashMap<IpAddr, Pace>,
    others: Pace,
}

impl Failures {
    /// Counts one, or says how long to wait with the next.
    pub(super) fn count(&self, address: Option<IpAddr>, now: Duration) -> Result<(), Duration> {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Counted { addresses, others } = &mut *counted;
        let Some(address) = address.map(network) else { return others.take(now, FAILURE_EVERY, FAILURES) };
        if addresses.len() >= MAX_ADDRESSES && !addresses.contains_key(&address) {
            addresses.retain(|_, pace| !pace.is_over(now));
            if addresses.len() >= MAX_ADDRESSES {
                return others.take(now, FAILURE_EVERY, FAILURES);
            }
        }
        addresses.entry(address).or_default().take(now, FAILURE_EVERY, FAILURES)
    }
}

/// What counts as one address: of IPv6 all that begin with the same 64 bits, which one customer has.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn so_many_come_at_once_and_then_one_after_the_other() {
        let (mut pace, every) = (Pace::default(), SECOND / 4);
        let now = 100 * SECOND;
        assert!((0..4).all(|_| pace.take(now, every, 4).is_ok()));
        assert_eq!(pace.take(now, every, 4), Err(every));
        assert_eq!(pace.take(now + every / 2, every, 4), Err(every / 2));
        assert_eq!(pace.take(now + every, every, 4), Ok(()));
        assert!(pace.take(now + every, every, 4).is_err());
        assert!((0..4).all(|_| pace.take(now + 10 * SECOND, every, 4).is_ok()));
        assert!(pace.take(now + 10 * SECOND, every, 4).is_err());
    }

    #[test]
    fn ten_failed_logins_a_minute_are_counted_by_address_and_by_64_bits_of_ipv6() {
        let failures = Failures::default();
        let count =
            |address: &str, now: Duration| failures.count(Some(address.parse().expect("an address")), now);
        let now = 100 * SECOND;
        for of in ["192.0.2.1", "2001:db8:0:1::1"] {
            assert!((0..10).all(|_| count(of, now).is_ok()), "{of}");
            assert_eq!(count(of, now), Err(6 * SECOND), "{of}");
        }
        assert!(count("::ffff:192.0.2.1", now).is_err());
        assert!(count("2001:db8:0:1:ffff::", now).is_err());
        assert_eq!(count("192.0.2.2", now), Ok(()));
        assert_eq!(count("2001:db8:0:2::1", now), Ok(()));
        assert_eq!(count("192.0.2.1", now + 6 * SECOND), Ok(()));
        assert!(count("192.0.2.1", now + 6 * SECOND).is_err());
    }

    #[test]
    fn the_table_of_addresses_has_a_bound_and_those_beyond_it_count_together() {
        let failures = Failures::default();
        let count = |n: usize, now: Duration| {
            let bits = u32::try_from(n).expect("an address");
            failures.count(Some(std::net::Ipv4Addr::from_bits(bits).into()), now)
        };
        let now = 100 * SECOND;
        assert!((0..MAX_ADDRESSES + 10).all(|n| count(n, now).is_ok()));
        assert!(count(MAX_ADDRESSES + 10, now).is_err());
        assert_eq!(count(0, now), Ok(()), "one that is in the table has a count of its own");
        // They are forgotten once nothing is to be remembered of them.
        assert_eq!(count(MAX_ADDRESSES + 11, now + 60 * SECOND), Ok(()));
        let counted = failures.0.lock().expect("not poisoned");
        assert_eq!(counted.addresses.len(), 1);
    }
}
