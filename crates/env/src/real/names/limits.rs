//! How long things may take and how many there may be, in one place.

use std::time::Duration;

/// The bounds of looking names up. The tests have shorter times.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// How long a question may take, with its wait in line. glibc also gives up after 10 s by default: two
    /// attempts of 5 s.
    pub question: Duration,
    /// How long a question may have a place among the quick ones. Most answers take less than 100 ms; this
    /// leaves time for the second name server where the first is dead.
    pub quick: Duration,
    /// How many questions run at a time that were not slow yet. Each has two sockets, or four where a second name
    /// server is asked.
    pub quick_questions: usize,
    /// How many questions run at a time that are known to be slow. They have places of their own, so names
    /// whose servers are dead do not delay others. Each has up to four sockets for each name server.
    pub slow_questions: usize,
    /// How many questions that nobody waits for may be under way or in line.
    pub refreshes: usize,
    /// How long to wait for a name server before the next one is asked beside it. musl asks all at once, and
    /// glibc waits for 5 s.
    pub next_server: Duration,
    /// How long to wait for IPv6 addresses once there are IPv4 ones, or the other way round. Some name servers
    /// never answer about IPv6. RFC 8305 recommends 50 ms; a cached answer is used many times, so this waits longer.
    pub other_family: Duration,
    /// How long a caller waits for a new answer where an old one is at hand. RFC 8767 recommends 1.8 s at most.
    pub stale_after: Duration,
    /// How long an address may be used beyond its time while the name servers fail (RFC 8767: one to three days).
    pub stale: Duration,
    /// How long an answer holds, whatever its TTL says. The least keeps a TTL of 0 from costing a question for each
    /// call; the most keeps an address from being used for long after it was changed.
    pub positive: (Duration, Duration),
    /// How long it holds that there is no such name. Somebody may just be making it.
    pub negative: (Duration, Duration),
    /// How long after a question failed the name servers are not asked again, where an old address is at hand,
    /// and where none is. RFC 8767 recommends 30 s.
    pub again: (Duration, Duration),
    /// How many names are kept. One takes up to a kilobyte.
    pub names: usize,
    /// How often the files are looked at. It costs two calls of the system.
    pub look: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            question: Duration::from_secs(10),
            quick: Duration::from_secs(1),
            quick_questions: 32,
            slow_questions: 32,
            refreshes: 256,
            next_server: Duration::from_millis(500),
            other_family: Duration::from_millis(250),
            stale_after: Duration::from_secs(1),
            stale: Duration::from_secs(24 * 3600),
            positive: (Duration::from_secs(5), Duration::from_secs(300)),
            negative: (Duration::from_secs(1), Duration::from_secs(10)),
            again: (Duration::from_secs(10), Duration::from_secs(1)),
            names: 4096,
            look: Duration::from_secs(1),
        }
    }
}

/// How many addresses of each family are kept of a name. A caller tries one after the other; nobody gets to
/// the seventeenth.
pub(super) const ADDRESSES: usize = 16;
