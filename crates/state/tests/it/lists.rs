//! Lists: their filters, their order and their pages.

use chronos_state::{ExecutionFilter, ExecutionRow, JobFilter, JobSeq, Reported};
use chronos_types::{ExecutionId, JobSpec, Status, Trigger};

use crate::support::*;

fn names(world: &World, filter: &JobFilter) -> String {
    // In pages of two: no filter may lose or repeat one at a boundary.
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = world.ask(|r| jobs(r, filter, after, 2));
        assert!(page.items.len() <= 2);
        seen.extend(page.items.iter().map(|row| row.job.spec.as_ref().unwrap().name.as_str().to_owned()));
        after = page.items.last().map(|row| row.seq);
        if !page.more {
            let whole = world.ask(|r| jobs(r, filter, None, 100));
            assert_eq!(whole.items.len(), seen.len());
            return seen.join(" ");
        }
    }
}

#[test]
fn jobs_are_found_by_every_filter_and_by_all_at_once() {
    let mut world = World::new();
    let make = |name: &str, description: &str, enabled, labels| JobSpec {
        description: description.into(),
        enabled,
        tags: labels,
        ..spec(name)
    };
    world.create_as(make("a", "Nightly backup", true, tags([("team", "x"), ("env", "prod")])));
    world.create_as(make("b", "100% sure", false, tags([("team", "x")])));
    world.create_as(make("c", "", true, tags([("team", "y"), ("env", "prod")])));
    world.create_as(make("d_d", "back\\slash", true, tags([])));
    world.create_as(make("dxd", "1000 times", false, tags([("env", "test")])));
    world.create_as(make("e", "Übung, ΟΔΟΣ", true, tags([])));
    let gone = world.create_as(make("gone", "backup", true, tags([("team", "x")])));
    world.done(10, delete(&gone));

    let all = JobFilter::default;
    let enabled = |on| JobFilter { enabled: Some(on), ..all() };
    let q = having;
    let tag = |pairs: &[(&str, &str)]| JobFilter {
        tags: pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        ..all()
    };
    let cases = [
        (all(), "a b c d_d dxd e"),
        (enabled(true), "a c d_d e"),
        (enabled(false), "b dxd"),
        (tag(&[("team", "x")]), "a b"),
        (tag(&[("env", "prod")]), "a c"),
        (tag(&[("team", "x"), ("env", "prod")]), "a"),
        (tag(&[("env", "prod"), ("team", "y")]), "c"),
        (tag(&[("team", "X")]), ""),
        (tag(&[("team", "")]), ""),
        (q("BACK"), "a d_d"),
        (q("d"), "d_d dxd"),
        (q("d_d"), "d_d"),
        (q("_"), "d_d"),
        (q("%"), "b"),
        (q("0%"), "b"),
        (q("\\"), "d_d"),
        (q(""), "a b c d_d dxd e"),
        (q("übung"), "e"),
        (q("οδος"), "e"),
        (q("\0"), ""),
        (q("' OR 1=1 --"), ""),
        (JobFilter { enabled: Some(true), ..q("back") }, "a d_d"),
        (JobFilter { enabled: Some(false), ..tag(&[("team", "x")]) }, "b"),
        (
            JobFilter { enabled: Some(true), texts: q("n").texts, ..tag(&[("team", "x"), ("env", "prod")]) },
            "a",
        ),
    ];
    for (filter, wanted) in cases {
        assert_eq!(names(&world, &filter), wanted, "{filter:?}");
    }
}

#[test]
fn a_job_is_found_by_the_tags_it_has_now() {
    let mut world = World::new();
    let job = world.create_as(JobSpec { tags: tags([("k", "1"), ("stays", "")]), ..spec("a") });
    let next = JobSpec { tags: tags([("k", "2"), ("stays", "")]), ..spec("a") };
    world.run(10, put(job.job.id, Some(1), next, None));
    for (key, value, found) in [("k", "1", ""), ("k", "2", "a"), ("stays", "", "a")] {
        let filter = JobFilter { tags: vec![(key.into(), value.into())], ..JobFilter::default() };
        assert_eq!(names(&world, &filter), found, "{key}={value}");
    }
}

#[test]
fn a_name_that_looks_like_an_id_is_still_a_name() {
    let mut world = World::new();
    let a = world.create("a");
    let ghost = id_of("ghost").to_string();
    world.create(&ghost);
    world.create(&a.job.id.to_string());
    assert_eq!(world.job(&ghost).job.spec.unwrap().name.as_str(), ghost);
    // Where both fit, an id is meant.
    assert_eq!(world.job(&a.job.id.to_string()).seq, a.seq);
    assert_eq!(world.ask(|r| r.find_job("A")), None);
}

/// Two jobs, and an execution in every status for each.
fn filled() -> World {
    let mut world = World::new();
    let says: [Option<Reported>; 6] = [
        None,
        Some(failed(1, 0, Some(90_000))),
        Some(delivered(1, 0)),
        Some(failed(1, 0, None)),
        Some(Reported::Replaced { attempt: None }),
        Some(Reported::Skipped { reason: "busy".into() }),
    ];
    for name in ["a", "b"] {
        let job = world.create(name);
        for round in 0..2 {
            for (n, what) in (0..).zip(&says) {
                let due = 1000 * (1 + n + 7 * round);
                let fire = fire_of(&world.done(due - 500, plan([run(&job, due)])));
                if let Some(what) = what {
                    world.done(due, report(&fire, what.clone()));
                }
            }
            let fire = fire_of(&world.done(7000 * (round + 1), plan([run(&job, 7000 * (round + 1))])));
            world.done(7000, report(&fire, begun(1, 7000)));
        }
    }
    world
}

fn paged(world: &World, filter: &ExecutionFilter, size: usize) -> Vec<ExecutionRow> {
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = world.ask(|r| executions(r, filter, before, size));
        assert!(page.items.len() <= size);
        before = page.items.last().map(|row| row.execution.id);
        seen.extend(page.items);
        if !page.more {
            return seen;
        }
    }
}

#[test]
fn executions_are_listed_newest_first_by_job_and_by_status() {
    let world = filled();
    let jobs = [None, Some(world.job("a").seq), Some(world.job("b").seq), Some(JobSeq::new(99))];
    let statuses = Status::ALL.iter().copied().map(Some).chain([None]);
    for (job, status) in statuses.flat_map(|status| jobs.map(|job| (job, status))) {
        let filter = ExecutionFilter { job, status, ..ExecutionFilter::default() };
        let whole = world.ask(|r| executions(r, &filter, None, 100)).items;
        let each = if status.is_some() { 2 } else { 14 };
        let wanted = match job {
            None => 2 * each,
            Some(job) if job.get() == 99 => 0,
            Some(_) => each,
        };
        assert_eq!(whole.len(), wanted, "{filter:?}");
        assert!(whole.is_sorted_by(|x, y| x.execution.id > y.execution.id), "{filter:?}");
        assert!(whole.iter().all(|row| job.is_none_or(|job| row.job_seq == job)), "{filter:?}");
        assert!(whole.iter().all(|row| status.is_none_or(|s| row.execution.status == s)), "{filter:?}");
        for size in [1, 3] {
            assert_eq!(paged(&world, &filter, size), whole, "{filter:?} in pages of {size}");
        }
    }
}

#[test]
fn a_list_can_begin_before_an_execution_that_is_gone() {
    let world = filled();
    let filter = ExecutionFilter::default();
    let before = |at| world.ask(|r| executions(r, &filter, Some(ExecutionId::floor(at)), 100)).items.len();
    assert_eq!([before(0), before(1000), before(2000), before(99_000)], [0, 0, 2, 28]);
}

#[test]
fn the_last_run_of_a_job_is_the_newest_that_ran() {
    let mut world = World::new();
    let job = world.create("a");
    let mut last = |due: i64, what: Option<Reported>| {
        let fire = fire_of(&world.done(due - 500, plan([run(&job, due)])));
        if let Some(what) = what {
            world.done(due, report(&fire, what));
        }
        world.ask(|r| jobs(r, &JobFilter::default(), None, 1)).items[0].last_run
    };
    assert_eq!(last(1000, None), None);
    assert_eq!(last(2000, Some(Reported::Skipped { reason: "busy".into() })), None);
    assert_eq!(last(3000, Some(failed(1, 3001, None))), Some((Status::Failed, 3001)));
    assert_eq!(last(4000, Some(begun(1, 4001))), Some((Status::Running, 4001)));
    assert_eq!(last(5000, None), Some((Status::Running, 4001)));
    // A backfilled one counts as one by hand does.
    assert_eq!(Trigger::ALL.len(), 5, "a new trigger: does it count as a run?");
}
