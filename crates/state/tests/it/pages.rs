//! Pages that come short: what a page looks at and what it has room for is bounded, and whoever goes from page to
//! page sees every row once all the same.

use std::fmt::Debug;

use chronos_state::{
    ExecutionFilter, ExecutionList, JobFilter, JobList, JobPlace, JobSeq, JobsAmong, PageLimits, Reader,
    Reported, StateError,
};
use chronos_types::{JobSpec, Status};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::support::*;

/// Enough for any list here.
const ALL: PageLimits = PageLimits { rows: 10_000, examined_rows: 10_000, examined_bytes: u64::MAX };

/// How large pages are.
#[derive(Clone, Debug)]
struct Sizes {
    limits: PageLimits,
    /// The size of each row, again and again.
    rows: Vec<usize>,
    /// What a page has room for.
    room: usize,
    /// How many jobs are known at once that may be meant.
    portion: usize,
}

fn sizes() -> impl Strategy<Value = Sizes> {
    let limits = (1..6usize, 1..9usize, 1..3_000u64);
    (limits, prop::collection::vec(0..50usize, 1..7), 0..100usize, 1..50usize).prop_map(
        |(limits, rows, room, portion)| {
            let (count, examined_rows, examined_bytes) = limits;
            Sizes { limits: PageLimits { rows: count, examined_rows, examined_bytes }, rows, room, portion }
        },
    )
}

/// All rows of a list, page after page. `read` reads one.
fn walk<T, P: Clone + PartialEq + Debug>(
    sizes: &Sizes,
    read: impl Fn(Option<&P>, PageLimits, &mut dyn FnMut(T) -> bool) -> Option<P>,
) -> Vec<T> {
    let (mut seen, mut after) = (Vec::new(), None::<P>);
    loop {
        let (mut page, mut used) = (Vec::new(), 0);
        let next = read(after.as_ref(), sizes.limits, &mut |row| {
            used += sizes.rows[(seen.len() + page.len()) % sizes.rows.len()];
            let fits = page.is_empty() || used <= sizes.room;
            if fits {
                page.push(row);
            }
            fits
        });
        assert!(page.len() <= sizes.limits.rows);
        seen.append(&mut page);
        if next.is_none() {
            return seen;
        }
        assert_ne!(next, after, "a page that goes nowhere");
        after = next;
    }
}

/// Jobs of every kind, deleted ones among them, and runs in every status.
fn filled() -> World {
    let mut world = World::new();
    for n in 0..30 {
        let job = world.create_as(JobSpec {
            description: format!("{} {}", "x".repeat(n * 20), if n % 7 == 0 { "rare" } else { "common" }),
            enabled: n % 3 != 0,
            tags: tags([("parity", if n % 2 == 0 { "even" } else { "odd" }), ("all", "")]),
            ..spec(&format!("job-{n}"))
        });
        let reported = [
            None,
            Some(delivered(1, 0)),
            Some(failed(1, 0, None)),
            Some(Reported::Skipped { reason: "busy".into() }),
            Some(begun(1, 0)),
        ];
        for (round, what) in (0..).zip(reported) {
            if n % 3 == 0 {
                continue;
            }
            let due = 1_000 * (1 + round);
            let fire = fire_of(&world.done(due - 500, plan([run(&job, due)])));
            if let Some(what) = what {
                world.done(due, report(&fire, what));
            }
        }
        if n % 5 == 0 {
            world.done(200_000, delete(&job));
        }
    }
    let job = world.job("job-1");
    for from in 1..12 {
        let next = JobSpec { description: "y".repeat(usize::try_from(from).unwrap()), ..spec("job-1") };
        world.run(300_000, put(job.job.id, Some(from), next, None));
    }
    world
}

/// The first jobs after `after` that may be meant: all, deleted ones and some that never were among them.
fn may_be(r: &Reader, after: Option<&JobPlace>, portion: usize) -> Result<JobsAmong, StateError> {
    let after = after.map_or(0, |after| after.seq.get());
    let jobs: Vec<_> = (after + 1..=40).take(portion).map(JobSeq::new).collect();
    assert_eq!(
        r.job_marks(JobSeq::new(after), portion)?.len(),
        jobs.iter().filter(|job| job.get() <= 30).count()
    );
    Ok(JobsAmong { more: jobs.len() == portion, jobs })
}

#[test]
fn every_row_is_on_one_page_whatever_the_pages_have_room_for() {
    let world = filled();
    let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let jobs = [
        JobFilter::default(),
        JobFilter { enabled: Some(true), ..JobFilter::default() },
        JobFilter { enabled: Some(false), ..JobFilter::default() },
        having("rare"),
        having("nothing has this"),
        JobFilter { tags: vec![tag("parity", "odd")], ..JobFilter::default() },
        JobFilter { tags: vec![tag("all", ""), tag("parity", "even")], ..JobFilter::default() },
        JobFilter { tags: vec![tag("all", "")], enabled: Some(true), ..having("RARE") },
    ];
    let one = world.job("job-1").seq;
    let statuses = || Status::ALL.iter().copied().map(Some).chain([None]);
    let list = |job, status| ExecutionList {
        filter: ExecutionFilter { job, status, ..ExecutionFilter::default() },
        is_ascending: false,
    };
    let executions: Vec<ExecutionList> =
        statuses().flat_map(|status| [None, Some(one)].map(|job| list(job, status))).collect();
    let jobs = jobs.map(|filter| JobList { filter, ..JobList::default() });
    let whole = |list: &JobList| world.ask(|r| Page::of(|take| r.jobs(list, None, None, ALL, take))).items;
    assert_eq!(jobs.each_ref().map(|filter| whole(filter).len()), [24, 16, 8, 4, 0, 11, 12, 3]);
    let mut runner = TestRunner::new(ProptestConfig { cases: 64, ..ProptestConfig::default() });
    let walked = runner.run(&sizes(), |sizes| {
        for list in &jobs {
            let found =
                walk(&sizes, |after, limits, take| world.ask(|r| r.jobs(list, None, after, limits, take)));
            prop_assert_eq!(found, whole(list), "{:?}", list);
            // The same where it is known beside the state which may be meant: a portion of them, as a search file gives.
            let found = walk(&sizes, |after, limits, take| {
                let among = world.ask(|r| may_be(r, after, sizes.portion));
                world.ask(|r| r.jobs(list, Some(&among), after, limits, take))
            });
            prop_assert_eq!(found, whole(list), "{:?} among some", list);
        }
        for list in &executions {
            let all = world.ask(|r| Page::of(|take| r.executions(list, None, None, ALL, take))).items;
            let found = walk(&sizes, |before, limits, take| {
                world.ask(|r| r.executions(list, None, before.copied(), limits, take))
            });
            prop_assert_eq!(found, all, "{:?}", list);
        }
        let all = world.ask(|r| Page::of(|take| r.versions(one, None, ALL, take))).items;
        prop_assert_eq!(all.len(), 12);
        let found = walk(&sizes, |before, limits, take| {
            world.ask(|r| r.versions(one, before.copied(), limits, take))
        });
        prop_assert_eq!(found, all);
        Ok(())
    });
    walked.unwrap();
}

#[test]
fn a_page_looks_at_so_many_rows_and_says_where_it_stopped() {
    let world = filled();
    let limits = PageLimits { examined_rows: 10, ..ALL };
    let rare = JobList { filter: having("rare"), ..JobList::default() };
    let mut found = Vec::new();
    let next = world.ask(|r| {
        r.jobs(&rare, None, None, limits, |row| {
            found.push(row.seq.get());
            true
        })
    });
    // Numbers begin at 1; the first job is deleted.
    assert_eq!((found, next.map(|place| place.seq.get())), (vec![8], Some(10)));
    let (status, job) = (Some(Status::Cancelled), Some(world.job("job-1").seq));
    let filter = ExecutionFilter { status, job, ..ExecutionFilter::default() };
    let never = ExecutionList { filter, is_ascending: false };
    let limits = PageLimits { examined_rows: 2, ..ALL };
    let next = world.ask(|r| r.executions(&never, None, None, limits, |_| panic!("there is none")));
    assert!(next.is_some());
}

/// How many rows a list is asked for that has room for two.
fn asked(
    world: &World,
    read: impl FnOnce(&Reader, &mut dyn FnMut() -> bool) -> Result<(), StateError>,
) -> i32 {
    let mut asked = 0;
    let mut take = || {
        asked += 1;
        asked <= 2
    };
    world.ask(|r| read(r, &mut take));
    asked
}

#[test]
fn a_page_reads_no_row_behind_the_first_that_it_has_no_place_for() {
    let world = filled();
    let one = world.job("job-1").seq;
    let all = JobList::default();
    assert_eq!(asked(&world, |r, take| r.jobs(&all, None, None, ALL, |_| take()).map(drop)), 3);
    assert_eq!(asked(&world, |r, take| r.versions(one, None, ALL, |_| take()).map(drop)), 3);
    let all = ExecutionList::default();
    assert_eq!(asked(&world, |r, take| r.executions(&all, None, None, ALL, |_| take()).map(drop)), 3);
}

#[test]
fn a_question_is_given_up_as_soon_as_it_is_told_and_the_next_one_is_answered() {
    let mut world = World::new();
    for n in 0..200 {
        world.create(&format!("job-{n}"));
    }
    let mut reader = world.machine.reader().unwrap();
    let search = JobList { filter: having("nothing has this"), ..JobList::default() };
    let ask = |r: &Reader| r.at_once(|r| r.jobs(&search, None, None, ALL, |_| true));
    let given_up = reader.unless(|| true, ask).unwrap_err();
    assert!(given_up.is_given_up(), "{given_up}");
    assert_eq!(reader.unless(|| false, ask).unwrap(), None);
    assert_eq!(ask(&reader).unwrap(), None);
}
