use super::*;
use crate::presence::pace::Pace;
use crate::presence::sign::Sign;
use crate::presence::stamp::StampClock;
use chronos_env::Env;

const TIMES: Times = Times {
    reassign_after: Duration::from_secs(5),
    stale_after: Duration::from_secs(2),
    keeps_up: Duration::from_secs(1),
};

/// A voter that does its part.
fn voter(name: &str, now: Instant) -> Facts {
    let sign = Sign {
        stamp: StampClock::new(1, Env::real()).now(),
        applied: Some(9),
        fires: true,
        leaving: false,
        stuck_ms: 0,
        wall_ms: 0,
        disk_full: false,
        differs: false,
    };
    let seen = Some(Seen::of_itself(sign, now));
    Facts {
        id: 1,
        name: NodeName::unchecked(name),
        has_vote: true,
        leads: false,
        silence: Duration::ZERO,
        seen,
    }
}

fn leader(now: Instant) -> Facts {
    Facts { leads: true, ..voter("one", now) }
}

fn seen(facts: &mut Facts) -> &mut Seen {
    facts.seen.as_mut().expect("it was seen")
}

fn names(names: &[NodeName]) -> Vec<&str> {
    names.iter().map(NodeName::as_str).collect()
}

/// One, two and three, of which two is as `change` has it.
fn with_two(now: Instant, change: impl FnOnce(&mut Facts)) -> Judgement {
    let mut two = voter("two", now);
    change(&mut two);
    judge(vec![leader(now), voter("three", now), two], &TIMES, now)
}

#[test]
fn runs_go_to_those_who_answer_keep_up_fire_and_stay() {
    let now = Instant::now();
    let all = with_two(now, |_| ()).view();
    assert_eq!(names(&all.live), ["one", "three", "two"]);
    assert!(all.may_plan && all.passed_over.is_empty());
    type Change = fn(&mut Facts);
    let cases: [(Change, PassedOver); 10] = [
        (|two| two.seen = None, PassedOver::Unheard),
        (|two| seen(two).answered = TIMES.keeps_up, PassedOver::Unheard),
        (|two| seen(two).sign.disk_full = true, PassedOver::DiskFull),
        (|two| seen(two).sign.differs = true, PassedOver::Differs),
        (|two| seen(two).clock = Offset { ms: -2_100, error_ms: 50 }, PassedOver::ClockOff),
        // It has nothing yet, and began to take in what there is only now, or a while ago.
        (|two| seen(two).pace = Pace::new(10, Instant::now()), PassedOver::Unheard),
        (|two| seen(two).pace = Pace::new(10, Instant::now() - Duration::from_secs(2)), PassedOver::Behind),
        (
            |two| {
                let now = Instant::now();
                seen(two).pace.note(9, 10, now);
                seen(two).sign.stuck_ms = 1_001;
            },
            PassedOver::Behind,
        ),
        (|two| seen(two).sign.fires = false, PassedOver::DoesNotFire),
        // What weighs most is said.
        (
            |two| {
                seen(two).sign.fires = false;
                seen(two).sign.disk_full = true;
            },
            PassedOver::DiskFull,
        ),
    ];
    for (change, why) in cases {
        let view = with_two(now, change).view();
        assert_eq!(names(&view.live), ["one", "three"], "{why:?}");
        assert_eq!(view.passed_over, [(NodeName::unchecked("two"), why)]);
        assert!(view.may_plan && view.silent.is_empty() && view.leaving.is_empty());
    }
    let leaving = with_two(now, |two| seen(two).sign.leaving = true).view();
    assert_eq!((names(&leaving.live), names(&leaving.leaving)), (vec!["one", "three"], vec!["two"]));
    for (silence, is_silent) in [(5_499, false), (5_500, true)] {
        let view = with_two(now, |two| two.silence = Duration::from_millis(silence)).view();
        assert_eq!(names(&view.silent) == ["two"], is_silent, "{view:?}");
    }
}

#[test]
fn who_only_does_not_fire_may_vote_and_lead_and_who_lacks_something_may_not() {
    let now = Instant::now();
    let well = |change: fn(&mut Facts)| with_two(now, change).well().contains(&NodeName::unchecked("two"));
    assert!(well(|two| seen(two).sign.fires = false));
    assert!(!well(|two| seen(two).sign.disk_full = true));
    assert!(!well(|two| seen(two).sign.differs = true));
    assert!(!well(|two| seen(two).sign.leaving = true));
    assert!(!well(|two| two.silence = Duration::from_secs(6)));
}

#[test]
fn where_nobody_does_all_of_its_part_they_fire_who_do_most_of_it() {
    let now = Instant::now();
    let view = |changes: [fn(&mut Facts); 2]| {
        let mut members = [leader(now), voter("two", now)];
        for (member, change) in members.iter_mut().zip(changes) {
            change(member);
        }
        judge(members.into(), &TIMES, now).view()
    };
    // Both have just started.
    let started = view([|one| seen(one).sign.fires = false, |two| seen(two).sign.fires = false]);
    assert_eq!(names(&started.live), ["one", "two"]);
    assert!(started.passed_over.is_empty());
    let full = view([|one| seen(one).sign.disk_full = true, |two| seen(two).sign.fires = false]);
    assert_eq!(names(&full.live), ["two"]);
    assert_eq!(full.passed_over, [(NodeName::unchecked("one"), PassedOver::DiskFull)]);
    let alone = view([|one| seen(one).sign.disk_full = true, |two| two.seen = None]);
    assert_eq!(names(&alone.live), ["one"]);
    assert_eq!(alone.passed_over, [(NodeName::unchecked("two"), PassedOver::Unheard)]);
    // It would not fire, however few others there are.
    let differs = view([|one| seen(one).sign.differs = true, |two| seen(two).sign.disk_full = true]);
    assert_eq!(names(&differs.live), ["two"]);
    let differs = view([|one| seen(one).sign.differs = true, |two| two.seen = None]);
    assert!(differs.live.is_empty());
}

#[test]
fn a_leader_whose_state_differs_plans_nothing_and_hands_over_if_another_can_lead() {
    let now = Instant::now();
    let judged = |change: fn(&mut Facts)| {
        let mut members = [leader(now), voter("two", now), voter("three", now)];
        seen(&mut members[0]).sign.differs = true;
        members[1..].iter_mut().for_each(change);
        judge(members.into(), &TIMES, now)
    };
    let differs = judged(|_| ());
    assert_eq!(differs.hands_over(), Some(HandOver::Differs));
    assert!(!differs.view().may_plan);
    assert_eq!(names(&differs.view().live), ["three", "two"]);
    let stays = judged(|other| seen(other).sign.disk_full = true);
    assert!(stays.hands_over().is_none() && stays.view().may_plan);
}

#[test]
fn a_voter_whose_state_differs_counts_for_a_majority() {
    let now = Instant::now();
    let mut two = voter("two", now);
    seen(&mut two).sign.differs = true;
    let three = Facts { seen: None, ..voter("three", now) };
    let view = judge(vec![leader(now), two, three], &TIMES, now).view();
    assert!(view.may_plan, "its log is as good as any");
    assert_eq!(names(&view.live), ["one"]);
}

#[test]
fn a_leader_whose_clock_is_off_plans_nothing_and_hands_over_if_another_can_lead() {
    let now = Instant::now();
    let judged = |clocks: [i64; 3], changes: fn(&mut Facts)| {
        let mut members = [leader(now), voter("two", now), voter("three", now)];
        for (member, ms) in members.iter_mut().zip(clocks) {
            seen(member).clock = Offset { ms, error_ms: 50 };
        }
        members[1..].iter_mut().for_each(changes);
        judge(members.into(), &TIMES, now)
    };
    let ahead = judged([0, -86_400_000, -86_400_050], |_| ());
    assert_eq!(ahead.hands_over(), Some(HandOver::ClockOff(86_400_000)));
    let view = ahead.view();
    assert_eq!(names(&view.live), ["three", "two"]);
    assert_eq!(view.passed_over, [(NodeName::unchecked("one"), PassedOver::ClockOff)]);
    assert!(!view.may_plan);
    // There is nobody who could lead instead, or nobody can tell who is right.
    let stays = judged([0, -9_000, -9_000], |other| seen(other).sign.disk_full = true);
    assert!(stays.hands_over().is_none() && stays.view().may_plan);
    let undecided = judged([0, -9_000, 9_000], |_| ());
    assert!(undecided.hands_over().is_none() && undecided.view().may_plan);
    assert_eq!(names(&undecided.view().live), ["one", "three", "two"]);
}

#[test]
fn a_new_leader_plans_nothing_before_a_majority_has_answered_it() {
    let now = Instant::now();
    let unheard = |name: &str| Facts { seen: None, ..voter(name, now) };
    let plans = |others: [Facts; 2]| {
        let [two, three] = others;
        judge(vec![leader(now), two, three], &TIMES, now).view().may_plan
    };
    assert!(!plans([unheard("two"), unheard("three")]));
    assert!(plans([voter("two", now), unheard("three")]));
    let learners = [unheard("two"), unheard("three")].map(|other| Facts { has_vote: false, ..other });
    assert!(plans(learners), "the only voter asks nobody");
}
