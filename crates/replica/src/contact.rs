//! When this node last heard of the rest of the cluster, and when it is proven that they heard of each
//! other.
//!
//! That a follower hears its leader does not mean that the leader hears it: links fail one way, messages
//! come late, and a leader that was deposed goes on talking. The leader gives away what a node holds that it
//! has not heard of, so a node may go on only by what proves that it was heard. Each answer of a follower
//! to its leader carries a [`Sign`], the instant by the follower's own clock. The leader sends back the newest
//! sign that it had when a majority last acknowledged it. So at the instant of a sign that came back, no other
//! leader was elected, and this one heard of the node only afterwards: whoever leads counts the node's silence
//! from a later instant than the node itself.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use openraft::async_runtime::WatchReceiver as _;
use openraft::{Instant as _, RaftMetrics};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::lock::lock;
use super::types::Types;
use super::upkeep::Openraft;

/// Signs of one node that are kept until a majority has acknowledged this leader once more: about two
/// heartbeats' worth. Newer ones are not kept then.
const SIGNS: usize = 64;

/// The last sign of life of the rest of the cluster.
#[derive(Debug, Default)]
pub(super) struct Contact(Mutex<Option<Instant>>);

impl Contact {
    /// There was one at this instant.
    pub(super) fn at(&self, instant: Instant) {
        let mut last = lock(&self.0);
        *last = (*last).max(Some(instant));
    }

    /// Whether there was one within this time.
    pub(super) fn within(&self, time: Duration) -> bool {
        lock(&self.0).is_some_and(|last| last.elapsed() < time)
    }
}

/// An instant of a follower, for itself to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sign {
    /// Tells the starts of a node apart: each counts from its own beginning.
    life: u64,
    after_us: u64,
}

/// Gives signs, and reads those that come back.
#[derive(Debug)]
pub(super) struct Signs {
    life: u64,
    begin: Instant,
}

impl Signs {
    /// `life` is drawn anew for each start.
    pub(super) fn new(life: u64) -> Self {
        Self { life, begin: Instant::now() }
    }

    /// A sign of now.
    pub(super) fn sign(&self) -> Sign {
        Sign {
            life: self.life,
            after_us: u64::try_from(self.begin.elapsed().as_micros()).unwrap_or(u64::MAX),
        }
    }

    /// When this sign was given; none for one of an earlier start.
    pub(super) fn read(&self, sign: Sign) -> Option<Instant> {
        let after = Duration::from_micros(sign.after_us);
        (sign.life == self.life).then(|| self.begin.checked_add(after)).flatten()
    }
}

/// What a leader hears of the others.
#[derive(Default)]
pub(super) struct Hearing {
    raft: OnceLock<Openraft>,
    heard: Mutex<HashMap<u64, Heard>>,
}

#[derive(Debug)]
struct Heard {
    last: Instant,
    /// Oldest first, each with when it came.
    signs: VecDeque<(Instant, Sign)>,
}

impl Hearing {
    /// Whose acknowledgements count.
    pub(super) fn follow(&self, raft: Openraft) {
        // It is set once, at the start.
        let _ = self.raft.set(raft);
    }

    /// A member answered, and gave this sign.
    pub(super) fn note(&self, id: u64, sign: Sign) {
        let now = Instant::now();
        let mut heard = lock(&self.heard);
        let heard = heard.entry(id).or_insert_with(|| Heard { last: now, signs: VecDeque::new() });
        heard.last = now;
        if heard.signs.len() < SIGNS {
            heard.signs.push_back((now, sign));
        }
    }

    /// When a member was last heard of.
    pub(super) fn last(&self, id: u64) -> Option<Instant> {
        lock(&self.heard).get(&id).map(|heard| heard.last)
    }

    /// The newest sign of a member that came before a majority last acknowledged this node as its leader.
    pub(super) fn proven(&self, id: u64) -> Option<Sign> {
        let acked = last_acked(&self.raft.get()?.metrics().borrow_watched())?;
        lock(&self.heard).get_mut(&id)?.proven(acked)
    }
}

impl Heard {
    fn proven(&mut self, acked: Instant) -> Option<Sign> {
        while self.signs.get(1).is_some_and(|(at, _)| *at <= acked) {
            self.signs.pop_front();
        }
        self.signs.front().filter(|(at, _)| *at <= acked).map(|(_, sign)| *sign)
    }
}

/// When a majority last acknowledged the leader that these figures are of.
pub(super) fn last_acked(now: &RaftMetrics<Types>) -> Option<Instant> {
    Instant::now().checked_sub(now.last_quorum_acked?.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_heard_before_a_majority_acknowledged_is_proven() {
        let signs = Signs::new(1);
        let ms = |ms| signs.begin + Duration::from_millis(ms);
        let sign = |ms: u64| Sign { life: 1, after_us: ms * 1_000 };
        let mut heard =
            Heard { last: ms(40), signs: [10, 20, 30, 40].map(|at| (ms(at), sign(at - 5))).into() };
        assert_eq!(heard.proven(ms(9)), None);
        assert_eq!(heard.proven(ms(29)), Some(sign(15)));
        assert_eq!(heard.proven(ms(29)), Some(sign(15)), "it stays proven");
        assert_eq!(heard.proven(ms(40)), Some(sign(35)));
        assert_eq!(heard.signs.len(), 1);
    }

    #[test]
    fn a_sign_is_read_by_the_start_that_gave_it() {
        let signs = Signs::new(1);
        let before = Instant::now();
        let sign = signs.sign();
        let after = Instant::now() + Duration::from_micros(1);
        let read = signs.read(sign).expect("its own");
        assert!((before - Duration::from_micros(1)..=after).contains(&read));
        assert_eq!(Signs::new(2).read(sign), None);
    }
}
