//! A clock that steps an hour either way while jobs run: no run twice, and none lost but those
//! which its missed-runs policy passes over.

mod seen;
pub mod step;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chronos_client::ExecutionQuery;
use chronos_client::api::{Execution, Missed};
use chronos_env::Env;
use chronos_server::{Node, config::Config};
use chronos_testkit::{Answer, Api, Receiver, instant, json, manual, until};

use seen::Seen;
use step::StepClock;

const HOUR_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;
/// `scheduler.misfire_threshold`: what is less late is simply run.
const THRESHOLD_MS: i64 = 60_000;
/// How long after a step the planner may have looked at the clock, on a busy machine.
const LOOKED_WITHIN_MS: i64 = 20_000;

const POLICIES: [&str; 3] = ["execute_all", "execute_one", "ignore"];
/// Schedules, their period, and what their jobs' names begin with.
const SCHEDULES: [(&str, i64, &str); 2] =
    [("@every 1s", 1_000, "second"), ("* * * * *", MINUTE_MS, "minute")];

/// Creates a job that calls the path of its name; answers when it was created.
async fn create(api: &Api, receiver: &Receiver, name: &str, schedule: &str, missed_runs: &str) -> i64 {
    let job = json!({
        "name": name, "schedule": schedule, "missed_runs": missed_runs, "concurrency": "allow",
        "webhook": {"url": receiver.url(&format!("/{name}"))},
    });
    instant(api.create(&job).await["created_at"].as_str().unwrap())
}

/// All executions of a job, once none at or before `until_ms` is unfinished.
async fn settled(api: &Api, job: &str, until_ms: i64) -> Vec<Execution> {
    until("what was delivered to be recorded", || async {
        let mut all = api.client().all_job_executions(job, ExecutionQuery::default()).await.unwrap();
        all.retain(|execution| scheduled_time(execution) <= until_ms);
        let is_open =
            |execution: &Execution| matches!(execution.status.as_str(), "pending" | "running" | "retrying");
        (!all.iter().any(is_open)).then_some(all)
    })
    .await
}

fn scheduled_time(execution: &Execution) -> i64 {
    instant(&execution.scheduled_time)
}

/// A node on a clock of its own.
async fn start(clock: &StepClock, directory: &std::path::Path) -> (Node, Api) {
    let mut config = Config::default();
    config.cluster.data_dir = directory.to_owned();
    config.server.http.address = ([127, 0, 0, 1], 0).into();
    config.cluster.raft.address = Some(([127, 0, 0, 1], 0).into());
    // An hour of seconds is to be looked at whole.
    config.history.max_per_job = 100_000;
    let node = Node::start(config, Env::with_clock(Arc::new(clock.clone()))).await.expect("a node");
    let api = Api::new(node.address());
    (node, api)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_steps_either_way_runs_nothing_twice_and_loses_nothing() {
    let receiver = Receiver::start().await;
    let clock = StepClock::new();
    let directory = tempfile::tempdir().expect("a directory");
    let (node, api) = start(&clock, directory.path()).await;

    let mut created = BTreeMap::new();
    for (schedule, period, prefix) in SCHEDULES {
        for policy in POLICIES {
            let name = format!("{prefix}-{policy}");
            let at = create(&api, &receiver, &name, schedule, policy).await;
            // The first instant of each schedule after the creation.
            let first = if period == 1_000 { at + period } else { at - at % period + period };
            created.insert(name, (policy, period, first));
        }
    }
    let each_second = || created.keys().filter(|name| name.starts_with("second"));

    Seen::wait(&receiver, "jobs to run", |seen| each_second().all(|name| seen.of(name).count() >= 2)).await;

    let before = clock.now_ms();
    let after = clock.step(HOUR_MS);
    // Whatever the policy, runs go on; and two jobs have an hour of runs to catch up on.
    let caught_up = |seen: &Seen| {
        let live = |name: &String| seen.of(name).any(|at| at > after);
        let hour =
            |name: &str, period: i64| seen.of(name).count() >= usize::try_from(HOUR_MS / period).unwrap_or(0);
        each_second().all(live) && hour("second-execute_all", 1_000) && hour("minute-execute_all", MINUTE_MS)
    };
    Seen::wait(&receiver, "an hour to be caught up on", caught_up).await;

    clock.step(-HOUR_MS);
    // The instants of this hour have run. That nothing comes cannot be waited for; a wrong run would
    // show within this time, and if it came later, the audit below would find it.
    tokio::time::sleep(Duration::from_millis(1_500)).await;

    let again = clock.step(HOUR_MS);
    let live_again = |seen: &Seen| each_second().all(|name| seen.of(name).any(|at| at > again));
    Seen::wait(&receiver, "jobs to run again", live_again).await;

    for (name, (policy, period, first)) in &created {
        let (all, passed_over): (Vec<_>, Vec<_>) =
            settled(&api, name, again).await.into_iter().partition(|execution| execution.missed.is_none());
        let failed = all.iter().find(|execution| execution.status != "success");
        assert_eq!(failed, None, "{name}");
        let mut instants: Vec<i64> = all.iter().map(scheduled_time).collect();
        instants.sort_unstable();
        let catch_ups = all.iter().filter(|execution| execution.trigger == "catch_up");
        let ran = Ran {
            name,
            instants: &instants,
            catch_ups: catch_ups.map(scheduled_time).collect(),
            told: passed_over.iter().filter_map(|execution| execution.missed.as_ref()).collect(),
            first: *first,
            period: *period,
        };
        ran.check(policy, (before, after), again);
        let seen = Seen::now(&receiver);
        for execution in &all {
            assert_eq!(seen.deliveries(&execution.id), 1, "{name}: {execution:?}");
        }
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_by_hand_runs_at_once_though_the_clock_went_back_an_hour() {
    let receiver = Receiver::start().await;
    let clock = StepClock::new();
    let directory = tempfile::tempdir().expect("a directory");
    let (node, api) = start(&clock, directory.path()).await;
    create(&api, &receiver, "by-hand", "0 0 1 1 *", "ignore").await;
    for step in [0, -HOUR_MS] {
        clock.step(step);
        let execution = api.trigger("by-hand").await;
        let id = execution["id"].as_str().unwrap();
        let what = format!("a trigger to run after a step of {step} ms");
        Seen::wait(&receiver, &what, |seen| seen.deliveries(id) > 0).await;
    }
    node.stop().await;
}

/// What became of one job.
struct Ran<'a> {
    name: &'a str,
    /// The instants on record, in order.
    instants: &'a [i64],
    /// Those of them that were caught up on.
    catch_ups: Vec<i64>,
    /// What is on record of instants that were passed over.
    told: Vec<&'a Missed>,
    /// The first instant after the job's creation.
    first: i64,
    period: i64,
}

impl Ran<'_> {
    /// The instants that ran up to `until` are those that the policy lets run, each once, where the
    /// clock stepped from `before` to `after`.
    fn check(&self, policy: &str, (before, after): (i64, i64), until: i64) {
        let Self { name, instants, period, .. } = *self;
        let gaps =
            instants.windows(2).map(|pair| (pair[0], pair[1])).filter(|(from, to)| to - from != period);
        let gaps: Vec<(i64, i64)> = gaps.collect();
        let twice: Vec<_> = gaps.iter().filter(|(from, to)| from == to).collect();
        assert!(twice.is_empty(), "{name}: instants that ran twice: {twice:?}");
        let last = instants.last().copied().unwrap_or_default();
        assert!(until - last < period, "{name}: the last run is of {last}, and it is {until}");
        let begin = instants.first().copied().unwrap_or_default();
        let gap = match gaps.as_slice() {
            [] if begin == self.first => None,
            [] => Some((self.first - period, begin)),
            [gap] => Some(*gap),
            more => panic!("{name}: instants lost in several places: {more:?}"),
        };
        if let Some((from, to)) = gap {
            // Up to the step they ran, or were planned ahead. From there on, missed is what was a
            // minute late when the planner looked, at the step or soon after.
            let missed = after - THRESHOLD_MS;
            assert!(
                from + period > before,
                "{name}: lost before the step: {from} ran last, it came at {before}"
            );
            assert!(
                missed < to + period && to <= missed + period + LOOKED_WITHIN_MS,
                "{name}: runs go on at {to}; what came after {missed} was not missed"
            );
        }
        // What is passed over is told, and nothing else is.
        let told = self.told.iter().map(|missed| (instant(&missed.from), instant(&missed.to), missed.count));
        let untold = gap.map(|(from, to)| {
            (from + period, to - period, u64::try_from((to - from) / period - 1).unwrap_or_default())
        });
        assert_eq!(told.collect::<Vec<_>>(), Vec::from_iter(untold), "{name}");
        match (policy, gap) {
            ("execute_all", None) => {}
            ("execute_all", Some(gap)) => panic!("{name}: instants were passed over: {gap:?}"),
            ("execute_one", Some((_, to))) => {
                assert_eq!(self.catch_ups, [to], "{name}: the latest missed instant runs, once");
            }
            ("ignore", Some(_)) => {
                assert!(self.catch_ups.is_empty(), "{name}: {:?} ran though missed", self.catch_ups)
            }
            _ => panic!("{name}: an hour was missed, and nothing was passed over by {policy}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_comes_after_its_wait_though_the_clock_was_set_meanwhile() {
    const WAIT_MS: i64 = 4_000;
    let receiver = Receiver::start().await;
    let clock = StepClock::new();
    let directory = tempfile::tempdir().expect("a directory");
    let (node, api) = start(&clock, directory.path()).await;
    for (name, step) in [("back", -HOUR_MS), ("forward", HOUR_MS)] {
        let path = format!("/{name}");
        receiver.script(&path, [Answer::status(503), Answer::ok()]);
        let mut job = manual(name, json!({"url": receiver.url(&path)}));
        job["retry_policy"] = json!({"max_attempts": 2, "initial_interval": format!("{WAIT_MS}ms")});
        api.create(&job).await;
        let execution = api.trigger(name).await;
        let id = execution["id"].as_str().unwrap();
        api.execution_is(name, id, "retrying").await;
        clock.step(step);
        let end = api.finished(name, id).await;
        assert_eq!(end["status"], "success");
        let attempt = |n: usize| {
            let attempt = &end["attempt_log"][n];
            (instant(attempt["started_at"].as_str().unwrap()), attempt["duration_ms"].as_i64().unwrap())
        };
        let ((first, took), (second, _)) = (attempt(0), attempt(1));
        // A few milliseconds are lost in rounding, one for each instant.
        assert!(second - first - took - step >= WAIT_MS - 3, "{name}: {end:#}");
    }
    node.stop().await;
}
