//! What becomes of the instants of a job that is due: a table, and every combination against a naive rule.

use std::collections::BTreeMap;

use chronos_state::JobSeq;
use chronos_types::{Concurrency, JobId, JobTimes, NodeName};

use super::*;

/// When the job of the tests was created. All other instants are seconds since then.
const CREATED_AT: Millis = 1_700_000_000_000;

/// From where; what is passed over: from, to and how many; the run and its trigger; the next.
type Step = (i64, Option<(i64, i64, u64)>, Option<(i64, Trigger)>, Option<i64>);

fn at(seconds: i64) -> Millis {
    CREATED_AT + seconds * 1_000
}

fn job(schedule: &str, missed_runs: MissedRuns, due: i64) -> DueJob {
    let times = JobTimes {
        schedule: schedule.to_owned(),
        timezone: "UTC".to_owned(),
        missed_runs,
        concurrency: Concurrency::Allow,
        jitter: DurationMs::default(),
        start_at: None,
        end_at: Some(at(600)),
    };
    let id = JobId::new(CREATED_AT, [1; 10]);
    DueJob { seq: JobSeq::new(1), id, version: 3, created_at: CREATED_AT, at: at(due), times }
}

fn rules(now: i64, misfire_threshold: i64, catch_up_window: i64) -> Rules {
    let ms = |seconds: i64| seconds * 1_000;
    Rules {
        now: at(now),
        misfire_threshold: ms(misfire_threshold),
        catch_up_window: ms(catch_up_window),
        from_now: false,
    }
}

fn planned(rules: &Rules, job: &DueJob) -> Vec<PlanStep> {
    let mut portion = Portion::large();
    let name = NodeName::unchecked("n1");
    let planned = rules.plan(job, Node { name: &name, beside: false }, 10_000, &mut portion);
    assert_eq!(planned.is_err(), job.times.schedule == "@whenever", "{planned:?}");
    portion.into_steps()
}

/// The steps for a job that is due at `due`, when it is `now`, and a minute late is missed.
fn check(schedule: &str, missed_runs: MissedRuns, due: i64, now: i64, expected: &[Step]) {
    check_with(&rules(now, 60, 250), &job(schedule, missed_runs, due), expected);
}

fn check_with(rules: &Rules, job: &DueJob, expected: &[Step]) {
    let seconds = |at: Millis| (at - CREATED_AT) / 1_000;
    let step = |step: &PlanStep| {
        assert_eq!((step.job, step.version), (job.seq, job.version));
        let missed = step.missed.as_ref().map(|missed| {
            assert_eq!(missed.entry, ExecutionId::missed(job.id, missed.to));
            (seconds(missed.from), seconds(missed.to), missed.count)
        });
        let run = step.run.as_ref().map(|planned| {
            assert_eq!(planned.fire_at, planned.scheduled_time, "no jitter");
            (seconds(planned.scheduled_time), planned.trigger)
        });
        (seconds(step.from), missed, run, step.next_due.map(seconds))
    };
    let steps: Vec<_> = planned(rules, job).iter().map(step).collect();
    let JobTimes { schedule, missed_runs, .. } = &job.times;
    assert_eq!(steps, expected, "{schedule} {missed_runs:?} {} {}", seconds(job.at), seconds(rules.now));
}

/// The run of an instant that is not missed.
fn on_time(at: i64, next: Option<i64>) -> Step {
    (at, None, Some((at, Trigger::Schedule)), next)
}

#[test]
fn what_is_due_up_to_the_horizon_is_planned() {
    let plan = |schedule, due, now, expected: &[Step]| {
        check(schedule, MissedRuns::ExecuteOne, due, now, expected);
    };
    plan("@every 10s", 10, 9, &[on_time(10, Some(20))]);
    plan("@every 1s", 1, 0, &[on_time(1, Some(2)), on_time(2, Some(3))]);
    // Late, and not missed yet.
    plan("@every 30s", 30, 89, &[on_time(30, Some(60)), on_time(60, Some(90)), on_time(90, Some(120))]);
    // The last one before the job's end.
    plan("@every 10s", 600, 599, &[on_time(600, None)]);
    // A schedule that this release cannot read stops its job, whose due instant stays.
    plan("@whenever", 10, 9, &[]);
}

#[test]
fn what_was_missed_goes_by_the_policy_of_the_job() {
    use MissedRuns::{ExecuteAll, ExecuteOne, Ignore};
    use Trigger::CatchUp;
    let end = on_time(500, Some(600));
    // What has come and is not missed runs in the same step.
    let then = Some((500, Trigger::Schedule));
    let missed = |policy, due, expected: &[Step]| check("@every 100s", policy, due, 500, expected);
    missed(Ignore, 100, &[(100, Some((100, 400, 4)), then, Some(600))]);
    missed(Ignore, 400, &[(400, Some((400, 400, 1)), then, Some(600))]);
    // What has not come is planned as ever.
    check("@every 100s", Ignore, 100, 499, &[(100, Some((100, 400, 4)), None, Some(500)), end]);
    check("@every 100s", Ignore, 100, 490, &[(100, Some((100, 400, 4)), None, Some(500))]);
    missed(ExecuteOne, 100, &[(100, Some((100, 300, 3)), Some((400, CatchUp)), Some(500)), end]);
    // Nothing but the latest was missed, so nothing is passed over.
    missed(ExecuteOne, 400, &[(400, None, Some((400, CatchUp)), Some(500)), end]);
    // It reaches 250 seconds back.
    let latest = (400, None, Some((400, CatchUp)), Some(500));
    missed(ExecuteAll, 100, &[(100, Some((100, 200, 2)), Some((300, CatchUp)), Some(400)), latest, end]);
    missed(ExecuteAll, 300, &[(300, None, Some((300, CatchUp)), Some(400)), latest, end]);
}

#[test]
fn what_a_job_missed_before_its_end_is_told_too() {
    use MissedRuns::{ExecuteAll, ExecuteOne, Ignore};
    let ended = |policy, expected| check("@every 100s", policy, 100, 1_000, &[expected]);
    let all = (100, Some((100, 600, 6)), None, None);
    ended(Ignore, all);
    ended(ExecuteAll, all);
    ended(ExecuteOne, (100, Some((100, 500, 5)), Some((600, Trigger::CatchUp)), None));
    // 30 seconds after the creation.
    check("@at 2023-11-14T22:13:50Z", Ignore, 30, 500, &[(30, Some((30, 30, 1)), None, None)]);
}

#[test]
fn a_window_shorter_than_the_threshold_drops_nothing_that_is_not_missed() {
    let job = job("@every 10s", MissedRuns::ExecuteAll, 10);
    let late = |first: i64| (first..=10).map(|n| on_time(n * 10, Some(n * 10 + 10))).collect::<Vec<_>>();
    for window in [0, 5, 59] {
        let first = (10, Some((10, 40, 4)), Some((50, Trigger::Schedule)), Some(60));
        check_with(&rules(100, 60, window), &job, &[vec![first], late(6)].concat());
    }
    // What is as late as both is missed, and within the window.
    let first = (10, Some((10, 30, 3)), Some((40, Trigger::CatchUp)), Some(50));
    check_with(&rules(100, 60, 60), &job, &[vec![first], late(5)].concat());
}

#[test]
fn why_instants_are_passed_over_names_what_decided() {
    let reason = |policy| {
        let steps = planned(&rules(500, 60, 250), &job("@every 100s", policy, 100));
        steps[0].missed.as_ref().expect("an entry").reason.clone()
    };
    for (policy, parts) in [
        (MissedRuns::Ignore, ["`scheduler.misfire_threshold` (1m)", "`ignore`"]),
        (MissedRuns::ExecuteOne, ["`scheduler.misfire_threshold` (1m)", "`execute_one`"]),
        (MissedRuns::ExecuteAll, ["`scheduler.catch_up_window` (4m10s)", "`execute_all`"]),
    ] {
        let reason = reason(policy);
        assert!(parts.iter().all(|part| reason.contains(part)), "{policy:?}: {reason}");
    }
}

/// What becomes of one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decided {
    Runs(Trigger),
    PassedOver,
}

/// What is to become of each instant of a job up to the horizon, by the words of the documentation.
fn expected(rules: &Rules, job: &DueJob) -> BTreeMap<Millis, Decided> {
    let times = Times::of(&job.times, job.created_at).expect("a schedule");
    let until = rules.now + HORIZON_MS + TOGETHER_MS;
    let instants: Vec<_> =
        std::iter::successors(Some(job.at), |at| times.after(*at)).take_while(|at| *at <= until).collect();
    let is_missed = |at: Millis| {
        let fires_at = at + jitter(ExecutionId::scheduled(job.id, at), job.times.jitter);
        rules.now - fires_at >= rules.misfire_threshold
    };
    let decide = |(place, at): (usize, &Millis)| {
        let is_latest = !instants.get(place + 1).is_some_and(|next| is_missed(*next));
        let runs = match job.times.missed_runs {
            MissedRuns::Ignore => false,
            MissedRuns::ExecuteOne => is_latest,
            MissedRuns::ExecuteAll => rules.now - at <= rules.catch_up_window,
        };
        let decided = match (is_missed(*at), runs) {
            (false, _) => Decided::Runs(Trigger::Schedule),
            (true, true) => Decided::Runs(Trigger::CatchUp),
            (true, false) => Decided::PassedOver,
        };
        (*at, decided)
    };
    instants.iter().enumerate().map(decide).collect()
}

/// What steps decide; each instant once, and each step where the one before ended.
fn decided(job: &DueJob, steps: &[PlanStep]) -> BTreeMap<Millis, Decided> {
    let times = Times::of(&job.times, job.created_at).expect("a schedule");
    let (mut all, mut from) = (BTreeMap::new(), Some(job.at));
    for step in steps {
        assert_eq!(Some(step.from), from);
        if let Some(PassedOver { from, to, count, .. }) = &step.missed {
            let stretch = std::iter::successors(Some(*from), |at| times.after(*at));
            let stretch: Vec<_> = stretch.take_while(|at| at <= to).collect();
            assert_eq!((stretch.last(), stretch.len() as u64), (Some(to), *count));
            for at in stretch {
                assert_eq!(all.insert(at, Decided::PassedOver), None, "twice: {steps:?}");
            }
        }
        if let Some(run) = &step.run {
            let twice = all.insert(run.scheduled_time, Decided::Runs(run.trigger));
            assert_eq!(twice, None, "twice: {steps:?}");
        }
        from = step.next_due;
    }
    all
}

#[test]
fn each_instant_is_decided_once_whatever_threshold_window_policy_and_jitter_are() {
    let mut seen = BTreeMap::<&str, usize>::new();
    for (schedule, due) in [("@every 10s", 10), ("*/20 * * * * *", 20), ("10 14-20 * * * *", 50)] {
        for policy in MissedRuns::ALL {
            for threshold in [1, 30, 60, 400] {
                for window in [0, 15, 60, 250, 100_000] {
                    for jitter in [0, 7, 60, 1_000] {
                        for now in [0, 61, 300, 599, 900, 5_000] {
                            let rules = rules(now, threshold, window);
                            let mut job = job(schedule, *policy, due);
                            job.times.jitter = DurationMs::from_secs(jitter);
                            if job.at > rules.now + HORIZON_MS {
                                continue;
                            }
                            let found = decided(&job, &planned(&rules, &job));
                            let what = format!(
                                "{schedule} {policy:?} {threshold} {window} jitter {jitter} at {now}"
                            );
                            assert_eq!(found, expected(&rules, &job), "{what}");
                            for one in found.values() {
                                let name = match one {
                                    Decided::Runs(trigger) => trigger.as_str(),
                                    Decided::PassedOver => "passed over",
                                };
                                *seen.entry(name).or_default() += 1;
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(seen.len() == 3 && seen.values().all(|count| *count > 1_000), "{seen:?}");
}
