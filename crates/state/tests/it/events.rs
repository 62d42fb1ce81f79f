//! What those who listen are told: each change leaves its event, once, under the place of its entry of the log, and the
//! newest hour of them is kept.

use std::collections::BTreeSet;

use chronos_state::{
    Batch, ClockWord, Command, Event, EventJob, EventPage, EventPlace, ExecutionEvent, JobEvent, PutJobs,
    RecordedEvent, Reported, SetOwner, backup,
};
use chronos_types::{ErrorKind, EventType, ExecutionId, JobSpec, Millis, Skip, Status, Trigger};
use rusqlite::Connection;

use crate::oracle::View;
use crate::support::*;

const HOUR: Millis = 3_600_000;
/// Entries of the log after which it is looked what to forget.
const LOOK_EVERY: u64 = 64;

impl World {
    fn events(&self, after: EventPlace) -> EventPage {
        self.ask(|r| r.events(after, usize::MAX))
    }

    pub fn all_events(&self) -> Vec<RecordedEvent> {
        self.events(EventPlace::default()).events
    }

    /// The places of the entries on record that have events.
    fn entries(&self) -> Vec<u64> {
        self.all_events().iter().map(|event| event.place.index).collect()
    }

    /// Creates a job at an instant, so many entries of the log later.
    fn create_later(&mut self, at: Millis, entries: u64) -> u64 {
        for _ in 1..entries {
            self.next_index();
        }
        let name = format!("job-{at}-{entries}");
        self.run(at, put(id_of(&name), None, spec(&name), None));
        self.ask(|r| r.newest_event()).index
    }
}

fn whats(events: &[RecordedEvent]) -> Vec<&'static str> {
    events.iter().map(|event| event.event.what().as_str()).collect()
}

#[test]
fn each_change_leaves_its_event() {
    let mut world = World::new();
    world.raise();
    let (job, first) = world.with_run(JobSpec { tags: tags([("team", "billing")]), ..spec("a") });
    let plain = |what, id, trigger, scheduled_time| ExecutionEvent {
        what,
        job: job.seq,
        id,
        trigger,
        scheduled_time,
        attempts: 1,
        status_code: None,
        error_kind: None,
        duration_ms: None,
    };
    let of_first = |what| plain(what, first.run.execution, Trigger::Schedule, 1000);
    let job_event = |what, version| {
        Event::Job(JobEvent { what, job: job.seq, id: job.job.id, version, name: "a".into() })
    };
    // A plan is none: two seconds later something comes of it.
    assert_eq!(world.all_events().len(), 1);
    assert_eq!(world.all_events()[0].event, job_event(EventType::JobCreated, 1));

    let mut seen = world.ask(|r| r.newest_event());
    let mut news = |world: &World| -> Vec<Event> {
        let page = world.events(seen);
        assert!(page.is_whole && page.is_end && page.unreadable.is_empty(), "{page:?}");
        if let Some(last) = page.events.last() {
            seen = last.place;
        }
        page.events.into_iter().map(|event| event.event).collect()
    };
    assert_eq!(news(&world), []);
    world.done(1150, report(&first, begun(1, 1001)));
    assert_eq!(news(&world), [Event::Execution(of_first(EventType::ExecutionStarted))]);
    let bad = |what, attempts| ExecutionEvent {
        attempts,
        status_code: Some(503),
        error_kind: Some(ErrorKind::Status),
        ..of_first(what)
    };
    // Each attempt that fails is told, and what is told twice by its node is told once.
    world.done(1200, report(&first, failed(1, 1001, Some(1500))));
    world.done(1201, report(&first, failed(1, 1001, Some(1500))));
    world.done(1600, report(&first, failed(2, 1501, Some(2000))));
    let retrying = |attempts| Event::Execution(bad(EventType::ExecutionRetrying, attempts));
    assert_eq!(news(&world), [retrying(1), retrying(2)]);
    world.done(2100, report(&first, delivered(3, 2001)));
    world.done(2101, report(&first, delivered(3, 2001)));
    let over = ExecutionEvent {
        attempts: 3,
        status_code: Some(200),
        duration_ms: Some(1010),
        ..of_first(EventType::ExecutionSucceeded)
    };
    assert_eq!(news(&world), [Event::Execution(over)]);

    let manual = |number| ExecutionId::manual(job.job.id, 3000, [number; 10]);
    let asked = |what, number, attempts| ExecutionEvent {
        attempts,
        ..plain(what, manual(number), Trigger::Manual, 3000)
    };
    world.run(3000, trigger(&job, manual(1), None));
    world.run(3000, trigger(&job, manual(1), None));
    world.run(3001, cancel(manual(1)));
    let cancelled = ExecutionEvent {
        error_kind: Some(ErrorKind::Cancelled),
        ..asked(EventType::ExecutionCancelled, 1, 0)
    };
    let triggered = Event::Execution(asked(EventType::ExecutionTriggered, 1, 0));
    assert_eq!(news(&world), [triggered, Event::Execution(cancelled)]);

    let second = fire_of(&world.done(1900, plan([run(&job, 2000)])));
    world.done(2000, report(&second, Reported::Skipped { reason: "an earlier run is under way".into() }));
    let third = fire_of(&world.done(2900, plan([run(&job, 3000)])));
    world.done(3100, report(&third, failed(1, 3001, None)));
    let missed = missed(job.job.id, 4000, 5000, 1000);
    let entry = missed.entry;
    let step = chronos_state::PlanStep { from: 4000, missed: Some(missed), ..run(&job, 5000) };
    world.done(6000, plan([passed_over(step)]));
    let skipped = ExecutionEvent {
        attempts: 0,
        error_kind: Some(ErrorKind::Overlap),
        ..plain(EventType::ExecutionSkipped, second.run.execution, Trigger::Schedule, 2000)
    };
    let failed = ExecutionEvent {
        status_code: Some(503),
        error_kind: Some(ErrorKind::Status),
        duration_ms: Some(10),
        ..plain(EventType::ExecutionFailed, third.run.execution, Trigger::Schedule, 3000)
    };
    let passed =
        ExecutionEvent { attempts: 0, ..plain(EventType::ExecutionMissed, entry, Trigger::Schedule, 5000) };
    assert_eq!(news(&world), [skipped, failed, passed].map(Event::Execution));

    // What a change of a job does to its runs is told after the change.
    let fourth = fire_of(&world.done(6100, plan([run(&job, 6000)])));
    world.done(6150, report(&fourth, begun(1, 6101)));
    news(&world);
    world.run(6200, put(job.job.id, Some(1), JobSpec { description: "x".into(), ..spec("a") }, None));
    assert_eq!(news(&world), [job_event(EventType::JobChanged, 2)]);
    world.done(6300, delete(&job));
    let found = news(&world);
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[0], job_event(EventType::JobDeleted, 2));
    assert_eq!(found[1].what(), EventType::ExecutionCancelled);

    // What is told of the job is there when it is deleted.
    let known = world.ask(|r| r.event_job(job.seq)).expect("executions refer to it");
    assert_eq!(known, EventJob { id: job.job.id, name: "a".into(), tags: Default::default() });
    assert_eq!(world.ask(|r| r.job_of_id(job.job.id)), Some(job.seq));
}

#[test]
fn what_stands_beside_a_job_is_told_and_so_is_its_end() {
    let mut world = World::new();
    world.raise();
    let job = world.create("a");
    let mut seen = world.ask(|r| r.newest_event());
    let mut news = |world: &World| {
        let page = world.events(seen);
        seen = page.upto;
        let about = |told: RecordedEvent| match told.event {
            Event::Job(event) => {
                assert_eq!((event.job, event.id, event.name.as_str()), (job.seq, job.job.id, "a"));
                (event.what.as_str(), event.version)
            }
            other => panic!("{other:?}"),
        };
        page.events.into_iter().map(about).collect::<Vec<_>>()
    };
    let (paused, resumed) = (("job.paused", 1), ("job.resumed", 1));
    world.run_by(100, pause(&job, Some("so"), None), by(1, None));
    world.run_by(110, pause(&job, Some("another reason"), Some(4_000)), by(2, None));
    assert_eq!(news(&world), [paused, paused]);
    world.run(200, resume(&job, Some(5_000)));
    assert_eq!(news(&world), [resumed]);
    world.run(250, resume(&job, Some(5_000)));
    assert_eq!(news(&world), [], "it was not paused");
    // Its end is said ahead, so that it falls due in time. Only when it has come the pause is over.
    world.run(300, pause(&job, None, Some(400)));
    world.done(350, end_pause(&job, 400, Some(5_000)));
    assert_eq!(news(&world), [paused]);
    world.done(400, end_pause(&job, 400, Some(5_000)));
    world.done(410, end_pause(&job, 400, Some(5_000)));
    assert_eq!(news(&world), [resumed]);
    let changed = |version| ("job.changed", version);
    world.run(500, skip(&job, None));
    assert_eq!(news(&world), [], "there was nothing to take back");
    world.run(510, skip(&job, Some(Skip::Count(2))));
    world.run(520, skip(&job, None));
    assert_eq!(news(&world), [changed(1), changed(1)]);
    // Who writes `enabled` ends a pause.
    world.run(600, pause(&job, None, None));
    world.run(610, put_enabled(job.job.id, 1, spec("a"), Some(6_000)));
    assert_eq!(news(&world), [paused, changed(2), ("job.resumed", 2)]);
    // A set that owns it from now on, and once more.
    let set = |adopt| Some(SetOwner { name: "s".into(), apply: None, adopt });
    for adopt in [true, false] {
        let items = vec![kept(&world.job("a"))];
        world.run(700, Command::PutJobs(PutJobs { set: set(adopt), items }));
    }
    assert_eq!(news(&world), [changed(2)]);
    world.run(800, pause(&job, None, None));
    world.done(810, delete(&job));
    assert_eq!(news(&world), [("job.paused", 2), ("job.deleted", 2)]);
}

#[test]
fn a_run_that_is_skipped_is_told_after_the_job_that_skips_it() {
    let mut world = World::new();
    world.raise();
    let job = world.create("a");
    // It waits for its jitter, so it can be skipped still.
    world.done(900, plan([with(run(&job, 1_000), |run| run.fire_at = 60_000)]));
    let seen = world.ask(|r| r.newest_event());
    world.run(950, skip(&job, Some(Skip::Count(1))));
    assert_eq!(whats(&world.events(seen).events), ["job.changed", "execution.skipped"]);
}

#[test]
fn an_event_has_the_place_of_its_entry_and_its_number_in_it() {
    let mut world = World::new();
    world.raise();
    let items = ["a", "b", "c"].map(|name| put(id_of(name), None, spec(name), None).into());
    world.batch(&Batch { at: 10, items: items.into() });
    world.done(20, Command::Clock(ClockWord::Passes));
    world.run(30, put(id_of("d"), None, spec("d"), None));
    let places: Vec<_> =
        world.all_events().iter().map(|event| (event.place.index, event.place.n, event.at)).collect();
    assert_eq!(places, [(2, 0, 10), (2, 1, 10), (2, 2, 10), (4, 0, 30)]);
    // From the middle of an entry on, in pages.
    let after = |index, n, most| {
        let page = world.ask(|r| r.events(EventPlace { index, n }, most));
        let places = page.events.iter().map(|event| (event.place.index, event.place.n)).collect::<Vec<_>>();
        (places, page.is_end, page.is_whole, page.newest)
    };
    assert_eq!(after(2, 1, 10), (vec![(2, 2), (4, 0)], true, true, 4));
    assert_eq!(after(2, 1, 1), (vec![(2, 2)], false, true, 4));
    assert_eq!(after(3, 7, 1), (vec![(4, 0)], true, true, 4));
    assert_eq!(after(4, 0, 1), (vec![], true, true, 4));
    assert_eq!(after(9, 0, 1), (vec![], true, true, 4));
    assert_eq!(world.ask(|r| r.newest_event()), EventPlace { index: 4, n: 0 });
}

#[test]
fn nothing_is_told_before_the_version_that_brings_it() {
    let mut world = World::new();
    world.create("a");
    assert_eq!(
        world.events(EventPlace::default()),
        EventPage { is_whole: true, is_end: true, ..EventPage::default() }
    );
    world.raise();
    world.create("b");
    assert_eq!(whats(&world.all_events()), ["job.created"]);
    assert!(world.events(EventPlace::default()).is_whole, "nothing was forgotten");
}

#[test]
fn the_newest_hour_is_kept_and_the_rest_goes_in_portions() {
    let mut world = World::new();
    world.raise();
    let old: Vec<_> = (0..300).map(|n| world.create_later(n, 1)).collect();
    assert_eq!(world.entries(), old);
    let last = world.create_later(HOUR, LOOK_EVERY);
    assert_eq!(world.entries().len(), 301, "all of it is of the last hour");
    // 128 of them at a time, the oldest first, as new ones come.
    let first = world.create_later(HOUR + 300, LOOK_EVERY);
    assert_eq!(world.entries(), [&old[128..], &[last, first]].concat());
    let page = world.events(EventPlace { index: old[127], n: 0 });
    assert!(!page.is_whole, "what came after it may be gone");
    assert!(world.events(EventPlace { index: old[128], n: 0 }).is_whole);
    assert!(!world.events(EventPlace::default()).is_whole);
    let second = world.create_later(HOUR + 301, 1);
    assert_eq!(world.entries().len(), 175, "nothing goes between two looks");
    world.create_later(HOUR + 302, LOOK_EVERY);
    let third = world.create_later(HOUR + 303, LOOK_EVERY);
    assert_eq!(world.entries()[..2], [last, first]);
    assert!(world.entries().contains(&second) && world.entries().ends_with(&[third]));
}

#[test]
fn of_many_64_mib_are_kept() {
    let mut world = World::new();
    world.raise();
    let one = world.create_later(10, 1);
    let two = world.create_later(20, 1);
    // As if so much had come between them.
    let db = Connection::open(world.path()).unwrap();
    db.execute("UPDATE events SET upto = upto + ?1 WHERE place = ?2", (64 << 20, two)).unwrap();
    let in_use = world.ask(|r| r.bytes_in_use());
    assert!(in_use < 1 << 20, "they are not among what history.max_bytes bounds: {in_use}");
    let three = world.create_later(30, LOOK_EVERY);
    assert_eq!(world.entries(), [two, three]);
    assert!(!world.events(EventPlace { index: one, n: 0 }).is_whole);
}

#[test]
fn a_jump_of_the_time_forgets_nothing_and_one_back_keeps_nothing_for_ever() {
    let mut world = World::new();
    world.raise();
    let one = world.create_later(1_000, 1);
    let two = world.create_later(1_000 + 48 * HOUR, LOOK_EVERY);
    assert_eq!(world.entries(), [one, two], "a day cannot pass without a word in the log");
    world.done(2_000, Command::Clock(ClockWord::Back));
    let three = world.create_later(3_000, LOOK_EVERY);
    assert_eq!(world.entries(), [one, two, three]);
    let four = world.create_later(3_000 + HOUR / 2, LOOK_EVERY);
    let five = world.create_later(3_001 + HOUR, LOOK_EVERY);
    assert_eq!(world.entries(), [four, five], "an hour has passed, whatever the time was when they came");
}

#[test]
fn a_new_cluster_begins_without_events() {
    let mut world = World::new();
    world.raise();
    world.create("a");
    let (kept, directory) = (world.file("kept.backup"), world.file("data"));
    backup::write(&world.path(), &kept, 1, "1.2.3", "raft.", &bounds()).unwrap();
    backup::restore(&kept, &directory, &node(NODE)).unwrap();
    let restored = chronos_state::Machine::open(&directory.join("state.db")).unwrap();
    let page = restored.reader().unwrap().events(EventPlace::default(), 10).unwrap();
    assert_eq!(page.events, []);
    assert!(restored.reader().unwrap().find_job("a").unwrap().is_some());
}

#[test]
fn events_that_cannot_be_read_cost_those_of_their_entry() {
    let mut world = World::new();
    world.raise();
    let places: Vec<_> = (0..3).map(|n| world.create_later(n, 1)).collect();
    let db = Connection::open(world.path()).unwrap();
    db.execute("UPDATE events SET body = x'fa00' WHERE place = ?1", [places[1]]).unwrap();
    let page = world.events(EventPlace::default());
    assert_eq!(page.events.len(), 2);
    assert_eq!(page.unreadable, [(places[1], "its event 0 is in no form that is known".to_owned())]);
}

/// Looks on while random commands are applied: what is over was told once, and as it is.
#[derive(Default)]
pub struct Told {
    last: EventPlace,
    raised: bool,
    known: BTreeSet<ExecutionId>,
    told: BTreeSet<ExecutionId>,
}

impl Told {
    pub fn check(&mut self, world: &World, view: &View) -> Result<(), String> {
        let page = world.events(self.last);
        if !page.is_whole || !page.is_end || !page.unreadable.is_empty() {
            return Err(format!("after {:?}: {page:?}", self.last));
        }
        for RecordedEvent { place, event, .. } in page.events {
            if place <= self.last {
                return Err(format!("{event:?} is told at {place:?}, after {:?}", self.last));
            }
            self.last = place;
            if let Event::Execution(event) = event
                && event.what.is_end()
            {
                self.is_over(&event, view)?;
            }
        }
        let is_over = |status: Status| status.is_finished();
        let over = view.executions.iter().filter(|row| is_over(row.execution.status));
        let over: BTreeSet<_> = over.map(|row| row.execution.id).collect();
        let untold = over.iter().find(|id| !self.known.contains(id) && !self.told.contains(id));
        if let Some(id) = untold
            && self.raised
        {
            return Err(format!("{id} is over, and nobody was told"));
        }
        // One that was forgotten may come to be once more.
        self.told.retain(|id| over.contains(id));
        self.known = over;
        self.raised = world.machine.version().unwrap() > 1;
        Ok(())
    }

    fn is_over(&mut self, event: &ExecutionEvent, view: &View) -> Result<(), String> {
        if !self.told.insert(event.id) {
            return Err(format!("it is told twice: {event:?}"));
        }
        let row = view.executions.iter().find(|row| row.execution.id == event.id);
        let Some(row) = row else { return Err(format!("it is on no record: {event:?}")) };
        let of = &row.execution;
        let took =
            of.started_at.zip(of.completed_at).map(|(begun, over)| (over - begun).max(0).cast_unsigned());
        let last = of.attempt_log.last().and_then(|attempt| attempt.status_code);
        let kind = of.error_kind.filter(|_| of.status != Status::Success);
        let as_is = ExecutionEvent {
            what: if of.missed.is_some() { EventType::ExecutionMissed } else { EventType::of(of.status) },
            job: row.job_seq,
            id: of.id,
            trigger: of.trigger,
            scheduled_time: of.scheduled_time,
            attempts: of.attempts,
            status_code: last,
            error_kind: kind,
            duration_ms: took,
        };
        if *event == as_is { Ok(()) } else { Err(format!("told is {event:?}\nand it is {as_is:?}")) }
    }
}
