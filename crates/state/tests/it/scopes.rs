//! What whoever asks may see: jobs by their tag, also deleted ones, with all that comes of them

use chronos_state::{Command, ExecutionFilter, JobRow, Outcome, PutJobs, SetOwner, SetSurplus};
use chronos_types::{JobSpec, KeyScope, Scope};

use crate::support::*;

fn team(name: &str, team: &str) -> JobSpec {
    JobSpec { tags: tags([("team", team)]), ..spec(name) }
}

#[test]
fn a_job_is_seen_by_its_tag_and_one_that_is_deleted_by_its_last_one() {
    let mut world = World::new();
    let ((web, fire), ops) = (world.with_run(team("w", "web")), world.create_as(team("o", "ops")));
    world.create_as(spec("untagged"));
    let run = fire.run.execution;
    let (mine, both, other) =
        (scope("team", &["web"]), scope("team", &["web", "ops"]), scope("group", &["web"]));
    let sees = |world: &World, scope: &Scope, job: &JobRow| {
        let found = world.ask(|r| r.find_job_in(&job.job.id.to_string(), scope)).is_some();
        assert_eq!(found, world.ask(|r| r.is_job_in(job.seq, scope)), "{scope:?}");
        found
    };
    for (scope, sees_web, sees_ops) in [
        (&mine, true, false),
        (&both, true, true),
        (&other, false, false),
        (&Scope::all(), true, true),
        (&Scope::of(None, KeyScope(["web".to_owned()].into())), false, false),
    ] {
        assert_eq!((sees(&world, scope, &web), sees(&world, scope, &ops)), (sees_web, sees_ops), "{scope:?}");
        assert_eq!(world.ask(|r| r.execution_in(run, scope)).is_some(), sees_web, "{scope:?}");
    }
    let within = |world: &World, scope: &Scope| world.ask(|r| r.jobs_in(scope.limit().unwrap(), 1));
    assert_eq!(within(&world, &mine), (vec![web.seq], true));
    assert!(!within(&world, &both).1);
    world.done(90_000, delete(&web));
    assert_eq!(within(&world, &mine), (vec![], true));
    for (scope, is_seen) in [(&mine, true), (&scope("team", &["ops", "x"]), false)] {
        assert_eq!(world.ask(|r| r.execution_in(run, scope)).is_some(), is_seen, "{scope:?}");
        let filter = ExecutionFilter { scope: scope.clone(), ..ExecutionFilter::default() };
        let listed = world.ask(|r| executions(r, &filter, None, 10)).items;
        assert_eq!(listed.len(), usize::from(is_seen), "{scope:?}");
    }
}

/// Puts new jobs into a set, as the apply of its name.
fn put_set(world: &mut World, set: &str, apply: &str, jobs: impl IntoIterator<Item = JobSpec>) {
    let items = jobs.into_iter().map(|spec| created(id_of(spec.name.as_str()), spec, Some(60_000))).collect();
    let owner = SetOwner { name: set.to_owned(), apply: Some(apply.to_owned()), adopt: false };
    let put = Command::PutJobs(PutJobs { set: Some(owner), items });
    assert!(matches!(world.run(1_000, put).0, Outcome::Jobs { .. }));
}

#[test]
fn a_set_is_within_a_scope_if_all_of_its_jobs_are() {
    let mut world = World::new();
    world.raise();
    world.create_as(team("other", "ops"));
    let (mine, other) = (scope("team", &["web"]), scope("team", &["ops"]));
    assert!(world.ask(|r| r.is_set_in("s", &mine)), "it owns none");
    put_set(&mut world, "s", "1", [team("a", "web"), team("b", "web")]);
    assert!(world.ask(|r| r.is_set_in("s", &mine)) && !world.ask(|r| r.is_set_in("s", &other)));
    assert_eq!(world.ask(|r| r.set_values("s", "team", None)), [Some("web".to_owned())]);
    assert_eq!(world.ask(|r| r.set_surplus("s", "1", 9, &mine)).unwrap().count, 0);
    assert_eq!(world.ask(|r| r.set_surplus("s", "x", 9, &mine)), None);
    // To others it is no set.
    assert_eq!(world.ask(|r| r.set_surplus("s", "x", 9, &other)), Some(SetSurplus::default()));
    put_set(&mut world, "s", "1", [team("c", "ops")]);
    assert!(!world.ask(|r| r.is_set_in("s", &mine)) && !world.ask(|r| r.is_set_in("s", &other)));
    assert_eq!(world.ask(|r| r.set_values("s", "team", None)).len(), 2);
    let facets = world.ask(|r| r.common_sets(&other, 9)).facets;
    assert_eq!((facets.len(), facets[0].jobs), (1, 1));
    let tags = world.ask(|r| r.common_tags(&mine, 9)).facets;
    assert_eq!((tags.len(), tags[0].value.as_str(), tags[0].jobs), (1, "web", 2));
}
