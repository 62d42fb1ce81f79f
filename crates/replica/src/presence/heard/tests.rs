use super::*;
use crate::presence::stamp::StampClock;
use crate::presence::view::PassedOver;
use chronos_env::Env;

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
        let stamp = StampClock::new(number, Env::real()).now();
        let sign = Sign {
            stamp,
            applied: applied.checked_sub(1),
            fires: true,
            leaving: false,
            stuck_ms,
            wall_ms: 0,
            disk_full: false,
            differs: false,
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
fn who_is_heard_again_while_its_runs_go_to_others_gets_no_stamp_back_before_it_is_judged_anew() {
    let mut bench = Bench::new();
    bench.answer(0, 1, 10, 0);
    assert!(bench.proven(0).is_some());
    let judged = |bench: &mut Bench, verdict| {
        let now = bench.at(9_000);
        bench.heard.as_mut().expect("heard").judged(false, verdict, now);
    };
    judged(&mut bench, Verdict::Silent);
    assert_eq!(bench.proven(9_000), None);
    bench.answer(9_100, 2, 10, 0);
    assert_eq!(bench.proven(9_100), None);
    assert_eq!(bench.counted(9_100), Some(0), "by this it is judged");
    judged(&mut bench, Verdict::Live);
    let last = bench.answer(9_200, 3, 10, 0);
    assert_eq!(bench.proven(9_200), Some(last));
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
        let verdict = if is_off { Verdict::PassedOver(PassedOver::ClockOff) } else { Verdict::Live };
        heard.judged(is_off, verdict, now);
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
fn whose_state_differs_gets_no_stamp_back_though_it_answers_and_applies() {
    let mut bench = Bench::new();
    let first = bench.answer(0, 1, 10, 0);
    let sign = bench.heard.as_ref().expect("heard").sign;
    let stamps = StampClock::new(1, Env::real());
    let mut answer = |ms: u64, differs: bool| {
        let stamp = stamps.now();
        let answer = Answer { sign: Sign { stamp, differs, ..sign }, sent: bench.at(ms), bytes: 0 };
        let here = Here { now: bench.at(ms), wall_ms: 0, applied: 10 };
        let is_news = bench.heard.as_mut().expect("heard").note(&answer, &here, PATIENCE);
        (stamp, is_news, bench.proven(ms), bench.counted(ms))
    };
    let (_, is_news, proven, counted) = answer(100, true);
    assert!(is_news, "its leader judges it at once");
    assert_eq!((proven, counted), (Some(first), Some(100)));
    let (_, is_news, proven, counted) = answer(9_000, true);
    assert_eq!((is_news, proven, counted), (false, Some(first), Some(9_000)));
    // Its state was replaced.
    let (back, is_news, proven, counted) = answer(9_100, false);
    assert_eq!((is_news, proven, counted), (true, Some(back), Some(0)));
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
