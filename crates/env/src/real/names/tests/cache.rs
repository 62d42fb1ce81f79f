//! How long answers hold, by a clock that the tests set.

use std::net::IpAddr;

use tokio::time::Instant;

use super::super::cache::{Cache, Held};
use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn ips(last: &[u8]) -> Vec<IpAddr> {
    last.iter().map(|&last| [192, 0, 2, last].into()).collect()
}

fn fresh(last: &[u8], refresh: bool) -> Held {
    Held::Fresh { addresses: ips(last), refresh }
}

fn silent() -> Failure {
    Failure::Silent(SECOND)
}

/// A cache that holds answers for 10 s to 100 s, and the time.
fn start() -> (Cache, Instant) {
    let limits = Limits {
        positive: (10 * SECOND, 100 * SECOND),
        negative: (2 * SECOND, 20 * SECOND),
        again: (5 * SECOND, SECOND),
        stale: 1000 * SECOND,
        names: 16,
        ..Limits::default()
    };
    (Cache::new(limits), Instant::now())
}

#[test]
fn an_answer_holds_for_its_ttl_within_bounds_and_is_renewed_before() {
    for (ttl, holds) in [(0, 10), (10, 10), (40, 40), (100, 100), (86_400, 100)] {
        let (mut cache, now) = start();
        cache.found("a", ips(&[1]), 1, ttl * SECOND, now);
        let just = Duration::from_millis(1);
        assert_eq!(cache.look("a", now), fresh(&[1], false), "{ttl}");
        assert_eq!(cache.look("a", now + holds * SECOND * 3 / 4 - just), fresh(&[1], false), "{ttl}");
        assert_eq!(cache.look("a", now + holds * SECOND * 3 / 4), fresh(&[1], true), "{ttl}");
        assert_eq!(cache.look("a", now + holds * SECOND - just), fresh(&[1], true), "{ttl}");
        assert_eq!(cache.look("a", now + holds * SECOND), Held::Stale { addresses: ips(&[1]) }, "{ttl}");
        let last = now + holds * SECOND + 1000 * SECOND;
        assert_eq!(cache.look("a", last - just), Held::Stale { addresses: ips(&[1]) }, "{ttl}");
        assert_eq!(cache.look("a", last), Held::Nothing { is_slow: false }, "{ttl}");
    }
}

#[test]
fn that_there_is_no_such_name_holds_for_a_short_time() {
    for (ttl, holds) in [(None, 2), (Some(0), 2), (Some(7), 7), (Some(86_400), 20)] {
        let (mut cache, now) = start();
        cache.found("a", ips(&[1]), 1, SECOND, now);
        cache.failed("a", Failure::NoSuchName, ttl.map(|ttl: u32| ttl * SECOND), now);
        assert_eq!(cache.look("a", now + holds * SECOND / 2), Held::Failed(Failure::NoSuchName), "{ttl:?}");
        assert_eq!(cache.look("a", now + holds * SECOND), Held::Nothing { is_slow: false }, "{ttl:?}");
    }
}

#[test]
fn while_the_name_servers_fail_they_are_asked_now_and_then_and_old_addresses_used() {
    let (mut cache, now) = start();
    cache.failed("new", silent(), None, now);
    assert_eq!(cache.look("new", now), Held::Failed(silent()));
    assert_eq!(cache.look("new", now + SECOND), Held::Nothing { is_slow: true });
    let failing = |refresh| Held::Failing { addresses: ips(&[1]), refresh };
    cache.found("a", ips(&[1]), 1, SECOND, now);
    let now = now + 10 * SECOND;
    cache.failed("a", silent(), None, now);
    assert_eq!(cache.look("a", now), failing(false));
    assert_eq!(cache.look("a", now + 5 * SECOND), failing(true));
    // Of those who wait too long, the first alone has the question go on.
    cache.found("a", ips(&[1]), 1, SECOND, now);
    assert!(!cache.slow("a", now), "it is not stale");
    assert!(cache.slow("a", now + 10 * SECOND));
    assert!(!cache.slow("a", now + 10 * SECOND));
    assert_eq!(cache.look("a", now + 10 * SECOND), failing(false));
    cache.found("a", ips(&[2]), 1, SECOND, now);
    assert_eq!(cache.look("a", now), fresh(&[2], false));
}

#[test]
fn the_best_addresses_take_turns() {
    let (mut cache, now) = start();
    cache.found("a", ips(&[1, 2, 3, 4]), 3, SECOND, now);
    for expected in [[2, 3, 1, 4], [3, 1, 2, 4], [1, 2, 3, 4], [2, 3, 1, 4]] {
        assert_eq!(cache.look("a", now), fresh(&expected, false));
    }
}

#[test]
fn it_keeps_so_many_names_and_drops_those_that_nobody_asks_for() {
    let (mut cache, mut now) = start();
    for n in 0..1000 {
        now += Duration::from_millis(1);
        cache.found(&n.to_string(), ips(&[1]), 1, SECOND, now);
        assert_eq!(cache.look("0", now), fresh(&[1], false), "it is used all the time");
    }
    let kept = (0..1000).filter(|n| cache.look(&n.to_string(), now) != Held::Nothing { is_slow: false });
    let kept = kept.count();
    assert!((8..=16).contains(&kept), "{kept}");
    assert_eq!(cache.look("999", now), fresh(&[1], false));
}

#[test]
fn with_other_name_servers_nothing_holds() {
    let (mut cache, now) = start();
    cache.found("a", ips(&[1]), 1, SECOND, now);
    cache.failed("b", Failure::NoSuchName, None, now);
    cache.failed("c", silent(), None, now);
    cache.expire(now);
    assert_eq!(cache.look("a", now), Held::Stale { addresses: ips(&[1]) });
    assert_eq!(cache.look("b", now), Held::Nothing { is_slow: false });
    assert_eq!(cache.look("c", now), Held::Nothing { is_slow: false });
}
