//! Targets that do not answer, in time that is simulated: others are as well off as if there were none.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use chronos_state::{Effect, JobSeq};
use chronos_types::Concurrency::Allow;

use super::bench::{Bench, START, fire_at, success, timeout};
use crate::core::{Class, Event};

/// The job whose target is well.
const HEALTHY: i64 = 1;
/// When an attempt that is not answered times out.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A job's executions are numbered from so many times its number.
const EACH: i64 = 100_000;

/// A core with 1,024 slots, among targets of which all but one hang.
struct World {
    bench: Bench,
    /// Attempts that hang, by when they time out.
    hanging: VecDeque<(Duration, i64)>,
    runs: i64,
}

impl World {
    /// Jobs up to this number, each with a target of its own.
    fn new(jobs: i64) -> Self {
        let mut bench = Bench::recovered(1_024);
        for job in HEALTHY..=jobs {
            bench.knows(job, 1, Allow);
        }
        bench.answers(HEALTHY);
        Self { bench, hanging: VecDeque::new(), runs: 0 }
    }

    /// These many runs of each of the jobs fall due now. Answers the executions of which an attempt begins.
    fn due(&mut self, jobs: Range<i64>, runs: i64) -> Vec<i64> {
        let at = self.bench.now.wall - START;
        let numbers = self.runs..self.runs + runs;
        self.runs += runs;
        let fire = |job: i64, n: i64| {
            let mut fire = fire_at(job * EACH + n, at);
            fire.run.job = JobSeq::new(job);
            Effect::Fire(fire)
        };
        let effects = jobs.flat_map(|job| numbers.clone().map(move |n| fire(job, n))).collect();
        self.bench.on(Event::Applied(effects));
        self.tick()
    }

    /// Has everything begin that may.
    fn tick(&mut self) -> Vec<i64> {
        let mut actions = self.bench.tick();
        while self.bench.core.is_due(self.bench.now) {
            actions.extend(self.bench.tick());
        }
        self.begun(&actions)
    }

    /// The executions of the attempts among these actions. Those that hang will time out.
    fn begun(&mut self, actions: &[String]) -> Vec<i64> {
        let attempts = actions.iter().filter_map(|action| action.strip_prefix("attempt "));
        let begun: Vec<i64> =
            attempts.filter_map(|attempt| attempt.split('#').next()?.parse().ok()).collect();
        let hang = begun.iter().filter(|n| **n / EACH != HEALTHY);
        self.hanging.extend(hang.map(|n| (self.bench.now.monotonic + TIMEOUT, *n)));
        begun
    }

    /// Lets time pass, in steps in which attempts grow old, move their targets, and time out.
    fn pass(&mut self, ms: i64) {
        for _ in 0..ms / 20 {
            self.bench.now.wall += 20;
            self.bench.now.monotonic += Duration::from_millis(20);
            let now = self.bench.now.monotonic;
            while let Some((_, n)) = self.hanging.pop_front_if(|(at, _)| *at <= now) {
                let actions = self.bench.ended(n, 1, timeout());
                self.begun(&actions);
            }
            self.tick();
        }
    }

    /// Runs of the healthy job fall due, begin at once, and are delivered.
    fn is_on_time(&mut self, runs: i64) {
        let begun = self.due(HEALTHY..HEALTHY + 1, runs);
        let own: Vec<_> = begun.into_iter().filter(|n| n / EACH == HEALTHY).collect();
        let when = self.bench.now.monotonic;
        assert_eq!(own.len(), usize::try_from(runs).expect("a number"), "at {when:?}: {:?}", self.taken());
        for n in own {
            let actions = self.bench.ended(n, 1, success());
            self.begun(&actions);
        }
    }

    fn taken(&self) -> [usize; 3] {
        Class::ALL.map(|class| self.bench.core.taken()[class])
    }
}

#[test]
fn eleven_hanging_targets_delay_nobody() {
    for answered_before in [false, true] {
        let mut world = World::new(12);
        for job in (2..13).filter(|_| answered_before) {
            world.bench.answers(job);
        }
        // One after the other has more to do than there are slots.
        for job in 2..13 {
            world.due(job..job + 1, 600);
            world.pass(100);
            world.is_on_time(4);
        }
        for _ in 0..150 {
            world.pass(100);
            world.is_on_time(4);
        }
        let [_, unknown, silent] = world.taken();
        assert_eq!(unknown, 0);
        assert!((400..=512).contains(&silent), "{silent}");
    }
}

#[test]
fn a_thousand_host_names_behind_one_dead_server_delay_nobody() {
    let mut world = World::new(1_002);
    for second in 0..40 {
        // Those that wait already wait for more.
        world.due(2..1_002, 1);
        for _ in 0..10 {
            world.pass(100);
            world.is_on_time(50);
            let [answering, unknown, silent] = world.taken();
            assert!(answering == 0 && unknown <= 256 && silent + unknown <= 768, "{:?}", world.taken());
        }
        if second > 30 {
            assert!(world.taken()[2] <= 512, "all are known by now: {:?}", world.taken());
        }
    }
}

#[test]
fn a_new_target_gets_a_slot_soon_among_a_thousand_that_are_unknown() {
    let mut world = World::new(1_003);
    world.due(2..1_002, 1);
    world.pass(100);
    let new = 1_003 * EACH;
    let begins = |world: &World| world.hanging.iter().any(|(_, n)| *n >= new);
    world.due(1_003..1_004, 1);
    assert!(!begins(&world), "the quarter of the unknown is taken");
    world.pass(1_000);
    assert!(begins(&world));
}

#[test]
fn a_target_that_takes_minutes_keeps_its_slots_among_those_that_hang() {
    let slow = 2;
    let mut world = World::new(13);
    world.due(slow..slow + 1, 1);
    let (_, first) = world.hanging.pop_back().expect("it begins");
    world.pass(180_000);
    world.bench.answered_after(first, 180_000);
    for job in 3..14 {
        world.due(job..job + 1, 600);
        world.pass(100);
    }
    let mut begun = world.due(slow..slow + 1, 100);
    world.hanging.retain(|(_, n)| n / EACH != slow);
    assert_eq!(begun.len(), 64, "as many as may begin at once");
    world.bench.now.monotonic += Duration::from_millis(20);
    world.bench.now.wall += 20;
    begun.extend(world.tick());
    world.hanging.retain(|(_, n)| n / EACH != slow);
    assert_eq!(begun.iter().filter(|n| **n / EACH == slow).count(), 100);
    for _ in 0..170 {
        world.pass(1_000);
        world.is_on_time(4);
        assert_eq!(world.taken()[0], 100, "it answers, and what it holds counts as that");
    }
}

#[test]
fn slots_and_lines_are_told_by_class() {
    let mut world = World::new(3);
    world.due(HEALTHY..2, 10);
    world.due(2..3, 200);
    let waiting = |world: &World| Class::ALL.map(|class| world.bench.core.waiting()[class]);
    assert_eq!(world.taken(), [10, 64, 0]);
    world.pass(500);
    assert_eq!((world.taken(), waiting(&world)), ([10, 128, 0], [0, 72, 0]));
    world.pass(1_000);
    assert_eq!((world.taken(), waiting(&world)), ([0, 0, 210], [0, 0, 0]));
    let wake = world.bench.core.next_wake();
    assert_eq!(wake.look, None, "nothing can change with time alone");
}
