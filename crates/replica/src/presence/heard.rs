//! [`Heard`]: what a leader has heard from one member in its term.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::clocks::Offset;
use super::judge::Verdict;
use super::meter::Meter;
use super::pace::Pace;
use super::sign::Sign;
use super::stamp::Stamp;

/// Stamps of one node that are kept until a majority has acknowledged this leader once more: about two
/// heartbeats' worth. While there are so many, newer ones are not kept.
const STAMPS: usize = 64;
/// An unsure reading of a clock does not take the place of a sure one that is newer than this.
const READING_HOLDS: Duration = Duration::from_secs(1);

/// An answer of a member, and what its leader knows beside it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub sign: Sign,
    /// When the request was sent.
    pub sent: Instant,
    /// What the entries in it took.
    pub bytes: u64,
}

/// Where the leader itself stands when an answer comes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Here {
    pub now: Instant,
    /// What its clock says, in milliseconds since the Unix epoch.
    pub wall_ms: i64,
    /// How many entries it has applied.
    pub applied: u64,
}

/// What a leader has heard from one member in its term.
#[derive(Debug)]
pub(crate) struct Heard {
    /// When it was last heard from doing its part, if it was.
    counted: Option<Instant>,
    /// Oldest first, each with the instant at which it came.
    stamps: VecDeque<(Instant, Stamp)>,
    /// When it last answered.
    answered: Instant,
    /// When the request was sent whose answer is the newest.
    sent: Instant,
    sign: Sign,
    pace: Pace,
    clock: Offset,
    read_at: Instant,
    meter: Meter,
    /// Whether its clock is off from the majority's.
    clock_is_off: bool,
    /// Since when it has done its part without a break.
    well_since: Option<Instant>,
    /// Whether the leader gives away what it holds.
    is_silent: bool,
}

/// A member as its answers show it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub sign: Sign,
    /// When it was last heard from doing its part.
    pub counted: Option<Instant>,
    /// How long ago it last answered.
    pub answered: Duration,
    pub pace: Pace,
    pub clock: Offset,
    /// Bytes of entries that it takes in a second.
    pub rate: u64,
}

impl Heard {
    /// The first answer of a member.
    pub(crate) fn new(answer: &Answer, here: &Here) -> Self {
        let Answer { sign, sent, .. } = *answer;
        Self {
            counted: None,
            stamps: VecDeque::new(),
            answered: here.now,
            sent,
            sign,
            pace: Pace::new(here.applied, here.now),
            clock: Offset::of(sign.wall_ms, here.wall_ms, here.now.saturating_duration_since(sent)),
            read_at: here.now,
            meter: Meter::new(here.now),
            clock_is_off: false,
            well_since: None,
            is_silent: false,
        }
    }

    /// A member answered. Says whether something is to be judged anew for it, and not at the next look. It counts as
    /// heard from, and gets the stamp back, only while it does its part: one that applied nothing for `patience` must
    /// fence itself, and so must one whose clock is off. One whose state differs has done so already. Nor does one get the
    /// stamp back whose runs go to others at this moment: it is judged anew first.
    pub(crate) fn note(&mut self, answer: &Answer, here: &Here, patience: Duration) -> bool {
        let Answer { sign, sent, bytes } = *answer;
        let now = here.now;
        self.answered = now;
        self.meter.add(bytes, now);
        let mut is_news = false;
        // Answers may overtake each other.
        if sent >= self.sent {
            is_news = sign.says_else(&self.sign);
            (self.sent, self.sign) = (sent, sign);
            self.pace.note(sign.entries(), here.applied, now);
            let clock = Offset::of(sign.wall_ms, here.wall_ms, now.saturating_duration_since(sent));
            if clock.is_sure() || now.saturating_duration_since(self.read_at) >= READING_HOLDS {
                is_news |= clock.is_off(0) != self.clock.is_off(0);
                (self.clock, self.read_at) = (clock, now);
            }
        }
        let is_right = !self.clock_is_off && !self.sign.differs;
        if is_right && applies(&self.sign, &self.pace, patience, now) {
            self.counted = Some(now);
            is_news |= self.is_silent;
            if !self.is_silent && self.stamps.len() < STAMPS {
                self.stamps.push_back((now, sign.stamp));
            }
        }
        is_news
    }

    /// Whether it last said that it was about to stop.
    pub(crate) fn is_leaving(&self) -> bool {
        self.sign.leaving
    }

    /// Whether it says, in an answer to what was sent since this instant, that it has applied all entries before `needs`.
    pub(crate) fn has_applied(&self, needs: u64, since: Instant) -> bool {
        self.sent >= since && self.sign.entries() >= needs
    }

    /// The leader has judged the member.
    pub(crate) fn judged(&mut self, clock_is_off: bool, verdict: Verdict, now: Instant) {
        self.clock_is_off = clock_is_off;
        self.well_since = verdict.is_well().then(|| self.well_since.unwrap_or(now));
        self.is_silent = verdict == Verdict::Silent;
        if self.is_silent {
            self.stamps.clear();
        }
    }

    /// Whether the member has done its part for this long.
    pub(crate) fn is_steady(&self, time: Duration, now: Instant) -> bool {
        self.well_since.is_some_and(|since| now.saturating_duration_since(since) >= time)
    }

    /// The newest stamp that came before this instant.
    pub(crate) fn proven(&mut self, acked: Instant) -> Option<Stamp> {
        while self.stamps.get(1).is_some_and(|(at, _)| *at <= acked) {
            self.stamps.pop_front();
        }
        self.stamps.front().filter(|(at, _)| *at <= acked).map(|(_, stamp)| *stamp)
    }

    /// The member as it is seen now.
    pub(crate) fn seen(&self, now: Instant) -> Seen {
        let Self { sign, counted, pace, clock, .. } = *self;
        let answered = now.saturating_duration_since(self.answered);
        Seen { sign, counted, answered, pace, clock, rate: self.meter.rate(now) }
    }
}

impl Seen {
    /// A leader, as it sees itself.
    pub(crate) fn of_itself(sign: Sign, now: Instant) -> Self {
        let mut pace = Pace::new(0, now);
        pace.note(0, 0, now);
        let (counted, answered) = (Some(now), Duration::ZERO);
        Self { sign, counted, answered, pace, clock: Offset::default(), rate: 0 }
    }

    /// Whether it applies what the leader has applied, within this time.
    pub(crate) fn keeps_up(&self, within: Duration, now: Instant) -> bool {
        self.pace.keeps_up(within, now) && applies(&self.sign, &self.pace, within, now)
    }

    /// Whether it applies anything, within this time.
    pub(crate) fn applies(&self, within: Duration, now: Instant) -> bool {
        applies(&self.sign, &self.pace, within, now)
    }

    /// For how long it has lacked something that the leader has applied.
    pub(crate) fn lag(&self, now: Instant) -> Duration {
        let stuck =
            if self.pace.behind() > 0 { Duration::from_millis(self.sign.stuck_ms) } else { Duration::ZERO };
        self.pace.lag(now).max(stuck)
    }
}

/// What a node has in its log and has not applied counts against it only where it lacks something that the leader has
/// applied: entries that nobody can commit wait everywhere.
fn applies(sign: &Sign, pace: &Pace, within: Duration, now: Instant) -> bool {
    let is_stuck = pace.behind() > 0 && Duration::from_millis(sign.stuck_ms) > within;
    !is_stuck && pace.lag(now) <= within
}

#[cfg(test)]
mod tests;
