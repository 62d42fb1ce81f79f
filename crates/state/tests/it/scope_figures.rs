//! Figures by the values of the tag that is the scope of keys.

use chronos_state::{
    ClockWord, Command, FiguresFrom, Fire, HostFailures, JobRow, KeyWord, NodeKeys, Reported, ScopeFigures,
};
use chronos_types::{ErrorKind, ExecutionId, JobSpec, Millis, Scope, Status};

use crate::support::*;

const MINUTE: Millis = 60_000;
const HOUR: Millis = 60 * MINUTE;
const DAY: Millis = 24 * HOUR;

fn team(name: &str, team: &str) -> JobSpec {
    JobSpec { tags: tags([("team", team), ("env", "web")]), ..spec(name) }
}

/// The configuration of a node names a tag as the scope of keys, or none.
fn told(world: &mut World, at: Millis, name: &str, tag: Option<&str>) {
    let scope_tag = tag.map(str::to_owned);
    let keys = NodeKeys { node: node(name), asks: true, scope_tag, keys: Vec::new() };
    world.done(at, Command::Keys(KeyWord::Node(keys)));
}

fn raised(tag: &str) -> World {
    let mut world = World::new();
    world.raise();
    told(&mut world, 0, "n1", Some(tag));
    world
}

/// A run by hand, which is not over yet.
fn begun(world: &mut World, job: &JobRow, at: Millis) -> Fire {
    let random = (at ^ (job.seq.get() << 48)).to_be_bytes().repeat(2)[..10].try_into().unwrap();
    let (_, effects) = world.run(at, trigger(job, ExecutionId::manual(job.job.id, at, random), None));
    fire_of(&effects)
}

fn went(world: &mut World, job: &JobRow, at: Millis, what: Reported) {
    let fire = begun(world, job, at);
    world.done(at, report(&fire, what));
}

fn succeeds(world: &mut World, job: &JobRow, at: Millis) {
    went(world, job, at, delivered(1, at));
}

fn timed_out(at: Millis, host: &str) -> Reported {
    let mut what = calling(delivered(1, at), host);
    let Reported::Ended { response, failure, .. } = &mut what else { panic!("it ended") };
    *response = Default::default();
    *failure = Some((ErrorKind::Timeout, "no answer in 30 s".to_owned()));
    what
}

fn of(world: &World, scope: &Scope, step: Millis) -> ScopeFigures {
    world.ask(|r| r.figures_in(scope.limit().unwrap(), step, Millis::MIN, Millis::MAX))
}

fn since(world: &World, scope: &Scope) -> Option<Millis> {
    world.ask(|r| r.figures_since_in(scope.limit().unwrap()))
}

fn ended(series: &[FiguresFrom], status: Status) -> Vec<(Millis, u64)> {
    let count = |(start, figures): &FiguresFrom| (*start, figures.executions(status));
    series.iter().map(count).filter(|(_, count)| *count > 0).collect()
}

fn successes(world: &World, team: &str, step: Millis) -> Vec<(Millis, u64)> {
    ended(&of(world, &scope("team", &[team]), step).series, Status::Success)
}

#[test]
fn what_is_done_of_a_job_counts_for_its_team_from_when_the_tag_is_known_on() {
    let mut world = World::new();
    world.raise();
    let (web, ops) = (world.create_as(team("w", "web")), world.create_as(team("o", "ops")));
    let (bare, empty) = (world.create_as(spec("bare")), world.create_as(team("e", "")));
    let (mine, both) = (scope("team", &["web"]), scope("team", &["ops", "web"]));
    succeeds(&mut world, &web, DAY);
    assert_eq!((since(&world, &mine), of(&world, &mine, DAY).series), (None, vec![]));
    told(&mut world, DAY + 1, "n1", None);
    assert_eq!(since(&world, &mine), None);
    told(&mut world, DAY + 2, "n1", Some("team"));
    told(&mut world, DAY + 3, "n2", Some("team"));
    assert_eq!((since(&world, &mine), since(&world, &scope("env", &["web"]))), (Some(DAY + 2), None));
    for at in [DAY + 10, DAY + 20, DAY + 6 * MINUTE, DAY + HOUR, 2 * DAY] {
        succeeds(&mut world, &web, at);
        went(&mut world, &ops, at, timed_out(at, "ops.example"));
        succeeds(&mut world, &bare, at);
        succeeds(&mut world, &empty, at);
    }
    assert_eq!(
        successes(&world, "web", 5 * MINUTE),
        [(DAY, 2), (DAY + 5 * MINUTE, 1), (DAY + HOUR, 1), (2 * DAY, 1)]
    );
    assert_eq!(successes(&world, "web", HOUR), [(DAY, 3), (DAY + HOUR, 1), (2 * DAY, 1)]);
    assert_eq!(successes(&world, "web", DAY), [(DAY, 4), (2 * DAY, 1)]);
    assert_eq!(successes(&world, "ops", DAY), []);
    let found = of(&world, &both, DAY);
    assert_eq!(ended(&found.series, Status::Success), [(DAY, 4), (2 * DAY, 1)]);
    assert_eq!(ended(&found.series, Status::Failed), [(DAY, 4), (2 * DAY, 1)]);
    assert!(found.are_told_apart);
    let failed =
        HostFailures { host: Some("ops.example".to_owned()), error_kind: Some(ErrorKind::Timeout), count: 5 };
    assert_eq!((found.failed_hosts, of(&world, &mine, DAY).failed_hosts), (vec![failed], vec![]));
    // A part of the time, and of all jobs all is counted as before.
    let limit = mine.limit().unwrap();
    let some = world.ask(|r| r.figures_in(limit, HOUR, DAY + HOUR, 2 * DAY)).series;
    assert_eq!(ended(&some, Status::Success), [(DAY + HOUR, 1)]);
    let all = world.ask(|r| r.figures(DAY, Millis::MIN, Millis::MAX));
    assert_eq!(ended(&all, Status::Success), [(DAY, 13), (2 * DAY, 3)]);
}

#[test]
fn it_counts_for_the_team_that_the_job_has_then_also_where_it_is_deleted_by_then() {
    let mut world = raised("team");
    let job = world.create_as(team("w", "web"));
    succeeds(&mut world, &job, 100);
    let (moved, _) = world.run(200, put(job.job.id, Some(1), team("w", "ops"), Some(1000)));
    assert!(matches!(moved, chronos_state::Outcome::Job { .. }), "{moved:?}");
    let job = world.job("w");
    succeeds(&mut world, &job, 300);
    let under_way = begun(&mut world, &job, 400);
    world.done(500, delete(&job));
    world.done(600, report(&under_way, delivered(1, 600)));
    assert_eq!((successes(&world, "web", DAY), successes(&world, "ops", DAY)), (vec![(0, 1)], vec![(0, 1)]));
    let of_ops = of(&world, &scope("team", &["ops"]), DAY).series;
    assert_eq!(ended(&of_ops, Status::Cancelled), [(0, 1)]);
}

#[test]
fn with_another_tag_figures_begin_anew() {
    let mut world = raised("team");
    let job = world.create_as(team("w", "web"));
    succeeds(&mut world, &job, 100);
    told(&mut world, 200, "n1", Some("env"));
    succeeds(&mut world, &job, 300);
    let (by_team, by_env) = (scope("team", &["web"]), scope("env", &["web"]));
    assert_eq!((since(&world, &by_team), since(&world, &by_env)), (None, Some(200)));
    assert_eq!(ended(&of(&world, &by_env, DAY).series, Status::Success), [(0, 1)]);
    // A node that has none any more, or starts again with what it had, changes nothing.
    told(&mut world, 400, "n2", None);
    told(&mut world, 500, "n1", Some("env"));
    assert_eq!(since(&world, &by_env), Some(200));
    told(&mut world, DAY, "n1", Some("team"));
    world.done(DAY - HOUR, Command::Clock(ClockWord::Back));
    assert_eq!(since(&world, &by_team), Some(DAY - HOUR), "it is not in the time to come");
}

#[test]
fn past_so_many_teams_the_others_are_not_told_apart_and_that_is_said() {
    let mut world = raised("team");
    for n in 0..201 {
        let job = world.create_as(team(&format!("j{n:03}"), &format!("t{n:03}")));
        succeeds(&mut world, &job, 2_000 + n);
    }
    let mine = scope("team", &["t000"]);
    assert_eq!((successes(&world, "t199", DAY).len(), successes(&world, "t200", DAY).len()), (1, 0));
    assert!(!of(&world, &mine, DAY).are_told_apart);
    let later = world.job("j200");
    succeeds(&mut world, &later, DAY);
    assert_eq!(successes(&world, "t200", DAY), [(DAY, 1)]);
    let limit = mine.limit().unwrap();
    assert!(world.ask(|r| r.figures_in(limit, DAY, DAY, 2 * DAY)).are_told_apart);
    assert!(!of(&world, &mine, HOUR).are_told_apart);
}

#[test]
fn stretches_of_teams_are_forgotten_when_their_time_is_over() {
    let mut world = raised("team");
    let (web, ops) = (world.create_as(team("w", "web")), world.create_as(team("o", "ops")));
    succeeds(&mut world, &ops, HOUR);
    for hour in 1..60 {
        succeeds(&mut world, &web, hour * HOUR);
    }
    assert_eq!(successes(&world, "web", 5 * MINUTE)[0].0, 11 * HOUR);
    // Also those of a team that does nothing any more.
    assert_eq!(
        (successes(&world, "ops", 5 * MINUTE), successes(&world, "ops", HOUR)),
        (vec![], vec![(HOUR, 1)])
    );
}
