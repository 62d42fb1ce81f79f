//! Who made each version of a job: it is kept as long as the version is, and nothing is kept where nobody asks.

use chronos_state::{Command, JobSeq, MAX_ROWS, Outcome, Refusal, Trim};
use chronos_types::{By, ExecutionId, JobSpec};

use crate::support::*;

fn count(world: &World, table: &str) -> usize {
    look(&world.path()).query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

/// A job with so many versions, each of which somebody made.
fn with_versions(world: &mut World, versions: u64) -> JobSeq {
    world.run_by(0, put(id_of("a"), None, spec("a"), Some(1000)), by(1, None));
    for version in 1..versions {
        let changed = JobSpec { description: version.to_string(), ..spec("a") };
        let (outcome, _) =
            world.run_by(10, put(id_of("a"), Some(version), changed, Some(1000)), by(2, Some("so")));
        assert!(matches!(outcome, Outcome::Job { .. }), "{outcome:?}");
    }
    world.job("a").seq
}

fn trim(versions: Vec<(JobSeq, u64)>, jobs: Vec<JobSeq>) -> Command {
    Command::Trim(Trim { executions: vec![], versions, jobs, keys_before: 0 })
}

#[test]
fn nobody_is_put_on_record_before_the_version_that_brings_it() {
    let mut world = World::new();
    let before = dump(&world.path());
    let (outcome, effects) = world.run_by(0, put(id_of("a"), None, spec("a"), None), by(1, None));
    assert_eq!(outcome, Outcome::Refused { refusal: Refusal::VersionNotFollowed { follows: 1 } });
    assert_eq!((effects, dump(&world.path())), (vec![], before));
    // What was made before is of nobody, and stays so.
    world.create("b");
    world.raise();
    assert_eq!(world.job("b").by, None);
}

#[test]
fn who_made_a_version_is_forgotten_with_it() {
    let mut world = World::new();
    world.raise();
    let job = with_versions(&mut world, 6);
    assert_eq!(count(&world, "authors"), 6);
    world.done(20, trim(vec![(job, 1), (job, 2), (job, 9)], vec![]));
    assert_eq!((count(&world, "versions"), count(&world, "authors")), (3, 4));
    assert_eq!(world.job("a").by, Some(by(2, Some("so"))));
    let deleted = delete(&world.job("a"));
    world.run_by(30, deleted, by(3, None));
    assert_eq!(count(&world, "authors"), 5, "and who deleted it");
    world.done(40, trim(vec![], vec![job]));
    assert_eq!((count(&world, "jobs"), count(&world, "versions"), count(&world, "authors")), (0, 0, 0));
}

#[test]
fn no_trim_takes_away_more_rows_with_those_who_made_them() {
    let mut world = World::new();
    world.raise();
    let job = with_versions(&mut world, 1_300);
    let rows = |world: &World| {
        ["jobs", "due", "versions", "authors"].map(|table| count(world, table)).iter().sum::<usize>()
    };
    let before = rows(&world);
    world.done(20, trim((1..=1_000).map(|version| (job, version)).collect(), vec![]));
    assert_eq!(before - rows(&world), MAX_ROWS);
    let deleted = delete(&world.job("a"));
    world.run_by(30, deleted, by(3, None));
    let mut left = rows(&world);
    for _ in 0..10 {
        let found = world.ask(|r| r.forgotten_jobs(JobSeq::default(), 10)).trim;
        world.done(40, Command::Trim(found));
        let now = rows(&world);
        assert!(left - now <= MAX_ROWS, "{left} rows, and then {now}");
        left = now;
    }
    assert_eq!(left, 0);
}

#[test]
fn of_what_a_schedule_asks_for_nothing_is_written() {
    let mut world = World::new();
    world.raise();
    let (job, fire) = world.with_run(spec("a"));
    let told = |world: &World| {
        let sql = "SELECT count(*) FROM executions WHERE detail IS NOT NULL";
        look(&world.path()).query_row(sql, [], |row| row.get::<_, usize>(0)).unwrap()
    };
    assert_eq!((told(&world), count(&world, "authors")), (0, 0));
    assert_eq!(world.execution(fire.run.execution).by, Some(By::system()));
    let manual = ExecutionId::manual(job.job.id, 600, [1; 10]);
    world.run_by(600, trigger(&job, manual, None), by(1, None));
    assert_eq!((told(&world), world.execution(manual).by), (1, Some(by(1, None))));
    // What is recorded since leaves it as it was.
    let fire = world.ask(|r| r.open_fires(&node(NODE))).into_iter().find(|fire| fire.run.execution == manual);
    world.done(700, report(&fire.unwrap(), delivered(1, 601)));
    assert_eq!(world.execution(manual).by, Some(by(1, None)));
}

#[test]
fn the_runs_of_a_deleted_job_are_cancelled_by_whoever_deleted_it_in_however_many_portions() {
    let mut world = World::new();
    world.raise();
    let job = world.create("a");
    let manual = |number: usize| {
        let mut random = [0; 10];
        random[2..].copy_from_slice(&(number as u64).to_be_bytes());
        ExecutionId::manual(job.job.id, 600, random)
    };
    for number in 0..MAX_ROWS + 1 {
        world.run(600, trigger(&job, manual(number), None));
    }
    world.run_by(700, delete(&job), by(3, Some("old")));
    assert!(world.ask(|r| r.has_remainders()));
    world.done(800, Command::Portion);
    for number in [0, MAX_ROWS] {
        assert_eq!(world.execution(manual(number)).cancelled_by, Some(by(3, Some("old"))), "{number}");
    }
}
