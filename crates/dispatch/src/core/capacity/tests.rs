//! The rules of slots, on targets that do as the tests say.

use super::*;

/// Slots, and what is under way.
struct Bench {
    capacity: Capacity,
    under_way: Vec<(Arc<str>, ExecutionId, Slot)>,
    waiting: Vec<(Arc<str>, ExecutionId, Ticket)>,
}

const SECOND: Duration = Duration::from_secs(1);

fn id(n: i64) -> ExecutionId {
    ExecutionId::floor(n)
}

impl Bench {
    fn new(slots: usize) -> Self {
        Self { capacity: Capacity::new(slots), under_way: Vec::new(), waiting: Vec::new() }
    }

    fn enter(&mut self, origin: &str, n: i64) -> bool {
        self.enter_with(origin, n, 0)
    }

    fn enter_with(&mut self, origin: &str, n: i64, bytes: usize) -> bool {
        self.lack(origin, n, bytes).is_none()
    }

    /// What an attempt lacks that wants to begin, if anything.
    fn lack(&mut self, origin: &str, n: i64, bytes: usize) -> Option<Lack> {
        let waiter = Waiter { id: id(n), rank: Rank::Due, late_from: self.capacity.now + LATE, bytes };
        let origin: Arc<str> = origin.into();
        match self.capacity.enter(&origin, waiter) {
            Admission::Begins(slot) => {
                self.under_way.push((origin, id(n), slot));
                None
            }
            Admission::Waits(ticket, lack) => {
                self.waiting.push((origin, id(n), ticket));
                Some(lack)
            }
        }
    }

    /// Begins what may begin; who that is.
    fn begin(&mut self) -> Vec<ExecutionId> {
        let mut begun = Vec::new();
        while let Some((id, slot)) = self.capacity.next() {
            let at = self.waiting.iter().position(|(_, other, _)| *other == id).expect("it waited");
            let (origin, ..) = self.waiting.swap_remove(at);
            self.under_way.push((origin, id, slot));
            begun.push(id);
        }
        begun
    }

    fn grow_old(&mut self) {
        for (origin, _, slot) in &mut self.under_way {
            self.capacity.grow_old(origin, slot);
        }
    }

    fn end(&mut self, n: i64, sign: Sign) {
        let at = self.under_way.iter().position(|(_, other, _)| *other == id(n)).expect("it is under way");
        let (origin, id, slot) = self.under_way.swap_remove(at);
        self.capacity.leave(&origin, id, slot, sign);
    }

    /// Has a target answer once.
    fn answers(&mut self, origin: &str) {
        assert!(self.enter(origin, 999_999));
        self.end(999_999, Sign::Answered(1));
    }

    fn after(&mut self, time: Duration) {
        let now = self.capacity.now + time;
        self.capacity.advance(now);
    }

    /// How many attempts of a target begin, where it has so many.
    fn begins(&mut self, origin: &str, numbers: std::ops::Range<i64>) -> usize {
        let mut begun = 0;
        for n in numbers {
            begun += usize::from(self.enter(origin, n));
            self.grow_old();
        }
        begun
    }

    fn taken(&self) -> [usize; 3] {
        Class::ALL.map(|class| self.capacity.taken()[class])
    }
}

#[test]
fn who_waits_lacks_a_slot_where_no_target_could_begin() {
    let mut bench = Bench::new(2);
    for target in ["http://a", "http://b", "http://c"] {
        bench.answers(target);
    }
    assert_eq!([bench.lack("http://a", 1, 0), bench.lack("http://b", 2, 0)], [None, None]);
    assert_eq!(bench.lack("http://c", 3, 0), Some(Lack::Slot));
    // So many that have just begun are all that one target may have. Others could begin.
    let mut bench = Bench::new(1_024);
    bench.answers("http://a");
    let lacks: Vec<_> = (0..66).map(|n| bench.lack("http://a", n, 0)).collect();
    assert_eq!(lacks.iter().filter(|lack| lack.is_none()).count(), 64);
    assert_eq!(lacks.last(), Some(&Some(Lack::Target)));
    assert_eq!(bench.lack("http://b", 100, 0), None);
    // And those that do not answer have a part of the slots alone.
    let mut bench = Bench::new(8);
    let lacks: Vec<_> = (0..8).map(|n| bench.lack(&format!("http://dead-{n}"), n, 0)).collect();
    assert!(lacks.contains(&Some(Lack::Target)) && !lacks.contains(&Some(Lack::Slot)), "{lacks:?}");
}

#[test]
fn targets_that_answered_until_now_always_leave_room_for_another() {
    let mut bench = Bench::new(1024);
    let mut taken = Vec::new();
    for target in 0..11 {
        let origin = format!("http://slow-{target}");
        bench.answers(&origin);
        taken.push(bench.begins(&origin, target * 1_000..target * 1_000 + 600));
    }
    assert_eq!(taken, [448, 224, 112, 56, 28, 14, 8, 7, 7, 7, 6]);
    bench.answers("http://healthy");
    assert_eq!(bench.begins("http://healthy", 50_000..50_100), 6);
}

#[test]
fn those_that_do_not_answer_hold_a_half_and_the_unknown_a_quarter() {
    let mut bench = Bench::new(1024);
    let crowd = |bench: &mut Bench, from: i64| {
        for target in from..from + 1_000 {
            bench.enter(&format!("http://dead-{target}"), target);
        }
        bench.begin();
        bench.taken()
    };
    assert_eq!(crowd(&mut bench, 0), [0, 256, 0]);
    bench.after(SECOND);
    assert_eq!(bench.taken(), [0, 0, 256], "what was begun counts for what its target is now");
    bench.begin();
    assert_eq!(bench.taken(), [0, 256, 256]);
    for _ in 0..20 {
        bench.after(SECOND);
        bench.begin();
    }
    // A quarter is left to those that answer, whatever comes.
    assert_eq!(crowd(&mut bench, 1_000), [0, 0, 768]);
    // Known by now, they hold a half.
    for n in bench.under_way.clone() {
        bench.capacity.leave(&n.0, n.1, n.2, Sign::TimedOut);
    }
    bench.under_way.clear();
    let known: Vec<_> = (0..1_000).map(|target| format!("http://dead-{target}")).collect();
    bench.begin();
    for (origin, n) in known.iter().zip(10_000..) {
        bench.enter(origin, n);
    }
    assert_eq!(bench.taken(), [0, 256, 512]);
}

#[test]
fn of_those_that_do_not_answer_each_has_its_turn() {
    let mut bench = Bench::new(2);
    for (origin, n) in ["a", "b", "c"].into_iter().zip(1..) {
        assert!(bench.enter(origin, n));
        bench.end(n, Sign::TimedOut);
    }
    // The half is one slot. Each has three attempts, which come in a row.
    let mut order = Vec::new();
    for (origin, n) in ["a", "b", "c"].into_iter().zip([10, 20, 30]) {
        for more in n..n + 3 {
            if bench.enter(origin, more) {
                order.push(id(more));
            }
        }
    }
    while let Some((origin, id, slot)) = bench.under_way.pop() {
        bench.capacity.leave(&origin, id, slot, Sign::TimedOut);
        order.extend(bench.begin());
    }
    assert_eq!(order, [10, 11, 20, 30, 12, 21, 31, 22, 32].map(id));
}

#[test]
fn an_unknown_target_that_answers_leaves_its_place_at_once() {
    let mut bench = Bench::new(16);
    assert!(bench.enter("a", 1) && bench.enter("b", 2) && bench.enter("c", 3) && bench.enter("d", 4));
    assert!(!bench.enter("e", 5));
    bench.end(1, Sign::Answered(1));
    assert_eq!(bench.begin(), [id(5)]);
    assert!(bench.enter("a", 6), "it is known by now");
    assert_eq!(bench.taken(), [1, 4, 0]);
}

#[test]
fn a_new_target_does_not_wait_for_all_that_are_unknown() {
    let mut bench = Bench::new(1024);
    for target in 0..700 {
        bench.enter(&format!("http://dead-{target}"), target);
    }
    bench.enter("http://new", 5_000);
    bench.after(SECOND);
    let begun = bench.begin();
    assert_eq!(begun.len(), 256);
    assert!(begun[..2].contains(&id(5_000)), "{:?}", &begun[..4]);
    assert!(begun.contains(&id(256)), "and the oldest have their turn as well");
}

#[test]
fn a_target_that_takes_minutes_keeps_its_slots() {
    let mut bench = Bench::new(1024);
    bench.enter("slow", 0);
    bench.after(180 * SECOND);
    assert_eq!(bench.taken(), [0, 0, 1], "nobody knows it yet");
    bench.end(0, Sign::Answered(180_000));
    assert_eq!(bench.begins("slow", 1..301), 300);
    bench.after(240 * SECOND);
    assert_eq!(bench.taken(), [300, 0, 0]);
    bench.after(480 * SECOND);
    assert_eq!(bench.taken(), [0, 0, 300]);
    // Its first answer shows that the others may come as well.
    bench.end(1, Sign::Answered(720_000));
    assert_eq!(bench.taken(), [299, 0, 0]);
}

#[test]
fn what_is_known_of_a_target_is_kept_while_it_is_idle_and_within_a_bound() {
    let mut bench = Bench::new(64);
    bench.answers("good");
    bench.enter("bad", 1);
    bench.end(1, Sign::TimedOut);
    assert!(bench.enter("good", 2) && bench.enter("bad", 3));
    assert_eq!(bench.taken(), [1, 0, 1]);
    bench.end(2, Sign::Failed);
    bench.end(3, Sign::Failed);
    for n in 0..2 * REMEMBERED {
        bench.answers(&format!("other-{n}"));
    }
    assert!(bench.capacity.targets.is_empty() && bench.capacity.remembered.len() <= REMEMBERED);
    assert!(bench.enter("good", 4));
    assert_eq!(bench.taken(), [0, 1, 0], "it was forgotten");
}

#[test]
fn waiting_targets_take_turns() {
    let mut bench = Bench::new(2);
    bench.answers("a");
    bench.answers("b");
    assert!(bench.enter("a", 1));
    assert!(bench.enter("b", 2));
    for n in [11, 12, 13] {
        assert!(!bench.enter("a", n));
    }
    assert!(!bench.enter("b", 21));
    bench.end(1, Sign::Answered(1));
    bench.end(2, Sign::Answered(1));
    assert_eq!(bench.capacity.waiting().total(), 4);
    assert_eq!(bench.begin(), [id(11), id(21)]);
    let (origin, _, ticket) = bench.waiting.iter().find(|(_, other, _)| *other == id(12)).expect("it waits");
    bench.capacity.forget(origin, *ticket);
    bench.end(21, Sign::Answered(1));
    bench.end(11, Sign::Answered(1));
    assert_eq!(bench.begin(), [id(13)]);
}

#[test]
fn a_target_gets_more_as_its_attempts_grow_old() {
    let mut bench = Bench::new(1024);
    bench.answers("slow");
    let begun = (0..300).filter(|n| bench.enter("slow", *n)).count();
    assert_eq!((begun, bench.begin().len()), (64, 0));
    let old = |bench: &mut Bench, at: usize| {
        let (origin, _, slot) = &mut bench.under_way[at];
        bench.capacity.grow_old(origin, slot);
    };
    old(&mut bench, 0);
    assert_eq!(bench.begin(), [id(64)]);
    bench.end(0, Sign::Answered(30));
    assert!(bench.begin().is_empty(), "it was not fresh");
    bench.end(1, Sign::Answered(1));
    assert_eq!(bench.begin(), [id(65)]);
}

#[test]
fn large_requests_take_several_slots_and_others_still_find_some() {
    let mut bench = Bench::new(1024);
    let large = 256 << 10;
    for target in ["a", "b"] {
        bench.answers(target);
    }
    bench.answers("small");
    for n in 0..500 {
        bench.enter_with(if n % 2 == 0 { "a" } else { "b" }, n, large);
        bench.grow_old();
    }
    assert!(bench.under_way.len() * large <= 64 << 20, "{}", bench.under_way.len());
    assert!(bench.under_way.len() > 100);
    assert!(bench.enter("small", 1_000));
    bench.answers("huge");
    assert!(bench.enter_with("huge", 2_000, 1 << 20));
    // One that is larger than what a target may have gets its slot where nothing else is under way.
    let mut bench = Bench::new(1024);
    assert!(bench.enter_with("huge", 1, usize::MAX));
}

#[test]
fn slots_come_and_go_at_run_time() {
    let mut bench = Bench::new(64);
    bench.answers("a");
    assert_eq!(bench.begins("a", 0..40), 28);
    bench.capacity.resize(16);
    bench.end(0, Sign::Answered(1));
    assert!(bench.begin().is_empty(), "more are under way than there are slots");
    bench.capacity.resize(128);
    bench.grow_old();
    assert_eq!(bench.begin().len(), 12);
    assert_eq!((bench.taken(), bench.capacity.slots()), ([39, 0, 0], 128));
}

#[test]
fn to_find_the_next_looks_at_a_few_targets_however_many_wait() {
    let mut bench = Bench::new(64);
    for target in 0..10_000 {
        bench.enter(&format!("http://target-{target}"), target);
    }
    for second in 0..100 {
        bench.after(SECOND);
        bench.begin();
        if let Some((origin, id, slot)) = bench.under_way.pop() {
            bench.capacity.leave(
                &origin,
                id,
                slot,
                if second % 2 == 0 { Sign::TimedOut } else { Sign::Failed },
            );
        }
        let before = bench.capacity.examined;
        let begun = bench.begin().len();
        // One look at each class for each that begins, and a last one.
        assert_eq!(bench.capacity.examined - before, 3 * (begun + 1), "in second {second}");
    }
}
