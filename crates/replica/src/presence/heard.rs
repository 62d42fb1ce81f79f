//! [`Heard`]: what a leader has heard from one member in its term.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::clocks::Offset;
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
        }
    }

    /// A member answered. Says whether it tells of itself what it did not before. It counts as heard from, and gets
    /// the stamp back, only while it does its part: one that applied nothing for `patience` must fence itself, and so
    /// must one whose clock is off.
    pub(crate) fn note(&mut self, answer: &Answer, here: &Here, patience: Duration) -> bool {
        let Answer { sign, sent, bytes } = *answer;
        let now = here.now;
        self.answered = now;
        self.meter.add(bytes, now);
        let mut says_else = false;
        // Answers may overtake each other.
        if sent >= self.sent {
            says_else = sign.says_else(&self.sign);
            (self.sent, self.sign) = (sent, sign);
            self.pace.note(sign.applied.map_or(0, |index| index + 1), here.applied, now);
            let clock = Offset::of(sign.wall_ms, here.wall_ms, now.saturating_duration_since(sent));
            if clock.is_sure() || now.saturating_duration_since(self.read_at) >= READING_HOLDS {
                (self.clock, self.read_at) = (clock, now);
            }
        }
        if !self.clock_is_off && applies(&self.sign, &self.pace, patience, now) {
            self.counted = Some(now);
            if self.stamps.len() < STAMPS {
                self.stamps.push_back((now, sign.stamp));
            }
        }
        says_else
    }

    /// The leader has judged the member.
    pub(crate) fn judged(&mut self, clock_is_off: bool, is_well: bool, now: Instant) {
        self.clock_is_off = clock_is_off;
        self.well_since = is_well.then(|| self.well_since.unwrap_or(now));
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
        let stuck = if self.pace.behind() > 0 { Duration::from_millis(self.sign.stuck_ms) } else { Duration::ZERO };
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
mod tests {
    use super::*;
    use crate::presence::stamp::StampClock;

    const PATIENCE: Duration = Duration::from_secs(5);

    /// One member, and its leader, which has applied ten entries.
    struct Bench {
        begin: Instant,
        heard: Option<Heard>,
    }

    impl Bench {
        fn new() -> Self {
            Self { begin: Instant::now(), heard: None }
        }

        fn at(&self, ms: u64) -> Instant {
            self.begin + Duration::from_millis(ms)
        }

        /// The member answers, with a stamp of that number: it has applied so many entries, and its oldest is of that
        /// age.
        fn answer(&mut self, ms: u64, number: u64, applied: u64, stuck_ms: u64) -> Stamp {
            let stamp = StampClock::new(number).now();
            let sign = Sign {
                stamp,
                applied: applied.checked_sub(1),
                fires: true,
                leaving: false,
                stuck_ms,
                wall_ms: 0,
                disk_full: false,
            };
            let answer = Answer { sign, sent: self.at(ms), bytes: 0 };
            let here = Here { now: self.at(ms), wall_ms: 0, applied: 10 };
            let heard = self.heard.get_or_insert_with(|| Heard::new(&answer, &here));
            heard.note(&answer, &here, PATIENCE);
            stamp
        }

        fn proven(&mut self, ms: u64) -> Option<Stamp> {
            let acked = self.at(ms);
            self.heard.as_mut()?.proven(acked)
        }

        /// How many milliseconds ago the member was last heard from in a way that counts.
        fn counted(&self, ms: u64) -> Option<u128> {
            let now = self.at(ms);
            let counted = self.heard.as_ref()?.seen(now).counted?;
            Some(now.saturating_duration_since(counted).as_millis())
        }
    }

    #[test]
    fn only_what_was_heard_before_a_majority_acknowledged_is_proven() {
        let mut bench = Bench::new();
        let stamps = [10, 20, 30, 40].map(|ms| bench.answer(ms, ms, 10, 0));
        assert_eq!(bench.proven(9), None);
        assert_eq!(bench.proven(29), Some(stamps[1]));
        assert_eq!(bench.proven(29), Some(stamps[1]), "it stays proven");
        assert_eq!(bench.proven(40), Some(stamps[3]));
        assert_eq!(bench.heard.expect("heard").stamps.len(), 1);
    }

    #[test]
    fn who_is_heard_and_applies_nothing_gets_no_stamp_back_after_a_while() {
        let mut bench = Bench::new();
        let mut last = bench.answer(0, 1, 7, 0);
        for second in 1..=5 {
            last = bench.answer(second * 1_000, second + 1, 7, 0);
        }
        for second in 6..=10 {
            bench.answer(second * 1_000, second + 1, 7, 0);
        }
        assert_eq!(bench.proven(10_000), Some(last), "the one of the fifth second");
        assert_eq!(bench.counted(10_000), Some(5_000));
        // It comes to where the leader is.
        let back = bench.answer(11_000, 12, 10, 0);
        assert_eq!(bench.proven(11_000), Some(back));
        assert_eq!(bench.counted(11_000), Some(0));
    }

    #[test]
    fn a_new_leader_goes_by_how_long_a_member_says_it_has_been_stuck() {
        let mut bench = Bench::new();
        bench.answer(0, 1, 7, 6_000);
        assert_eq!((bench.counted(0), bench.proven(0)), (None, None));
        // Nobody has applied what it waits for: it cannot be committed.
        let waits = bench.answer(100, 2, 10, 6_000);
        assert_eq!(bench.proven(100), Some(waits));
    }

    #[test]
    fn who_joins_and_gets_on_counts_however_far_it_is_behind_at_first() {
        let mut bench = Bench::new();
        for second in 0..4 {
            bench.answer(second * 1_000, second, second, 0);
        }
        assert_eq!(bench.counted(3_000), Some(0));
        let seen = bench.heard.as_ref().expect("heard").seen(bench.at(3_000));
        assert_eq!((seen.pace.behind(), seen.keeps_up(PATIENCE, bench.at(3_000))), (7, false));
    }

    #[test]
    fn whose_clock_is_off_gets_no_stamp_back_and_is_steady_only_after_it_is_not() {
        let mut bench = Bench::new();
        let first = bench.answer(0, 1, 10, 0);
        let judged = |bench: &mut Bench, ms: u64, is_off: bool| {
            let now = bench.at(ms);
            let heard = bench.heard.as_mut().expect("heard");
            heard.judged(is_off, !is_off, now);
            heard.is_steady(PATIENCE, now)
        };
        assert!(!judged(&mut bench, 0, false));
        assert!(judged(&mut bench, 5_000, false));
        assert!(!judged(&mut bench, 5_100, true));
        bench.answer(5_200, 2, 10, 0);
        assert_eq!(bench.proven(6_000), Some(first));
        assert!(!judged(&mut bench, 6_000, false) && !judged(&mut bench, 10_999, false));
        let back = bench.answer(10_999, 3, 10, 0);
        assert_eq!(bench.proven(11_000), Some(back));
        assert!(judged(&mut bench, 11_000, false));
    }

    #[test]
    fn an_answer_that_was_overtaken_says_nothing_of_the_member() {
        let mut bench = Bench::new();
        bench.answer(100, 1, 10, 0);
        let sign = bench.heard.as_ref().expect("heard").sign;
        let late = Answer { sign: Sign { leaving: true, ..sign }, sent: bench.at(0), bytes: 0 };
        let here = Here { now: bench.at(200), wall_ms: 0, applied: 10 };
        assert!(!bench.heard.as_mut().expect("heard").note(&late, &here, PATIENCE));
        let seen = bench.heard.as_ref().expect("heard").seen(bench.at(200));
        assert!(!seen.sign.leaving);
        assert_eq!(seen.answered, Duration::ZERO, "it was heard all the same");
    }
}
