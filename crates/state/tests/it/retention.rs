//! Retention: what is past its keeping is found, and forgotten once no record needs it.

use chronos_state::{Batch, Command, Fire, Idempotency, JobSeq, Keep, MAX_ROWS, Proposal, Trim};
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
    let (a, b) = (world.job("a").seq, world.job("b").seq);
    let count = |world: &World, keep: u64| world.overfull(keep, u64::MAX).executions.len();
    for (keep, wanted) in [(0, 7), (1, 6), (2, 4), (4, 2), (5, 1), (6, 0), (u64::MAX, 0)] {
        assert_eq!(count(&world, keep), wanted, "keep {keep}");
    }
    // From the job on where the look begins, and no more jobs than it may look at.
    let look = |from, limit| world.ask(|r| r.overfull_jobs(from, limit, keep(1, u64::MAX)));
    assert_eq!((look(a, 1).trim.executions.len(), look(a, 1).next), (5, Some(b)));
    assert_eq!((look(b, 1).trim.executions.len(), look(b, 1).next), (1, None));
    world.done(9000, Command::Trim(world.overfull(4, u64::MAX)));
    assert_eq!((world.held(a), count(&world, 4)), (4, 0));
    for (n, fire) in fires.iter().enumerate() {
        assert_eq!(world.ask(|r| r.execution(fire.run.execution)).is_some(), n >= 2, "run {n}");
    }
}

#[test]
fn runs_of_a_time_to_come_are_not_the_newest() {
    let mut world = World::new();
    let fires = runs(&mut world, "a", 6, 0);
    // The clock was ahead when those of the seconds 5 and 6 ran.
    let keep = Keep { until: 4_500, ..keep(2, u64::MAX) };
    let found = world.ask(|r| r.overfull_jobs(JobSeq::default(), 9, keep)).trim;
    assert_eq!(found.executions.len(), 2);
    world.done(9000, Command::Trim(found));
    for (n, fire) in fires.iter().enumerate() {
        assert_eq!(world.ask(|r| r.execution(fire.run.execution)).is_some(), n >= 2, "run {n}");
    }
}

#[test]
fn aged_runs_are_found_the_oldest_first() {
    let mut world = World::new();
    runs(&mut world, "a", 5, 2);
    let all = world.aged(i64::MAX >> 16, 9);
    // Those of seconds 4 and 5 are unfinished: however old, they are kept.
    assert_eq!(all.len(), 3);
    for (before, limit, wanted) in [(1000, 9, 0), (1001, 9, 1), (3000, 9, 2), (9000, 9, 3), (9000, 2, 2)] {
        assert_eq!(world.aged(before, limit), all[..wanted], "before {before}, at most {limit}");
    }
    // Look by look: each begins where the one before ended, and those that are unfinished count too.
    let (mut found, mut looks, mut from) = (Vec::new(), 0, None);
    loop {
        let surplus = world.ask(|r| r.aged_executions(from, 9000, 2));
        found.extend(surplus.trim.executions);
        looks += 1;
        from = surplus.next;
        if from.is_none() {
            break;
        }
    }
    assert_eq!((found, looks), (all, 3));
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
    let all = world.aged(9000, 9);
    world.done(9000, trim(all.clone(), vec![], vec![]));
    assert_eq!((ids(&world), world.held(world.job("a").seq)), (vec![], 0));
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
    let surplus = |world: &World, keep| world.overfull(u64::MAX, keep).versions;
    let of = |versions: &[u64]| versions.iter().map(|v| (job.seq, *v)).collect::<Vec<_>>();
    for (keep, wanted) in [(0, &[2, 3, 4][..]), (1, &[2, 3]), (2, &[2]), (3, &[]), (9, &[]), (u64::MAX, &[])]
    {
        assert_eq!(surplus(&world, keep), of(wanted), "keep {keep}");
    }
    // Also when the leader asks for more than it may: one that was run, and the one in force.
    world.done(3000, trim(vec![], of(&[1, 2, 5]), vec![]));
    let left = world.ask(|r| versions(r, job.seq, None, 9)).items;
    assert_eq!(left.iter().map(|v| v.version).collect::<Vec<_>>(), [5, 4, 3, 1]);
    world.done(4000, trim(world.aged(5000, 9), vec![], vec![]));
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
    assert_eq!(world.forgotten(), [bare.seq]);
    // The one that still has an execution stays, whatever is asked.
    world.done(1300, trim(vec![], vec![], vec![job.seq, bare.seq, JobSeq::new(99)]));
    assert!(world.ask(|r| r.version(job.seq, 2)).is_some());
    assert_eq!(world.ask(|r| r.version(bare.seq, 1)), None);
    world.done(1400, trim(world.aged(5000, 9), vec![], vec![]));
    for (table, left) in [("jobs", 0), ("due", 0), ("versions", 0), ("tags", 0), ("executions", 0)] {
        let count: i64 = look(&world.path())
            .query_row(&format!("SELECT count(*) FROM {table}"), [], |r| r.get(0))
            .unwrap();
        assert_eq!(count, left, "{table}");
    }
    // A job that comes after is another one, by number too.
    assert!(world.create("c").seq > bare.seq);
}

#[test]
fn a_deleted_job_of_very_many_versions_goes_in_portions() {
    let mut world = World::new();
    let job = world.create("a");
    let most = u64::try_from(MAX_ROWS).unwrap();
    let change = |from: u64| {
        let changed = JobSpec { description: from.to_string(), ..spec("a") };
        put(job.job.id, Some(from), changed, None).into()
    };
    world.batch(&Batch { at: 1, items: (1..=most + 200).map(change).collect() });
    world.done(2, delete(&job));
    let world_path = world.path();
    let versions = || -> u64 {
        look(&world_path).query_row("SELECT count(*) FROM versions", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(versions(), most + 200);
    let first = world.ask(|r| r.forgotten_jobs(JobSeq::default(), 9));
    assert_eq!((first.trim.versions.len(), first.trim.jobs.len()), (MAX_ROWS, 0));
    assert_eq!(first.next, Some(job.seq));
    // The machine does no more than it may, whatever is asked.
    world.done(3, trim(vec![], vec![], vec![job.seq]));
    assert_eq!(versions(), 200);
    let mut commands = 0;
    loop {
        let found = world.ask(|r| r.forgotten_jobs(JobSeq::default(), 9)).trim;
        if found.rows() == 0 {
            break;
        }
        let before = versions();
        world.done(4, Command::Trim(found));
        assert!(before - versions() <= most);
        commands += 1;
    }
    assert_eq!((commands, versions()), (1, 0));
}

#[test]
fn keys_go_in_portions_the_oldest_first() {
    let mut world = World::new();
    let most = i64::try_from(MAX_ROWS).unwrap();
    let world_path = world.path();
    let keyed = |n: i64| {
        let name = format!("job-{n}");
        let idempotency = Some(Idempotency { key: format!("k{n}"), fingerprint: "f".into() });
        Batch {
            at: n,
            items: vec![Proposal { idempotency, command: put(id_of(&name), None, spec(&name), None) }],
        }
    };
    let batches: Vec<_> = (1..=most + 50).map(keyed).collect();
    world.machine.apply(&batches.iter().map(logged).collect::<Vec<_>>(), &[]).unwrap();
    let left = || -> (i64, i64) {
        let sql = "SELECT count(*), min(at) FROM keys";
        look(&world_path).query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    };
    let keys = |before| {
        Command::Trim(Trim { executions: vec![], versions: vec![], jobs: vec![], keys_before: before })
    };
    world.done(9000, keys(most + 41));
    assert_eq!(left(), (50, most + 1));
    // What else a command takes away counts.
    let versions = (0..995).map(|version| (JobSeq::new(1), version)).collect();
    world.done(
        9000,
        Command::Trim(Trim { executions: vec![], versions, jobs: vec![], keys_before: most + 41 }),
    );
    assert_eq!(left(), (10, most + 41), "none of those versions was there");
    world.done(9000, keys(most + 41));
    assert_eq!(left(), (10, most + 41));
}
