//! A clock that steps an hour either way while jobs run: no run twice, and none lost but those
//! which its missed-runs policy passes over.

mod receiver;
mod step;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chronos_env::Env;
use chronos_server::{Node, config::Config};
use chronos_types::parse_rfc3339;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use receiver::{Receiver, Seen};
use step::StepClock;

const HOUR_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;
/// `scheduler.misfire_threshold`: what is less late is simply run.
const THRESHOLD_MS: i64 = 60_000;
/// How long after a step the scheduler may have looked at the clock, on a busy machine.
const LOOKED_WITHIN_MS: i64 = 20_000;

const POLICIES: [&str; 3] = ["execute_all", "execute_one", "ignore"];
/// Schedules, their period, and what their jobs' names begin with.
const SCHEDULES: [(&str, i64, &str); 2] =
    [("@every 1s", 1_000, "second"), ("* * * * *", MINUTE_MS, "minute")];

struct Api {
    base: String,
    http: Client<HttpConnector, Full<Bytes>>,
}

impl Api {
    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("content-type", "application/json")
            .body(Full::from(body))
            .expect("a request");
        let response = self.http.request(request).await.expect("an answer");
        let status = response.status();
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn create(&self, name: &str, schedule: &str, missed_runs: &str, url: &str) -> Value {
        let job = json!({
            "name": name, "schedule": schedule, "missed_runs": missed_runs, "concurrency": "allow",
            "webhook": {"url": url},
        });
        let (status, job) = self.call(Method::POST, "/api/v1/jobs", Some(job)).await;
        assert_eq!(status, StatusCode::CREATED, "{job}");
        job
    }

    /// All executions of a job, by scheduled instant and trigger.
    async fn executions(&self, job: &str) -> Vec<Value> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/v1/jobs/{job}/executions?limit=500{cursor}");
            let (status, mut page) = self.call(Method::GET, &path, None).await;
            assert_eq!(status, StatusCode::OK, "{page}");
            all.extend(page["executions"].as_array_mut().map(std::mem::take).expect("a list"));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }

    /// The same, once none at or before `until` is unfinished.
    async fn settled(&self, job: &str, until: i64) -> Vec<Value> {
        let settle = async {
            loop {
                let mut all = self.executions(job).await;
                all.retain(|execution| slot(execution) <= until);
                let open = ["pending", "running", "retrying"];
                if !all.iter().any(|execution| open.contains(&text(execution, "status"))) {
                    return all;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), settle).await.expect("what was delivered is recorded")
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name:?} is missing in {value}"))
}

fn slot(execution: &Value) -> i64 {
    parse_rfc3339(text(execution, "scheduled_time")).expect("an instant")
}

/// A node on a clock of its own.
async fn start(clock: &StepClock, directory: &std::path::Path) -> (Node, Api) {
    let mut config = Config::default();
    config.cluster.data_dir = directory.to_owned();
    config.server.http.address = ([127, 0, 0, 1], 0).into();
    config.cluster.raft.address = ([127, 0, 0, 1], 0).into();
    // An hour of seconds is to be looked at whole.
    config.history.max_per_job = 100_000;
    let node = Node::start(config, Env::with_clock(Arc::new(clock.clone()))).await.expect("a node");
    let http = Client::builder(TokioExecutor::new()).build_http();
    let api = Api { base: format!("http://{}", node.address()), http };
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
            let job = api.create(&name, schedule, policy, &receiver.url(&name)).await;
            let at = parse_rfc3339(text(&job, "created_at")).expect("an instant");
            // The first instant of each schedule after the creation.
            let first = if period == 1_000 { at + period } else { at - at % period + period };
            created.insert(name, (policy, period, first));
        }
    }
    let each_second = || created.keys().filter(|name| name.starts_with("second"));

    receiver.wait("jobs run", |seen| each_second().all(|name| seen.of(name).count() >= 2)).await;

    let before = clock.now_ms();
    let after = clock.step(HOUR_MS);
    // Whatever the policy, runs go on; and two jobs have an hour of runs to catch up on.
    let caught_up = |seen: &Seen| {
        let live = |name: &String| seen.of(name).any(|slot| slot > after);
        let hour =
            |name: &str, period: i64| seen.of(name).count() >= usize::try_from(HOUR_MS / period).unwrap_or(0);
        each_second().all(live) && hour("second-execute_all", 1_000) && hour("minute-execute_all", MINUTE_MS)
    };
    receiver.wait("an hour is caught up on", caught_up).await;

    clock.step(-HOUR_MS);
    // The instants of this hour have run. That nothing comes cannot be waited for; a wrong run would
    // show within this time, and if it came later, the audit below would find it.
    tokio::time::sleep(Duration::from_millis(1_500)).await;

    let again = clock.step(HOUR_MS);
    receiver
        .wait("jobs run again", |seen| each_second().all(|name| seen.of(name).any(|slot| slot > again)))
        .await;

    for (name, (policy, period, first)) in &created {
        let all = api.settled(name, again).await;
        let failed = all.iter().find(|execution| text(execution, "status") != "success");
        assert_eq!(failed, None, "{name}");
        let mut slots: Vec<i64> = all.iter().map(slot).collect();
        slots.sort_unstable();
        let catch_ups = all.iter().filter(|execution| text(execution, "trigger") == "catch_up");
        let ran = Ran {
            name,
            slots: &slots,
            catch_ups: catch_ups.map(slot).collect(),
            first: *first,
            period: *period,
        };
        ran.check(policy, (before, after), again);
        for execution in &all {
            assert_eq!(receiver.deliveries(text(execution, "id")), 1, "{name}: {execution}");
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
    api.create("by-hand", "0 0 1 1 *", "ignore", &receiver.url("by-hand")).await;
    for step in [0, -HOUR_MS] {
        clock.step(step);
        let (status, execution) = api.call(Method::POST, "/api/v1/jobs/by-hand/trigger", None).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{execution}");
        let id = text(&execution, "id").to_owned();
        receiver.wait(&format!("a trigger runs after a step of {step} ms"), |seen| seen.has(&id)).await;
    }
    node.stop().await;
}

/// What became of one job.
struct Ran<'a> {
    name: &'a str,
    /// The instants on record, in order.
    slots: &'a [i64],
    /// Those of them that were caught up on.
    catch_ups: Vec<i64>,
    /// The first instant after the job's creation.
    first: i64,
    period: i64,
}

impl Ran<'_> {
    /// The instants that ran up to `until` are those that the policy lets run, each once, where the
    /// clock stepped from `before` to `after`.
    fn check(&self, policy: &str, (before, after): (i64, i64), until: i64) {
        let Self { name, slots, period, .. } = *self;
        let gaps = slots.windows(2).map(|pair| (pair[0], pair[1])).filter(|(from, to)| to - from != period);
        let gaps: Vec<(i64, i64)> = gaps.collect();
        let twice: Vec<_> = gaps.iter().filter(|(from, to)| from == to).collect();
        assert!(twice.is_empty(), "{name}: instants that ran twice: {twice:?}");
        let last = slots.last().copied().unwrap_or_default();
        assert!(until - last < period, "{name}: the last run is of {last}, and it is {until}");
        let begin = slots.first().copied().unwrap_or_default();
        let gap = match gaps.as_slice() {
            [] if begin == self.first => None,
            [] => Some((self.first - period, begin)),
            [gap] => Some(*gap),
            more => panic!("{name}: instants lost in several places: {more:?}"),
        };
        if let Some((from, to)) = gap {
            // Up to the step they ran, or were planned ahead. From there on, missed is what was a
            // minute late when the scheduler looked, at the step or soon after.
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
