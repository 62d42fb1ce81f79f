//! Jobs that are written together, and the sets that own them.

use chronos_state::{
    Command, JobRow, JobSeq, Outcome, PruneSet, PutItem, PutJobs, PutOutcome, Refusal, SetOwner, SetSurplus,
};
use chronos_types::{JobSpec, Scope};

use crate::support::*;

const AT: i64 = 500;

fn world() -> World {
    let mut world = World::new();
    world.raise();
    world
}

fn new(name: &str) -> PutItem {
    created(id_of(name), spec(name), Some(1000))
}

fn described(job: &JobRow, text: &str) -> PutItem {
    let spec = JobSpec { description: text.into(), ..job.job.spec.clone().unwrap() };
    changed(job, spec)
}

fn owner(name: &str, apply: Option<&str>, adopt: bool) -> Option<SetOwner> {
    Some(SetOwner { name: name.into(), apply: apply.map(str::to_owned), adopt })
}

fn together(set: Option<SetOwner>, items: impl Into<Vec<PutItem>>) -> Command {
    Command::PutJobs(PutJobs { set, items: items.into() })
}

fn wrote(world: &mut World, command: Command) -> Vec<PutOutcome> {
    match world.run(AT, command).0 {
        Outcome::Jobs { jobs } => jobs,
        other => panic!("{other:?}"),
    }
}

/// An apply of the set `s` that names these jobs, the new ones among them.
fn apply(world: &mut World, id: &str, names: &[&str]) {
    let items: Vec<_> = names
        .iter()
        .map(|name| world.ask(|r| r.find_job(name)).map_or_else(|| new(name), |job| kept(&job)))
        .collect();
    wrote(world, together(owner("s", Some(id), false), items));
}

fn prune(set: &str, apply: &str, jobs: &[JobSeq]) -> Command {
    let (set, apply) = (set.to_owned(), apply.to_owned());
    Command::PruneSet(PruneSet { set, apply, jobs: jobs.to_vec(), last: true })
}

/// Prunes an apply of the set `s`, and answers what went.
fn pruned(world: &mut World, apply: &str) -> Vec<String> {
    let jobs: Vec<_> = surplus(world, apply).jobs.into_iter().map(|(job, _)| job).collect();
    match world.run(AT, prune("s", apply, &jobs)).0 {
        Outcome::Pruned { names, last: true } => names,
        other => panic!("{other:?}"),
    }
}

fn surplus(world: &World, apply: &str) -> SetSurplus {
    world.ask(|r| r.set_surplus("s", apply, 1000, &Scope::all())).expect("a known apply")
}

fn set_of(world: &World, name: &str) -> Option<String> {
    world.job(name).set
}

#[test]
fn jobs_are_written_together_and_each_is_answered_for() {
    let mut world = world();
    let (changes, stays) = (world.create("changes"), world.create("stays"));
    let items = [new("new"), described(&changes, "x"), kept(&stays), PutItem::Refused];
    let outcomes = wrote(&mut world, together(None, items));
    let expected =
        [PutOutcome::Created, PutOutcome::Changed(2), PutOutcome::Unchanged(1), PutOutcome::Refused];
    assert_eq!(outcomes, expected);
    assert_eq!(world.job("changes").job.spec.unwrap().description, "x");
    assert_eq!((world.job("new").job.version, world.job("stays").job), (1, stays.job));
}

#[test]
fn who_asks_is_on_record_for_each_of_them() {
    let mut world = world();
    let job = world.create("a");
    world.run_by(AT, together(None, [described(&job, "x"), new("b")]), by(3, Some("all")));
    for (name, version) in [("a", 2), ("b", 1)] {
        let job = world.job(name);
        assert_eq!((job.job.version, job.by), (version, Some(by(3, Some("all")))), "{name}");
    }
}

#[test]
fn where_one_is_not_as_it_was_read_nothing_is_done() {
    let mut world = world();
    let (job, gone) = (world.create("a"), world.create("gone"));
    world.done(AT, delete(&gone));
    let later = described(&job, "later");
    world.run(AT, together(None, [described(&job, "x")]));
    let current = world.job("a");
    let renamed = changed(&current, spec("b"));
    world.create("b");
    for (item, why) in [
        (later, "it was changed since"),
        (kept(&job), "it was changed since, and was to stay"),
        (described(&gone, "x"), "it is gone"),
        (kept(&gone), "it is gone, and was to stay"),
        (new("b"), "the name is taken"),
        (created(current.job.id, spec("c"), None), "the id is taken"),
        (created(gone.job.id, spec("c"), None), "the id was taken"),
        (renamed, "the new name is taken"),
        (PutItem::Keep { job: JobSeq::new(99), version: 1 }, "there is no such job"),
    ] {
        let refusal = world.refused(AT, together(owner("s", Some("1"), true), [new("new"), item]));
        assert_eq!(refusal, Refusal::Stale { item: 1 }, "{why}");
    }
}

#[test]
fn a_job_of_another_set_or_of_none_is_taken_over_only_where_that_is_said() {
    let mut world = world();
    let none = world.create("none");
    wrote(&mut world, together(owner("other", None, false), [new("other")]));
    let other = world.job("other");
    for job in [&none, &other] {
        for item in [kept(job), described(job, "x")] {
            let refusal = world.refused(AT, together(owner("s", None, false), [item]));
            assert_eq!(refusal, Refusal::Stale { item: 0 });
        }
    }
    // Without a set, whoever owns it does not matter, and nobody takes it over.
    assert_eq!(wrote(&mut world, together(None, [kept(&other)])), [PutOutcome::Unchanged(1)]);
    assert_eq!(set_of(&world, "other").as_deref(), Some("other"));
    // Taken over it is another job than before, and at the same version.
    let adopted = wrote(&mut world, together(owner("s", None, true), [kept(&none), kept(&other)]));
    assert_eq!(adopted, [PutOutcome::Changed(1); 2]);
    let again = wrote(&mut world, together(owner("s", None, false), [kept(&none), kept(&other)]));
    assert_eq!(again, [PutOutcome::Unchanged(1); 2]);
    for name in ["none", "other"] {
        assert_eq!(set_of(&world, name).as_deref(), Some("s"));
    }
}

#[test]
fn a_set_stays_when_its_jobs_are_changed_alone_and_goes_with_them() {
    let mut world = world();
    apply(&mut world, "1", &["a"]);
    let job = world.job("a");
    world.run(AT, put(job.job.id, Some(1), spec("renamed"), None));
    assert_eq!(set_of(&world, "renamed").as_deref(), Some("s"));
    world.done(AT, delete(&world.job("renamed")));
    // The set has no job any more, so it is none: what it remembered is gone too.
    assert_eq!(world.ask(|r| r.set_surplus("s", "nobody", 9, &Scope::all())), Some(SetSurplus::default()));
    world.create("renamed");
    assert_eq!(set_of(&world, "renamed"), None);
    apply(&mut world, "2", &["b"]);
    assert_eq!(world.ask(|r| r.set_surplus("s", "1", 9, &Scope::all())), None);
}

#[test]
fn a_prune_deletes_what_its_apply_did_not_name() {
    let mut world = world();
    apply(&mut world, "1", &["a", "b", "c"]);
    wrote(&mut world, together(owner("other", Some("2"), false), [new("elsewhere")]));
    world.create("alone");
    // In two portions.
    apply(&mut world, "2", &["a"]);
    apply(&mut world, "2", &["d"]);
    let jobs = ["b", "c"].map(|name| (world.job(name).seq, name.to_owned()));
    assert_eq!(surplus(&world, "2"), SetSurplus { jobs: jobs.to_vec(), count: 2 });
    // What is named and is not of the surplus stays.
    let all: Vec<_> = ["a", "b", "d", "elsewhere", "alone"].map(|name| world.job(name).seq).to_vec();
    let outcome = world.run(AT, prune("s", "2", &all)).0;
    assert_eq!(outcome, Outcome::Pruned { names: vec!["b".into()], last: true });
    assert_eq!(pruned(&mut world, "2"), ["c"]);
    assert_eq!(pruned(&mut world, "2"), Vec::<String>::new());
    for name in ["a", "d", "elsewhere", "alone"] {
        world.job(name);
    }
    assert_eq!(world.refused(AT, prune("s", "3", &[])), Refusal::NoSuchApply);
    assert_eq!(world.refused(AT, prune("nobody", "2", &[])), Refusal::NoSuchApply);
}

#[test]
fn an_apply_that_names_nothing_is_one_too() {
    let mut world = world();
    apply(&mut world, "1", &["a", "b"]);
    apply(&mut world, "2", &[]);
    assert_eq!(pruned(&mut world, "2"), ["a", "b"]);
    // Of a set that owns nothing, nothing is kept.
    apply(&mut world, "3", &[]);
    assert_eq!(world.refused(AT, prune("s", "3", &[])), Refusal::NoSuchApply);
}

#[test]
fn a_late_prune_leaves_what_a_newer_apply_named() {
    let mut world = world();
    apply(&mut world, "0", &["old"]);
    apply(&mut world, "1", &["a", "b"]);
    apply(&mut world, "2", &["b", "c"]);
    // Also where a late portion of the older one comes after it, and names what the newer one has named.
    apply(&mut world, "1", &["b", "d"]);
    assert_eq!(pruned(&mut world, "1"), ["old"]);
    // What the older one alone named is not of the newer one.
    assert_eq!(pruned(&mut world, "2"), ["a", "d"]);
    for name in ["b", "c"] {
        world.job(name);
    }
}

#[test]
fn what_is_written_without_an_apply_belongs_to_the_newest() {
    let mut world = world();
    apply(&mut world, "1", &["a", "b"]);
    apply(&mut world, "2", &["a"]);
    let (b, items) = (world.job("b"), [new("late")]);
    wrote(&mut world, together(owner("s", None, false), [items.to_vec(), vec![kept(&b)]].concat()));
    assert_eq!(pruned(&mut world, "2"), Vec::<String>::new());
    apply(&mut world, "3", &["a"]);
    assert_eq!(pruned(&mut world, "3"), ["b", "late"]);
}

#[test]
fn a_set_remembers_its_newest_sixteen_applies() {
    let mut world = world();
    for number in 0..20 {
        apply(&mut world, &number.to_string(), &["a"]);
    }
    for number in 0..20 {
        let known = world.ask(|r| r.set_surplus("s", &number.to_string(), 9, &Scope::all()));
        assert_eq!(known.is_some(), number >= 4, "{number}");
    }
    assert_eq!(world.refused(AT, prune("s", "3", &[])), Refusal::NoSuchApply);
}

#[test]
fn only_what_is_in_use_is_written_for_a_job_that_is_named_again() {
    let mut world = world();
    apply(&mut world, "1", &["a", "b"]);
    apply(&mut world, "2", &["a", "b"]);
    let before = dump(&world.path());
    apply(&mut world, "2", &["a", "b"]);
    apply(&mut world, "1", &["a"]);
    assert_eq!(dump(&world.path()), before);
}

#[test]
fn before_its_version_nothing_of_it_is_done() {
    let mut world = World::new();
    for command in [together(None, [new("a")]), prune("s", "1", &[])] {
        assert_eq!(world.refused(AT, command), Refusal::VersionNotFollowed { follows: 1 });
    }
    let job = world.create("a");
    assert_eq!(job.set, None);
    world.done(AT, delete(&job));
}

#[test]
fn jobs_that_are_written_together_count_and_weigh_as_alone() {
    let job = new("a");
    let PutItem::Put(alone) = job.clone() else { unreachable!() };
    let alone = Command::PutJob(alone);
    let keep = PutItem::Keep { job: JobSeq::new(1), version: 1 };
    let many = together(None, [vec![job; 3], vec![keep; 2], vec![PutItem::Refused]].concat());
    assert_eq!((many.rows(), many.since(), alone.since()), (5, 2, 1));
    assert!((3 * alone.weight()..3 * alone.weight() + 200).contains(&many.weight()));
    assert_eq!(together(None, []).rows(), 1);
    assert_eq!((prune("s", "1", &[JobSeq::new(1); 7]).rows(), prune("s", "1", &[]).rows()), (7, 1));
}
