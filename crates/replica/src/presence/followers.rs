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
//!
//! A node that answers and does not do its part is to give up its runs like one that is not heard from. So the
//! leader passes over what it says: its stamps do not go back, and it is silent in the end.
//!
//! What was heard in one term counts in no other.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use chronos_env::{Bug, Env};
use openraft::Instant as _;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::heard::{Answer, Heard, Here, Seen};
use super::judge::Verdict;
use super::stamp::Stamp;
use crate::lock::lock;
use crate::log::tail::next;
use crate::raft::{Figures, Raft, look_at};

/// What a leader hears from the others.
pub(crate) struct Followers {
    env: Env,
    /// A member that applies nothing for so long does not count as heard from.
    patience: Duration,
    raft: OnceLock<Raft>,
    term: Mutex<Term>,
    /// A member answered so that it is to be judged anew.
    news: Notify,
}

/// A leader that has not looked for so long was away itself: its process was stopped. It looks four times a second.
const AWAY: Duration = Duration::from_secs(1);

/// What was heard in one term.
struct Term {
    term: u64,
    /// When this node knew of it.
    since: Instant,
    /// When it last looked at the members, and since when it has done so again and again.
    looked: Instant,
    awake_since: Instant,
    members: HashMap<u64, Heard>,
}

impl Term {
    fn new(term: u64) -> Self {
        let now = Instant::now();
        Self { term, since: now, looked: now, awake_since: now, members: HashMap::new() }
    }

    /// Forgets the terms before this one.
    fn begin(&mut self, term: u64) {
        if term > self.term {
            *self = Self::new(term);
        }
    }
}

/// What a leader knows of the members when it looks.
pub(crate) struct Look {
    /// Since when this node knows that it leads in its term.
    pub since: Instant,
    /// Since when it has not been away. What was sent to it meanwhile has yet to be read: that it has heard from nobody
    /// says nothing about the others.
    pub awake_since: Instant,
    /// The members that have answered in this term.
    pub seen: HashMap<u64, Seen>,
}

impl Followers {
    /// A member that applies nothing for `patience` does not count as heard from.
    pub(crate) fn new(env: Env, patience: Duration) -> Self {
        let term = Mutex::new(Term::new(0));
        Self { env, patience, raft: OnceLock::new(), term, news: Notify::new() }
    }

    /// Whose acknowledgements count.
    pub(crate) fn follow(&self, raft: Raft) {
        // It is set once, at the start.
        let _ = self.raft.set(raft);
    }

    /// A member answered what was sent to it in this term.
    pub(crate) fn note(&self, id: u64, term: u64, answer: &Answer) {
        let applied = self.raft.get().and_then(|raft| look_at(&raft.metrics(), |now| now.last_applied));
        let mut heard = lock(&self.term);
        heard.begin(term);
        if heard.term != term {
            return;
        }
        // The clock first: what comes between makes a journey longer, and never a clock wrong.
        let wall_ms = self.env.now();
        let here = Here { now: Instant::now(), wall_ms, applied: next(applied.as_ref()) };
        let is_new = !heard.members.contains_key(&id);
        let member = heard.members.entry(id).or_insert_with(|| Heard::new(answer, &here));
        let mut answer = *answer;
        answer.sign.leaving |= self.env.has(Bug::ForgetsNothingAboutLeaving) && member.is_leaving();
        if member.note(&answer, &here, self.patience) || is_new {
            self.news.notify_one();
        }
    }

    /// Waits until the members are to be judged anew.
    pub(crate) async fn news(&self) {
        self.news.notified().await;
    }

    /// Has whoever waits for news look.
    pub(crate) fn wake(&self) {
        self.news.notify_one();
    }

    /// Looks at the members.
    pub(crate) fn look(&self, term: u64, now: Instant) -> Look {
        let mut heard = lock(&self.term);
        heard.begin(term);
        if heard.term != term {
            return Look { since: now, awake_since: now, seen: HashMap::new() };
        }
        if now.saturating_duration_since(heard.looked) > AWAY {
            heard.awake_since = now;
        }
        heard.looked = now;
        let seen = heard.members.iter().map(|(id, member)| (*id, member.seen(now))).collect();
        Look { since: heard.since, awake_since: heard.awake_since, seen }
    }

    /// The leader of this term has judged a member.
    pub(crate) fn judged(&self, id: u64, term: u64, clock_is_off: bool, verdict: Verdict) {
        let mut heard = lock(&self.term);
        if heard.term == term
            && let Some(member) = heard.members.get_mut(&id)
        {
            member.judged(clock_is_off, verdict, Instant::now());
        }
    }

    /// Whether a member has done its part for this long.
    pub(crate) fn is_steady(&self, id: u64, time: Duration) -> bool {
        lock(&self.term).members.get(&id).is_some_and(|member| member.is_steady(time, Instant::now()))
    }

    /// Whether a member says that its state is not that of most nodes.
    pub(crate) fn differs(&self, id: u64) -> bool {
        lock(&self.term).members.get(&id).is_some_and(|member| member.seen(Instant::now()).sign.differs)
    }

    /// Whether a member says, in an answer to what was sent to it since this instant, that it has applied all entries
    /// before `needs`.
    pub(crate) fn has_applied(&self, id: u64, term: u64, needs: u64, since: Instant) -> bool {
        let heard = lock(&self.term);
        heard.term == term && heard.members.get(&id).is_some_and(|member| member.has_applied(needs, since))
    }

    /// Whether a member answered within this time. An answer comes once all that was sent before is on its disk.
    pub(crate) fn has_answered(&self, id: u64, within: Duration) -> bool {
        let term = lock(&self.term);
        term.members.get(&id).is_some_and(|member| member.seen(Instant::now()).answered < within)
    }

    /// The newest stamp of a member that came before a majority last acknowledged this node as its leader.
    pub(crate) fn proven(&self, id: u64) -> Option<Stamp> {
        let acked = look_at(&self.raft.get()?.metrics(), last_acked)?;
        lock(&self.term).members.get_mut(&id)?.proven(acked)
    }
}

/// When a majority last acknowledged the leader that these figures are of.
pub(crate) fn last_acked(now: &Figures) -> Option<Instant> {
    Instant::now().checked_sub(now.last_quorum_acked?.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leader_that_was_away_counts_the_silence_of_others_from_its_return() {
        let followers = Followers::new(Env::real(), Duration::from_secs(5));
        let begun = Instant::now();
        let awake_since = |ms| {
            let now = begun + Duration::from_millis(ms);
            followers.look(1, now).awake_since.saturating_duration_since(begun).as_millis()
        };
        assert_eq!(awake_since(1), 0, "it has just begun to look");
        assert_eq!([250, 500, 1_250].map(awake_since), [0, 0, 0]);
        // Its process was stopped for seven seconds.
        assert_eq!([8_250, 8_500].map(awake_since), [8_250, 8_250]);
    }
}
