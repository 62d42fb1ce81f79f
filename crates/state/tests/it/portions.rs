//! No command changes more than [`MAX_ROWS`] rows: what a change of a job has to do with its runs is done in portions,
//! and comes to what the model does at once.

use std::collections::BTreeSet;

use chronos_state::{
    Anew, Batch, Cancel, Change, ClockWord, Command, Compare, DueAnew, Effect, Fire, Idempotency, JobRow,
    MAX_ROWS, Outcome, Proposal, Remainder, Trim,
};
use chronos_types::{ExecutionId, JobSpec, Millis, Trigger};

use crate::model::Model;
use crate::oracle::{expect, read};
use crate::support::*;

/// The instant of the changes. Runs are planned each second; half of them are to come then.
const CHANGED_AT: Millis = 1_250_500;
const RUNS: i64 = 2_500;

/// A machine, and the model that is told the same.
struct Both {
    world: World,
    model: Model,
}

impl Both {
    fn new() -> Self {
        Self { world: World::new(), model: Model::default() }
    }

    /// Applies a command to both. They answer the same.
    fn apply(&mut self, at: Millis, command: Command) -> Vec<Effect> {
        let proposal = Proposal::from(command);
        let (outcome, _) = self.model.apply(at, &proposal);
        let mut applied = self.world.batch(&Batch { at, items: vec![proposal.clone()] });
        assert_eq!(applied.outcomes.remove(0), outcome, "{proposal:?}");
        applied.effects
    }

    /// A job with many runs: planned, waiting for a jitter, begun, waiting for a retry, over.
    fn crowded(&mut self, name: &str) -> JobRow {
        self.apply(5, put(id_of(name), None, spec(name), Some(1000)));
        let job = self.world.job(name);
        let steps: Vec<_> = (1..=RUNS)
            .map(|second| {
                with(run(&job, second * 1000), |planned| {
                    planned.node = node(["n1", "n2"][usize::try_from(second % 2).unwrap()]);
                    if second % 5 == 0 {
                        planned.fire_at += 4_000_000;
                    }
                    if second % 7 == 0 {
                        planned.trigger = Trigger::CatchUp;
                    }
                })
            })
            .collect();
        let mut fires = Vec::new();
        for steps in steps.chunks(MAX_ROWS) {
            fires.extend(super::support::fires(&self.apply(500, plan(steps))));
        }
        for (number, fire) in fires.iter().enumerate().filter(|(number, _)| *number < 1_250) {
            let at = fire.run.scheduled_time;
            match number % 50 {
                1 => drop(self.apply(600, report(fire, begun(1, at)))),
                2 => drop(self.apply(600, report(fire, failed(1, 590, Some(9_000_000))))),
                3 => drop(self.apply(600, report(fire, delivered(1, at)))),
                4 => drop(self.apply(600, moved(fire, fire.node.as_str(), "n3", true))),
                _ => {}
            }
        }
        self.world.job(name)
    }

    /// Does what is left, and answers in how many portions. Before each, `meanwhile` may do what it likes.
    fn finish(&mut self, mut meanwhile: impl FnMut(&mut Self, Millis)) -> usize {
        let mut portions = 0;
        while self.world.ask(|r| r.has_remainders()) {
            let at = CHANGED_AT + 1000 * (portions + 1);
            meanwhile(self, at);
            let before = self.touched();
            self.world.done(at, Command::Portion);
            let changed = self.touched().difference(&before).count();
            assert!(changed <= MAX_ROWS, "{changed} at once");
            portions += 1;
            assert!(portions < 100, "it comes to an end");
        }
        usize::try_from(portions).unwrap()
    }

    /// What has been changed, as far as that can be seen: what is over, what is withdrawn, what runs another version.
    fn touched(&self) -> BTreeSet<(ExecutionId, u64, bool)> {
        let rows = self.world.ask(|r| executions(r, &Default::default(), None, 10_000)).items;
        let rows = rows.iter().map(|row| &row.execution);
        rows.map(|run| (run.id, run.job_version, run.status.is_finished())).collect()
    }

    fn agree(&self) {
        let (found, wanted) = (read(&self.world, &self.model), expect(&self.model));
        assert!(found == wanted, "{}", difference(&found, &wanted));
        chronos_state::check(&self.world.path()).unwrap();
    }
}

fn difference(found: &impl std::fmt::Debug, wanted: &impl std::fmt::Debug) -> String {
    let (found, wanted) = (format!("{found:#?}"), format!("{wanted:#?}"));
    let other = found.lines().zip(wanted.lines()).enumerate().find(|(_, (found, wanted))| found != wanted);
    format!("{other:?}")
}

/// Each change of a job that has to do with its runs.
fn changes(job: &JobRow) -> [(&'static str, Command); 4] {
    let of = |spec, due| put(job.job.id, Some(job.job.version), spec, due);
    let next = Some(CHANGED_AT + 500);
    [
        ("delete", delete(job)),
        ("disable", of(JobSpec { enabled: false, ..spec("a") }, None)),
        ("other instants", of(JobSpec { schedule: "@every 2s".into(), ..spec("a") }, next)),
        ("other version", of(JobSpec { description: "new".into(), ..spec("a") }, next)),
    ]
}

#[test]
fn a_change_in_portions_comes_to_the_same_as_at_once() {
    for number in 0..4 {
        let mut both = Both::new();
        let job = both.crowded("a");
        let (name, change) = changes(&job)[number].clone();
        let effects = both.apply(CHANGED_AT, change);
        assert!(effects.iter().any(|effect| matches!(effect, Effect::Remains(_))), "{name}");
        assert!(effects.len() <= MAX_ROWS + 2, "{name}: {}", effects.len());
        let portions = both.finish(|_, _| {});
        assert!(portions >= 2, "{name} in {portions} portions");
        both.agree();
    }
}

#[test]
fn what_is_to_end_is_owed_by_nobody_before_its_turn_comes() {
    for number in 0..3 {
        let mut both = Both::new();
        let job = both.crowded("a");
        let (name, change) = changes(&job)[number].clone();
        both.apply(CHANGED_AT, change);
        for owner in ["n1", "n2", "n3"] {
            let owed = both.world.ask(|r| r.open_fires(&node(owner)));
            assert!(owed == both.model.open_fires(owner), "{name}: {owner} owes {}", owed.len());
            let withdrawn = both.world.ask(|r| r.withdrawn(&node(owner)));
            let wanted = both.model.withdrawn.values().filter(|fire| fire.node == node(owner));
            assert!(withdrawn == wanted.cloned().collect::<Vec<_>>(), "{name}: {owner}, {}", withdrawn.len());
        }
    }
}

#[test]
fn a_command_that_comes_upon_a_run_of_a_remainder_finds_it_as_if_all_had_been_done() {
    for number in 0..4 {
        let mut both = Both::new();
        let job = both.crowded("a");
        let all: Vec<Fire> = ["n1", "n2", "n3"].iter().flat_map(|name| both.model.open_fires(name)).collect();
        let (name, change) = changes(&job)[number].clone();
        both.apply(CHANGED_AT, change);
        let mut left = all.into_iter().rev();
        let portions = both.finish(|both, at| {
            // The last ones, whose turn has not come.
            let mut next = || left.next().expect("a run");
            let skipped = chronos_state::Reported::Skipped { reason: "busy".into() };
            for what in [begun(1, at), delivered(1, at), failed(1, at, None), skipped] {
                both.apply(at, report(&next(), what));
            }
            for known in [chronos_state::Reported::NotBegun, chronos_state::Reported::Unknown] {
                both.apply(at, report(&next(), known));
            }
            both.apply(at, Command::Cancel(Cancel { execution: next().run.execution }));
            let fire = next();
            both.apply(at, reassign(&fire, fire.node.as_str(), "n3"));
            let id = ExecutionId::manual(job.job.id, at, [1; 10]);
            both.apply(at, trigger(&job, id, Some(next().run.execution)));
        });
        assert!(portions >= 2, "{name} in {portions} portions");
        both.agree();
    }
}

#[test]
fn a_run_of_a_remainder_is_not_computed_anew_before_it_has_come_to_its_end() {
    for number in 0..4 {
        let mut both = Both::new();
        let job = both.crowded("a");
        let (name, change) = changes(&job)[number].clone();
        both.apply(CHANGED_AT, change);
        let to = CHANGED_AT - 100_000;
        both.apply(CHANGED_AT, Command::Clock(ClockWord::Passes));
        both.apply(to, Command::Clock(ClockWord::Back));
        assert!(both.world.ask(|r| r.has_remainders()), "{name}");
        let runs = both.world.ask(|r| r.waiting_runs(None, to, 9_999)).found;
        assert!(!runs.is_empty(), "{name}");
        let command = Command::Clock(ClockWord::Anew(Anew { to, runs, done: true, ..Anew::default() }));
        let (_, wanted) = both.model.apply(to, &command.clone().into());
        let effects = both.world.done(to, command);
        assert_eq!(fires(&effects), fires(&wanted), "{name}");
        both.finish(|_, _| {});
        both.agree();
    }
}

#[test]
fn a_job_is_changed_again_and_again_before_the_first_change_is_done() {
    let mut both = Both::new();
    let job = both.crowded("a");
    let change = |both: &mut Both, spec, due| {
        let version = both.world.job("a").job.version;
        both.apply(CHANGED_AT, put(job.job.id, Some(version), spec, due));
    };
    let due = CHANGED_AT + 500;
    change(&mut both, JobSpec { description: "new".into(), ..spec("a") }, None);
    change(&mut both, JobSpec { enabled: false, ..spec("a") }, None);
    change(&mut both, spec("a"), Some(due));
    // An instant that is to be withdrawn is planned anew.
    let again = run(&both.world.job("a"), due);
    let effects = both.apply(CHANGED_AT, plan([again]));
    let planned = fires(&effects).pop().expect("it is planned");
    assert_eq!((planned.run.scheduled_time, planned.run.version), (due, 4));
    let mut number = 0;
    both.finish(|both, at| {
        number += 1;
        if number == 2 {
            let gone = both.world.job("a");
            both.apply(at, delete(&gone));
        }
    });
    assert!(number > 2);
    both.agree();
    assert_eq!(both.world.ask(|r| r.open_nodes()), []);
}

#[test]
fn a_run_that_is_to_end_is_not_in_the_way_of_a_trigger() {
    let mut both = Both::new();
    both.apply(
        5,
        put(
            id_of("a"),
            None,
            JobSpec { concurrency: chronos_types::Concurrency::Forbid, ..spec("a") },
            Some(1000),
        ),
    );
    let job = both.world.job("a");
    let waiting = |second: i64| {
        with(run(&job, second * 1000), |planned| {
            planned.trigger = Trigger::CatchUp;
            planned.fire_at = 90_000_000;
        })
    };
    for steps in (1..=1_500).map(waiting).collect::<Vec<_>>().chunks(MAX_ROWS) {
        both.apply(500, plan(steps));
    }
    let off = JobSpec { enabled: false, concurrency: chronos_types::Concurrency::Forbid, ..spec("a") };
    both.apply(2_000_000, put(job.job.id, Some(1), off, None));
    assert!(both.world.ask(|r| r.has_remainders()));
    both.apply(2_000_100, trigger(&job, ExecutionId::manual(job.job.id, 2_000_100, [1; 10]), None));
    both.finish(|_, _| {});
    both.agree();
}

#[test]
fn all_changes_of_a_batch_do_one_portion_together() {
    let mut both = Both::new();
    let jobs: Vec<JobRow> = (0..4).map(|n| both.crowded_with(&format!("j{n}"), 400)).collect();
    let items: Vec<Proposal> = jobs.iter().map(|job| delete(job).into()).collect();
    for item in &items {
        both.model.apply(CHANGED_AT, item);
    }
    let applied = both.world.batch(&Batch { at: CHANGED_AT, items });
    assert!(applied.outcomes.iter().all(|outcome| *outcome == Outcome::Done));
    let ended = applied.effects.iter().filter(|effect| matches!(effect, Effect::Cancel(_))).count();
    assert_eq!(ended, MAX_ROWS);
    let left: Vec<Change> = applied
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Remains(Remainder { change, .. }) => Some(*change),
            _ => None,
        })
        .collect();
    assert_eq!(left, [Change::Delete; 2]);
    assert_eq!(both.world.ask(|r| r.count_jobs()), (0, 0), "all of them are deleted at once");
    assert_eq!(both.finish(|_, _| {}), 1);
    both.agree();
}

impl Both {
    /// A job with runs that were missed.
    fn crowded_with(&mut self, name: &str, runs: i64) -> JobRow {
        self.apply(5, put(id_of(name), None, spec(name), Some(1000)));
        let job = self.world.job(name);
        let missed =
            |second: i64| with(run(&job, second * 1000), |planned| planned.trigger = Trigger::CatchUp);
        self.apply(500, plan((1..=runs).map(missed).collect::<Vec<_>>()));
        job
    }
}

#[test]
fn a_trim_forgets_one_portion_of_keys_and_of_versions() {
    let trim =
        |jobs, keys_before| Command::Trim(Trim { executions: vec![], versions: vec![], jobs, keys_before });
    let mut world = World::new();
    let keyed = |key: usize| {
        let idempotency = Some(Idempotency { key: format!("k{key}"), fingerprint: "f".into() });
        Proposal {
            idempotency,
            by: None,
            sealed_by: None,
            command: put(id_of(&format!("j{key}")), None, spec(&format!("j{key}")), None),
        }
    };
    let items = (0..MAX_ROWS + 200).map(keyed).collect();
    world.batch(&Batch { at: 10, items });
    let keys = |world: &World| world.ask(|r| r.keys_before(20, 9_999));
    assert_eq!(keys(&world), MAX_ROWS + 200);
    world.done(30, trim(vec![], 20));
    assert_eq!(keys(&world), 200);
    world.done(30, trim(vec![], 20));
    assert_eq!(keys(&world), 0);

    let job = world.job("j0");
    for from in 1..=1_200 {
        world.run(
            40,
            put(job.job.id, Some(from), JobSpec { description: from.to_string(), ..spec("j0") }, None),
        );
    }
    world.done(50, delete(&world.job("j0")));
    let versions = |world: &World| world.ask(|r| versions(r, job.seq, None, 9_999)).items.len();
    assert_eq!(versions(&world), 1_200);
    world.done(60, trim(vec![job.seq], 0));
    assert_eq!((versions(&world), world.forgotten()), (200, vec![job.seq]));
    world.done(60, trim(vec![job.seq], 0));
    assert_eq!((versions(&world), world.forgotten()), (0, vec![]));
}

#[test]
fn what_a_command_may_change_is_known_before_it_is_proposed() {
    let mut world = World::new();
    let job = world.create("a");
    let steps: Vec<_> = (1..=501).map(|second| run(&job, second * 1000)).collect();
    assert_eq!(plan(steps).rows(), MAX_ROWS + 2, "a run, and its due instant");
    assert_eq!(delete(&job).rows(), 1);
    assert_eq!(Command::Portion.rows(), MAX_ROWS, "it is alone in its batch");
    assert_eq!(Command::Compare(Compare::default()).rows(), MAX_ROWS, "it reads so many");
    let trim = Trim {
        executions: vec![1; 600],
        versions: vec![(job.seq, 1); 300],
        jobs: vec![job.seq; 51],
        keys_before: 0,
    };
    assert_eq!(Command::Trim(trim).rows(), MAX_ROWS + 2, "a job, and its due instant");
    let keys = Trim { executions: vec![1], versions: vec![], jobs: vec![], keys_before: 5 };
    assert_eq!(Command::Trim(keys).rows(), MAX_ROWS, "as many keys as there is room for");
    let due = DueAnew { job: job.seq, version: 1, from: None, next_due: None };
    let anew = Anew { to: 5, due: vec![due; 600], runs: vec![1; 401], done: false };
    assert_eq!(Command::Clock(ClockWord::Anew(anew)).rows(), MAX_ROWS + 1);
    assert_eq!(Command::Clock(ClockWord::Back).rows(), 1);
}
