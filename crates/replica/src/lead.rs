//! [`Lead`]: what a node knows of the lead beside what openraft tells it.
//!
//! openraft waits for the disk when it is to take down another node's vote, and does nothing meanwhile. A leader whose
//! disk hangs is deposed in just that way: it would go on thinking that it leads. So what a leader sends is looked at
//! before openraft gets it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::error::ProposeError;
use crate::lock::lock;
use crate::types::{LeaderId, Vote};

/// What a leader said of its commits counts for so long. It says it with each heartbeat.
const WORD_HOLDS: Duration = Duration::from_secs(2);

/// Why this leader takes no writes, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    /// Another node is to lead.
    GivesUp(String),
    /// Its storage stands still, and no other node could do better.
    Hangs(String),
}

impl Halt {
    /// How a write is refused.
    pub(crate) fn refusal(&self) -> ProposeError {
        match self {
            Self::GivesUp(_) => ProposeError::NoLeader { leader: None },
            Self::Hangs(why) => ProposeError::Busy(why.clone()),
        }
    }

    /// What is said of a write that is under way.
    pub(crate) fn unknown(&self) -> ProposeError {
        let (Self::GivesUp(why) | Self::Hangs(why)) = self;
        ProposeError::Unknown(why.clone())
    }
}

/// Who leads by what was heard, and whether this node gives up the lead.
#[derive(Debug, Default)]
pub(crate) struct Lead {
    /// The newest leader that has sent something to this node.
    heard: watch::Sender<Option<LeaderId>>,
    /// How long that leader's oldest entry had not been committed and applied, and when it said so.
    word: Mutex<Option<(Instant, Duration)>>,
    halt: watch::Sender<Option<Halt>>,
    is_quiet: AtomicBool,
}

impl Lead {
    /// A leader of this vote has sent something to this node. The oldest of its entries had waited for so long to be
    /// committed and applied.
    pub(crate) fn heard(&self, vote: &Vote, stalled: Duration) {
        self.heard.send_if_modified(|known| {
            let is_newer = known.is_none_or(|known| vote.leader_id > known);
            if is_newer {
                *known = Some(vote.leader_id);
            }
            is_newer
        });
        if *self.heard.borrow() == Some(vote.leader_id) {
            *lock(&self.word) = Some((Instant::now(), stalled));
        }
    }

    /// Follows the newest leader that was heard.
    pub(crate) fn newest(&self) -> watch::Receiver<Option<LeaderId>> {
        self.heard.subscribe()
    }

    /// The leader that has deposed the one which openraft knows by this vote, if one was heard.
    pub(crate) fn deposed_by(&self, vote: &Vote) -> Option<LeaderId> {
        self.heard.borrow().filter(|heard| *heard > vote.leader_id)
    }

    /// How long the leader's oldest entry has waited, as it said itself lately.
    pub(crate) fn stalled(&self) -> Duration {
        let word = *lock(&self.word);
        word.filter(|(at, _)| at.elapsed() < WORD_HOLDS).map_or(Duration::ZERO, |(_, stalled)| stalled)
    }

    /// Why this leader takes no writes, while it takes none.
    pub(crate) fn halted(&self) -> watch::Receiver<Option<Halt>> {
        self.halt.subscribe()
    }

    /// This leader takes no writes, or it takes them again. The first reason stands until then, unless the lead is
    /// given up.
    pub(crate) fn halt(&self, why: Option<Halt>) {
        self.halt.send_if_modified(|known| {
            let is_same = match (&*known, &why) {
                (None, None) | (Some(Halt::Hangs(_)), Some(Halt::Hangs(_))) => true,
                (known, why) => *known == *why,
            };
            if !is_same {
                *known = why;
            }
            !is_same
        });
    }

    /// From now on this node sends its followers nothing, so that they elect another leader; or it speaks again.
    pub(crate) fn fall_silent(&self, is_quiet: bool) {
        self.is_quiet.store(is_quiet, Ordering::Relaxed);
    }

    /// Whether nothing is to be sent to followers.
    pub(crate) fn is_quiet(&self) -> bool {
        self.is_quiet.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::codec::at;

    fn vote(term: u64) -> Vote {
        Vote { leader_id: at(term, 9, 0).leader_id, committed: true }
    }

    #[tokio::test(start_paused = true)]
    async fn the_newest_leader_that_was_heard_counts_and_its_word_for_a_while() {
        let lead = Lead::default();
        let own = vote(3);
        assert_eq!(lead.deposed_by(&own), None);
        lead.heard(&vote(4), Duration::from_secs(7));
        lead.heard(&vote(2), Duration::from_secs(99));
        assert_eq!(lead.deposed_by(&own), Some(vote(4).leader_id));
        assert_eq!(lead.deposed_by(&vote(4)), None, "openraft knows");
        assert_eq!(lead.stalled(), Duration::from_secs(7));
        tokio::time::advance(WORD_HOLDS).await;
        assert_eq!(lead.stalled(), Duration::ZERO);
    }

    #[test]
    fn writes_are_refused_for_the_first_reason_until_the_lead_is_given_up() {
        let lead = Lead::default();
        let mut halted = lead.halted();
        let mut is_news = |why: Option<Halt>| {
            lead.halt(why);
            let is_news = halted.has_changed().expect("it is there");
            halted.borrow_and_update();
            is_news
        };
        let hangs = |why: &str| Some(Halt::Hangs(why.to_owned()));
        assert!(!is_news(None));
        assert!(is_news(hangs("5 s")));
        assert!(!is_news(hangs("6 s")));
        assert!(is_news(Some(Halt::GivesUp("it hangs".to_owned()))));
        assert!(is_news(None));
    }
}
