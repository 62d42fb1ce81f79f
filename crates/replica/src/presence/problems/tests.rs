use chronos_env::Env;
use chronos_types::NodeName;

use super::*;
use crate::presence::heard::{Answer, Heard, Here};
use crate::presence::judge::judge;
use crate::presence::sign::Sign;
use crate::presence::stamp::StampClock;

const TIMES: Times = Times {
    reassign_after: Duration::from_secs(5),
    stale_after: Duration::from_secs(2),
    keeps_up: Duration::from_secs(1),
};

/// What is said of n2 after it has answered for some seconds, at last `silent_ms` ago: `change` says what is wrong
/// with it, and how many entries it has applied of 20,000. Its clock is right where it says 0.
fn said(seconds: u64, silent_ms: u64, bytes: u64, change: impl Fn(&mut Sign)) -> Vec<String> {
    let begin = Instant::now();
    let mut sign = Sign {
        stamp: StampClock::new(1, Env::real()).now(),
        applied: Some(19_999),
        fires: true,
        leaving: false,
        stuck_ms: 0,
        wall_ms: 0,
        disk_full: false,
        differs: false,
    };
    let right = sign;
    change(&mut sign);
    let heard = |sign: Sign| {
        let mut heard = None::<Heard>;
        for second in 0..=seconds {
            let now = begin + Duration::from_secs(second);
            let answer = Answer { sign, sent: now, bytes };
            let here = Here { now, wall_ms: 0, applied: 20_000 };
            let heard = heard.get_or_insert_with(|| Heard::new(&answer, &here));
            heard.note(&answer, &here, TIMES.reassign_after);
        }
        heard.expect("heard")
    };
    let now = begin + Duration::from_secs(seconds) + Duration::from_millis(silent_ms);
    let facts = |id, name: &str, sign, leads: bool| {
        let seen =
            heard(sign).seen(if leads || id == 3 { begin + Duration::from_secs(seconds) } else { now });
        let silence = seen.counted.map_or(Duration::from_secs(seconds), |counted| now - counted);
        let silence = if id == 2 { silence } else { Duration::ZERO };
        Facts { id, name: NodeName::unchecked(name), has_vote: true, leads, silence, seen: Some(seen) }
    };
    let members =
        vec![facts(1, "n1", right, true), facts(2, "n2", sign, false), facts(3, "n3", right, false)];
    let judgement = judge(members, &TIMES, now);
    let (facts, verdict) = &judgement.members[1];
    of_member(facts, *verdict, &judgement, &TIMES, now)
}

#[test]
fn it_is_said_in_words_what_is_wrong_with_whom() {
    assert!(said(4, 0, 0, |_| ()).is_empty());
    for (said, expected) in [
        (
            said(4, 0, 3_000_000, |sign| sign.applied = Some(7_999)),
            "n2 is 12,000 entries behind and catching up at 3 MB/s: it gets no new runs",
        ),
        (
            said(4, 0, 0, |sign| sign.applied = Some(19_998)),
            "n2 is 1 entry behind, for 4.0 s: it gets no new runs",
        ),
        (
            said(12, 0, 0, |sign| sign.applied = Some(19_699)),
            "n2 is 300 entries behind and has applied none for 12 s: it must not fire, and others fire its runs",
        ),
        (
            said(4, 0, 0, |sign| sign.disk_full = true),
            "the disk of n2 is full: it takes no writes, and it gets no new runs",
        ),
        (
            said(4, 0, 0, |sign| sign.wall_ms = 3_250),
            "the clock of n2 is 3.2 s ahead of that of the majority: it gets no new runs",
        ),
        (
            said(4, 0, 0, |sign| sign.wall_ms = -86_400_000),
            "the clock of n2 is 24 hours behind that of the majority: it gets no new runs",
        ),
        (
            said(4, 0, 0, |sign| sign.leaving = true),
            "n2 is about to stop: it hands over its runs and gets no new ones",
        ),
        (said(4, 3_400, 0, |_| ()), "n2 has not been heard from for 3.4 s: it gets no new runs"),
        (
            said(4, 130_000, 0, |_| ()),
            "n2 has not been heard from for 2 minutes: it must not fire, and others fire its runs",
        ),
    ] {
        assert_eq!(said, [expected]);
    }
}

#[test]
fn of_a_state_that_differs_the_node_tells_itself() {
    for seconds in [4, 12] {
        assert!(said(seconds, 0, 0, |sign| sign.differs = true).is_empty());
        assert_eq!(
            said(seconds, 0, 0, |sign| (sign.differs, sign.fires) = (true, false)),
            [""; 0],
            "why it does not fire is told"
        );
    }
}

#[test]
fn clocks_that_differ_without_a_majority_are_told_of_no_member_alone() {
    let now = Instant::now();
    let member = |id, ms| {
        let mut seen = super::super::heard::Seen::of_itself(
            Sign {
                stamp: StampClock::new(1, Env::real()).now(),
                applied: None,
                fires: true,
                leaving: false,
                stuck_ms: 0,
                wall_ms: 0,
                disk_full: false,
                differs: false,
            },
            now,
        );
        seen.clock.ms = ms;
        let name = NodeName::unchecked("n");
        Facts { id, name, has_vote: true, leads: id == 1, silence: Duration::ZERO, seen: Some(seen) }
    };
    let told = |clocks: [i64; 2]| {
        of_all(&judge(vec![member(1, clocks[0]), member(2, clocks[1])], &TIMES, now), &TIMES)
    };
    assert_eq!(told([0, 1_900]), None);
    let said = told([0, 5_000]).expect("they differ");
    assert!(said.starts_with("the clocks of the voters differ by more than 2 s"), "{said}");
}
