//! Retention: what is past its keeping is found, and forgotten once no record needs it.

use chronos_state::{
    Age, Batch, Command, ExecutionFilter, Fire, Idempotency, JobSeq, Keep, MAX_ROWS, PlanStep, Proposal, Trim,
};
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
        let surplus = world.ask(|r| r.aged_executions(from, age(9000), 2));
        found.extend(surplus.trim.executions);
        looks += 1;
        from = surplus.next;
        if from.is_none() {
            break;
        }
    }
    assert_eq!((found, looks), (all, 3));
}

/// Forgets what is past its age as it comes of age, two executions a look.
fn age_by_age(world: &mut World, age: Age) {
    let mut from = None;
    loop {
        let surplus = world.ask(|r| r.aged_executions(from, age, 2));
        from = surplus.next;
        world.done(900_000, Command::Trim(surplus.trim));
        if from.is_none() {
            return;
        }
    }
}

/// Forgets what is past its age job by job, two jobs a look.
fn age_of_jobs(world: &mut World, age: Age) {
    let mut from = JobSeq::default();
    loop {
        let surplus = world.ask(|r| r.aged_of_jobs(from, age, 2));
        world.done(900_000, Command::Trim(surplus.trim));
        match surplus.next {
            Some(next) => from = next,
            None => return,
        }
    }
}

/// The seconds of the runs of each job that are on record, the oldest first.
fn seconds(world: &World, name: &str) -> Vec<i64> {
    let filter = ExecutionFilter { job: Some(world.job(name).seq), ..ExecutionFilter::default() };
    let page = world.ask(|r| executions(r, &filter, None, 1000));
    page.items.iter().rev().map(|row| row.execution.scheduled_time / 1000).collect()
}

#[test]
fn whatever_its_age_the_newest_of_each_job_stay() {
    for forget in [age_by_age, age_of_jobs] {
        let mut world = World::new();
        runs(&mut world, "many", 9, 0);
        runs(&mut world, "few", 3, 0);
        // The last two are unfinished, and among the newest.
        runs(&mut world, "open", 6, 2);
        runs(&mut world, "none", 0, 0);
        let age = Age { least: 3, ..age(8_000) };
        for _ in 0..2 {
            forget(&mut world, age);
            assert_eq!(seconds(&world, "many"), [7, 8, 9]);
            assert_eq!(seconds(&world, "few"), [1, 2, 3]);
            assert_eq!(seconds(&world, "open"), [4, 5, 6]);
        }
        // What is young stays beyond that number.
        let mut world = World::new();
        runs(&mut world, "many", 9, 0);
        forget(&mut world, Age { before: 4_000, ..age });
        assert_eq!(seconds(&world, "many"), [4, 5, 6, 7, 8, 9]);
        forget(&mut world, Age { least: 0, ..age });
        assert_eq!(seconds(&world, "many"), [8, 9]);
    }
}

#[test]
fn what_stayed_though_it_was_old_goes_as_newer_ones_come() {
    let mut world = World::new();
    let fires = runs(&mut world, "a", 4, 1);
    let job = world.job("a");
    let age = Age { least: 3, ..age(100_000) };
    age_by_age(&mut world, age);
    assert_eq!(seconds(&world, "a"), [2, 3, 4]);
    world.done(4_500, report(&fires[3], delivered(1, 4_000)));
    let fire = fire_of(&world.done(200_000, plan([PlanStep { from: 5_000, ..run(&job, 200_000) }])));
    world.done(200_000, report(&fire, delivered(1, 200_000)));
    // Where it is gone on from, none is met again.
    let from = Some(ExecutionId::floor(100_000));
    assert_eq!(world.ask(|r| r.aged_executions(from, age, 9)).trim.rows(), 0);
    age_of_jobs(&mut world, age);
    assert_eq!(seconds(&world, "a"), [3, 4, 200]);
    // One that comes of age does not go in the place of an older one that stayed.
    let fire = fire_of(&world.done(300_000, plan([run(&world.job("a"), 201_000)])));
    world.done(300_000, report(&fire, delivered(1, 300_000)));
    let later = Age { before: 250_000, ..age };
    let met = world.ask(|r| r.aged_executions(Some(ExecutionId::floor(150_000)), later, 9));
    assert_eq!(met.trim.rows(), 0, "both are among the newest three");
    age_of_jobs(&mut world, later);
    assert_eq!(seconds(&world, "a"), [4, 200, 201]);
}

#[test]
fn an_old_run_that_was_unfinished_when_it_was_met_goes_once_it_is_over() {
    let mut world = World::new();
    let fires = runs(&mut world, "a", 3, 3);
    let age = Age { least: 1, ..age(9_000) };
    for fire in &fires[1..] {
        world.done(5_000, report(fire, delivered(1, 5_000)));
    }
    age_by_age(&mut world, age);
    assert_eq!(seconds(&world, "a"), [1, 3]);
    age_of_jobs(&mut world, age);
    assert_eq!(seconds(&world, "a"), [1, 3]);
    world.done(6_000, report(&fires[0], delivered(1, 6_000)));
    age_of_jobs(&mut world, age);
    assert_eq!(seconds(&world, "a"), [3]);
}

#[test]
fn a_deleted_job_keeps_nothing_past_its_age() {
    for forget in [age_by_age, age_of_jobs] {
        let mut world = World::new();
        runs(&mut world, "gone", 4, 0);
        runs(&mut world, "disabled", 2, 0);
        let (gone, disabled) = (world.job("gone"), world.job("disabled"));
        world.done(5_000, delete(&gone));
        world.run(5_000, put(disabled.job.id, Some(1), JobSpec { enabled: false, ..spec("disabled") }, None));
        forget(&mut world, Age { least: 50, ..age(3_000) });
        assert_eq!(world.held(gone.seq), 2, "those that are young");
        forget(&mut world, Age { least: 50, ..age(9_000) });
        assert_eq!(seconds(&world, "disabled"), [1, 2], "it may be enabled again");
        // With the last of them the job itself was forgotten.
        let sql = "SELECT count(*) FROM jobs WHERE seq = ?1";
        let left: i64 = look(&world.path()).query_row(sql, [gone.seq.get()], |row| row.get(0)).unwrap();
        assert_eq!(left, 0);
    }
}

#[test]
fn runs_of_a_time_to_come_keep_none_of_now_from_staying() {
    for forget in [age_by_age, age_of_jobs] {
        let mut world = World::new();
        runs(&mut world, "a", 6, 0);
        // The clock was ahead when those of the seconds 5 and 6 ran.
        forget(&mut world, Age { least: 2, until: 4_500, ..age(4_500) });
        assert_eq!(seconds(&world, "a"), [3, 4, 5, 6]);
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
    let all = world.aged(9000, 9);
    world.done(9000, trim(all.clone(), vec![], vec![]));
    assert_eq!((ids(&world), world.held(world.job("a").seq)), (vec![], 0));
    // A run that came after the first must not be taken for one of those.
    let job = world.job("a");
    let next = PlanStep { from: world.due("a").unwrap(), ..run(&job, 9000) };
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
            items: vec![Proposal {
                idempotency,
                by: None,
                sealed_by: None,
                command: put(id_of(&name), None, spec(&name), None),
            }],
        }
    };
    let batches: Vec<_> = (1..=most + 50).map(keyed).collect();
    let batches: Vec<_> = (1..).zip(&batches).map(|(index, batch)| logged(index, batch)).collect();
    world.machine.apply(&batches, &[]).unwrap();
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
