//! What a leader hears from the other members, and what it can prove to each of them.
//!
//! That a follower hears its leader does not mean that the leader hears it: links fail one way, messages
//! come late, and a leader that was deposed goes on talking. A leader gives away the runs of a node that
//! it does not hear from, so a node may go on firing only while it is proven that it was heard.
//!
//! This is the proof. Each answer of a follower to its leader carries a [`Stamp`], an instant on the
//! follower's own clock. The leader sends back the newest stamp that it had when a majority last
//! acknowledged it. So at the instant of a stamp that came back no other leader had been elected, and this
//! one heard from the node later than that. Whoever leads next therefore counts the node's silence from a
//! later instant than the node itself does.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, OnceLock};

use openraft::Instant as _;
use openraft::async_runtime::WatchReceiver as _;
use tokio::time::Instant;

use super::stamp::Stamp;
use crate::lock::lock;
use crate::raft::{Figures, Raft};

/// Stamps of one node that are kept until a majority has acknowledged this leader once more: about two
/// heartbeats' worth. While there are so many, newer ones are not kept.
const STAMPS: usize = 64;

/// What a leader hears from the others.
#[derive(Default)]
pub(crate) struct Followers {
    raft: OnceLock<Raft>,
    heard: Mutex<HashMap<u64, Heard>>,
}

#[derive(Debug)]
struct Heard {
    last: Instant,
    /// Oldest first, each with the instant at which it came.
    stamps: VecDeque<(Instant, Stamp)>,
}

impl Followers {
    /// Whose acknowledgements count.
    pub(crate) fn follow(&self, raft: Raft) {
        // It is set once, at the start.
        let _ = self.raft.set(raft);
    }

    /// A member answered, with this stamp.
    pub(crate) fn note(&self, id: u64, stamp: Stamp) {
        let now = Instant::now();
        let mut heard = lock(&self.heard);
        let heard = heard.entry(id).or_insert_with(|| Heard { last: now, stamps: VecDeque::new() });
        heard.last = now;
        if heard.stamps.len() < STAMPS {
            heard.stamps.push_back((now, stamp));
        }
    }

    /// When a member was last heard from.
    pub(crate) fn last(&self, id: u64) -> Option<Instant> {
        lock(&self.heard).get(&id).map(|heard| heard.last)
    }

    /// The newest stamp of a member that came before a majority last acknowledged this node as its leader.
    pub(crate) fn proven(&self, id: u64) -> Option<Stamp> {
        let acked = last_acked(&self.raft.get()?.metrics().borrow_watched())?;
        lock(&self.heard).get_mut(&id)?.proven(acked)
    }
}

impl Heard {
    fn proven(&mut self, acked: Instant) -> Option<Stamp> {
        while self.stamps.get(1).is_some_and(|(at, _)| *at <= acked) {
            self.stamps.pop_front();
        }
        self.stamps.front().filter(|(at, _)| *at <= acked).map(|(_, stamp)| *stamp)
    }
}

/// When a majority last acknowledged the leader that these figures are of.
pub(crate) fn last_acked(now: &Figures) -> Option<Instant> {
    Instant::now().checked_sub(now.last_quorum_acked?.elapsed())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::presence::stamp::StampClock;

    #[test]
    fn only_what_was_heard_before_a_majority_acknowledged_is_proven() {
        let begin = Instant::now();
        let ms = |ms| begin + Duration::from_millis(ms);
        let stamps: Vec<Stamp> = (1..=4).map(|incarnation| StampClock::new(incarnation).now()).collect();
        let came = [10, 20, 30, 40].map(ms).into_iter().zip(stamps.clone());
        let mut heard = Heard { last: ms(40), stamps: came.collect() };
        assert_eq!(heard.proven(ms(9)), None);
        assert_eq!(heard.proven(ms(29)), Some(stamps[1]));
        assert_eq!(heard.proven(ms(29)), Some(stamps[1]), "it stays proven");
        assert_eq!(heard.proven(ms(40)), Some(stamps[3]));
        assert_eq!(heard.stamps.len(), 1);
    }
}
