//! Retention: what is past its keeping is found, and forgotten once no record needs it.

use chronos_state::{Command, Fire, JobSeq, Trim};
use chronos_types::{ExecutionId, JobSpec};

use crate::support::*;

fn trim(executions: Vec<i64>, versions: Vec<(JobSeq, u64)>, jobs: Vec<JobSeq>) -> Command {
    Command::Trim(Trim { executions, versions, jobs, keys_before: 0 })
}

/// Plans the runs of seconds 1 to `count`, and ends all but the last `open`.
fn runs(world: &mut World, name: &str, count: i64, open: i64) -> Vec<Fire> {
    let job = world.create(name);
    (1..=count)
        .map(|n| {
            let fire = fire_of(&world.done(n * 1000 - 500, plan([run(&job, n * 1000)])));
            if n <= count - open {
                world.done(n * 1000, report(&fire, delivered(1, n * 1000)));
            }
            fire
        })
        .collect()
}

fn ids(world: &World) -> Vec<ExecutionId> {
    let page = world.ask(|r| executions(r, &Default::default(), None, 100));
    page.items.into_iter().map(|row| row.execution.id).collect()
}

#[test]
fn a_job_that_holds_too_many_is_found_with_its_oldest_finished_runs() {
    let mut world = World::new();
    let fires = runs(&mut world, "a", 6, 1);
    runs(&mut world, "b", 2, 0);
    let a = world.job("a").seq;
    for (max, wanted) in
        [(1, vec![a, world.job("b").seq]), (2, vec![a]), (5, vec![a]), (6, vec![]), (u64::MAX, vec![])]
    {
        assert_eq!(world.ask(|r| r.overfull_jobs(max)), wanted, "more than {max}");
    }
    let surplus = |keep, limit| world.ask(|r| r.surplus_executions(a, keep, limit));
    let counts = [(0, 9, 5), (0, 2, 2), (2, 9, 4), (5, 9, 1), (6, 9, 0), (u64::MAX, 9, 0)];
    for (keep, limit, wanted) in counts {
        assert_eq!(surplus(keep, limit).len(), wanted, "keep {keep}, at most {limit}");
    }
    world.done(9000, trim(surplus(4, 9), vec![], vec![]));
    assert_eq!(world.ask(|r| r.overfull_jobs(3)), [a]);
    assert!(world.ask(|r| r.overfull_jobs(4)).is_empty());
    for (n, fire) in fires.iter().enumerate() {
        assert_eq!(world.ask(|r| r.execution(fire.run.execution)).is_some(), n >= 2, "run {n}");
    }
}

#[test]
fn aged_runs_are_found_the_oldest_first() {
    let mut world = World::new();
    runs(&mut world, "a", 5, 2);
    let aged = |before, limit| world.ask(|r| r.aged_executions(before, limit));
    let all = aged(i64::MAX >> 16, 9);
    // Those of seconds 4 and 5 are unfinished: however old, they are kept.
    assert_eq!(all.len(), 3);
    for (before, limit, wanted) in [(1000, 9, 0), (1001, 9, 1), (3000, 9, 2), (9000, 9, 3), (9000, 2, 2)] {
        assert_eq!(aged(before, limit), all[..wanted], "before {before}, at most {limit}");
    }
}

#[test]
fn an_unfinished_run_is_never_forgotten() {
    let mut world = World::new();
    runs(&mut world, "a", 2, 2);
    let before = dump(&world.path());
    assert_eq!(world.done(9000, trim((0..100).collect(), vec![], vec![JobSeq::new(1)])), []);
    assert_eq!(dump(&world.path()), before);
}

#[test]
fn a_trim_that_arrives_twice_forgets_nothing_more() {
    let mut world = World::new();
    let fires = runs(&mut world, "a", 2, 0);
    let all = world.ask(|r| r.aged_executions(9000, 9));
    world.done(9000, trim(all.clone(), vec![], vec![]));
    assert_eq!((ids(&world), world.ask(|r| r.overfull_jobs(0))), (vec![], vec![]));
    // A run that came after the first must not be taken for one of those.
    let job = world.job("a");
    let next = chronos_state::PlanStep { from: world.due("a").unwrap(), ..run(&job, 9000) };
    let fire = fire_of(&world.done(9100, plan([next])));
    world.done(9200, report(&fire, delivered(1, 9100)));
    world.done(9300, trim(all, vec![], vec![]));
    assert_eq!(ids(&world), [fire.run.execution]);
    assert!(!fires.contains(&fire));
}

#[test]
fn a_version_is_kept_while_an_execution_on_record_ran_it() {
    let mut world = World::new();
    let (job, fire) = world.with_run(spec("a"));
    world.done(1000, report(&fire, delivered(1, 1000)));
    for from in 1..5 {
        world.run(2000, put(job.job.id, Some(from), JobSpec { description: "x".into(), ..spec("a") }, None));
    }
    // Version 5 is in force, 1 was run.
    let surplus = |world: &World, keep| world.ask(|r| r.surplus_versions(keep, 9));
    let of = |versions: &[u64]| versions.iter().map(|v| (job.seq, *v)).collect::<Vec<_>>();
    for (keep, wanted) in [(0, &[2, 3, 4][..]), (1, &[2, 3]), (2, &[2]), (3, &[]), (9, &[]), (u64::MAX, &[])]
    {
        assert_eq!(surplus(&world, keep), of(wanted), "keep {keep}");
    }
    assert_eq!(world.ask(|r| r.surplus_versions(0, 2)), of(&[2, 3]));
    // Also when the leader asks for more than it may: one that was run, and the one in force.
    world.done(3000, trim(vec![], of(&[1, 2, 5]), vec![]));
    let left = world.ask(|r| versions(r, job.seq, None, 9)).items;
    assert_eq!(left.iter().map(|v| v.version).collect::<Vec<_>>(), [5, 4, 3, 1]);
    world.done(4000, trim(world.ask(|r| r.aged_executions(5000, 9)), vec![], vec![]));
    assert_eq!(surplus(&world, 1), of(&[1, 3]));
}

#[test]
fn a_deleted_job_is_forgotten_with_its_last_execution() {
    let mut world = World::new();
    let (job, fire) = world.with_run(spec("a"));
    world.done(1000, report(&fire, delivered(1, 1000)));
    let bare = world.create("b");
    world.run(1100, put(job.job.id, Some(1), spec("a"), None));
    for gone in [&job, &bare] {
        world.done(1200, delete(gone));
    }
    assert_eq!(world.ask(|r| r.forgotten_jobs(9)), [bare.seq]);
    // The one that still has an execution stays, whatever is asked.
    world.done(1300, trim(vec![], vec![], vec![job.seq, bare.seq, JobSeq::new(99)]));
    assert!(world.ask(|r| r.version(job.seq, 2)).is_some());
    assert_eq!(world.ask(|r| r.version(bare.seq, 1)), None);
    world.done(1400, trim(world.ask(|r| r.aged_executions(5000, 9)), vec![], vec![]));
    for (table, left) in [("jobs", 0), ("due", 0), ("versions", 0), ("tags", 0), ("executions", 0)] {
        let count: i64 = look(&world.path())
            .query_row(&format!("SELECT count(*) FROM {table}"), [], |r| r.get(0))
            .unwrap();
        assert_eq!(count, left, "{table}");
    }
    // A job that comes after is another one, by number too.
    assert!(world.create("c").seq > bare.seq);
}
