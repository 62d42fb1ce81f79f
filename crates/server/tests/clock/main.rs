//! A clock that steps an hour either way while jobs run: no run twice, and none lost but those
//! which its missed-runs policy passes over.

mod receiver;
mod step;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chronos_server::Node;
use chronos_server::config::Config;
use chronos_server::env::Env;
use chronos_types::parse_rfc3339;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use receiver::Receiver;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_steps_either_way_runs_nothing_twice_and_loses_nothing() {
    let receiver = Receiver::start().await;
    let clock = StepClock::new();
    let directory = tempfile::tempdir().expect("a directory");
    let mut config = Config::default();
    config.cluster.data_dir = directory.path().to_owned();
    config.server.http.address = ([127, 0, 0, 1], 0).into();
    // An hour of seconds is to be looked at whole.
    config.history.max_per_job = 100_000;
    let node = Node::start(config, Env::with_clock(Arc::new(clock.clone()))).await.expect("a node");
    let http = Client::builder(TokioExecutor::new()).build_http();
    let api = Api { base: format!("http://{}", node.address()), http };

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
    // Whatever the policy, runs go on; and one of them has an hour of runs to catch up on.
    let caught_up = receiver.wait("an hour is caught up on", |seen| {
        let live = |name: &String| seen.of(name).any(|slot| slot > after);
        let hour =
            |name: &str, period: i64| seen.of(name).count() >= usize::try_from(HOUR_MS / period).unwrap_or(0);
        each_second().all(live) && hour("second-execute_all", 1_000) && hour("minute-execute_all", MINUTE_MS)
    });
    caught_up.await;

    let back = clock.step(-HOUR_MS);
    assert!(back < after);
    // The instants of this hour have run. The node lives, though: what is asked for by hand runs.
    for name in created.keys() {
        let (status, execution) = api.call(Method::POST, &format!("/api/v1/jobs/{name}/trigger"), None).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{execution}");
        let id = text(&execution, "id").to_owned();
        receiver.wait("a trigger runs in the repeated hour", |seen| seen.has(&id)).await;
    }

    let again = clock.step(HOUR_MS);
    receiver
        .wait("jobs run again", |seen| each_second().all(|name| seen.of(name).any(|slot| slot > again)))
        .await;

    let until = again;
    for (name, (policy, period, first)) in &created {
        let all = api.settled(name, until).await;
        let failed = all.iter().find(|execution| text(execution, "status") != "success");
        assert_eq!(failed, None, "{name}");
        let of =
            |trigger: &'static str| all.iter().filter(move |execution| text(execution, "trigger") == trigger);
        assert_eq!(of("manual").count(), 1, "{name}");
        let mut slots: Vec<i64> = of("schedule").chain(of("catch_up")).map(slot).collect();
        slots.sort_unstable();
        let catch_ups: Vec<i64> = of("catch_up").map(slot).collect();
        check(name, policy, &slots, &catch_ups, *first, *period, (before, after), until);
        for execution in &all {
            assert_eq!(receiver.deliveries(text(execution, "id")), 1, "{name}: {execution}");
        }
    }
    node.stop().await;
}

/// The instants that ran are those that the policy lets run, each once.
#[expect(clippy::too_many_arguments, reason = "one rule, and all that it depends on")]
fn check(
    name: &str,
    policy: &str,
    slots: &[i64],
    catch_ups: &[i64],
    first: i64,
    period: i64,
    (before, after): (i64, i64),
    until: i64,
) {
    let gaps: Vec<(i64, i64)> =
        slots.windows(2).map(|w| (w[0], w[1])).filter(|(a, b)| b - a != period).collect();
    let twice: Vec<_> = gaps.iter().filter(|(a, b)| a == b).collect();
    assert!(twice.is_empty(), "{name}: instants that ran twice: {twice:?}");
    let last = slots.last().copied().unwrap_or_default();
    assert!(until - last < period, "{name}: the last run is of {last}, and it is {until}");
    // The step comes within a period of a run, or before the first.
    let begin = slots.first().copied().unwrap_or_default();
    let gap = match gaps.as_slice() {
        [] if begin == first => None,
        [] => Some((first - period, begin)),
        [gap] => Some(*gap),
        more => panic!("{name}: instants lost in several places: {more:?}"),
    };
    // Missed is what was a minute late when the scheduler looked, at the step or soon after.
    let missed = after - THRESHOLD_MS;
    let passed_over = |from: i64, to: i64| {
        // Up to the step they ran, or were planned ahead.
        assert!(
            from + period > before,
            "{name}: instants were lost before the step, from {from}; it came at {before}"
        );
        assert!(
            missed < to + period && to <= missed + period + LOOKED_WITHIN_MS,
            "{name}: runs go on at {to}; what came after {missed} was not missed"
        );
    };
    match (policy, gap) {
        ("execute_all", None) => {}
        ("execute_all", Some(gap)) => panic!("{name}: instants were passed over: {gap:?}"),
        ("execute_one", Some((from, to))) => {
            passed_over(from, to);
            assert_eq!(catch_ups, [to], "{name}: the latest missed instant runs, once");
        }
        ("ignore", Some((from, to))) => {
            passed_over(from, to);
            assert!(catch_ups.is_empty(), "{name}: {catch_ups:?} ran though missed");
        }
        (policy, None) => panic!("{name}: an hour was missed, and nothing was passed over by {policy}"),
        (policy, Some(_)) => panic!("{name}: no such policy: {policy}"),
    }
}
