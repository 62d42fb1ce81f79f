//! Runs of a time when no node was up

use jiff::{SignedDuration, Timestamp};

use crate::support::*;

/// What counts as missed here, in place of a minute.
const LATE: (&str, &str) = ("scheduler.misfire_threshold", "3s");

fn at(execution: &Value) -> Timestamp {
    execution["scheduled_time"].as_str().unwrap().parse().unwrap()
}

/// Runs a job that falls due every second, keeps the server down until some instants were missed, and
/// starts it again. Answers the server, the time at which it was down, and the time at which it was to
/// start again.
async fn absent(policy: &str, receiver: &Receiver, keys: &[(&str, &str)]) -> (Server, Timestamp, Timestamp) {
    let mut server = CHRONOS.with(&[&[LATE], keys].concat()).await;
    server
        .create(&json!({
            "name": "job", "schedule": "@every 1s", "missed_runs": policy, "webhook": {"url": receiver.url("/")},
        }))
        .await;
    receiver.next("/").await;
    server.stop().await;
    let down = Timestamp::now();
    let back = down + SignedDuration::from_secs(9);
    until("instants to be missed", || async { (Timestamp::now() > back).then_some(()) }).await;
    (server.again().await, down, back)
}

/// The runs of the job, oldest first, once some of after `back` is among them; and what stands beside them for
/// instants that were passed over.
async fn record(server: &Server, back: Timestamp) -> (Vec<Value>, Vec<Value>) {
    let mut executions = until("the schedule to go on", || async {
        let executions = server.executions("job", 1).await;
        let regular = |e: &Value| e["trigger"] == "schedule" && at(e) > back && e["status"] == "success";
        executions.iter().any(regular).then_some(executions)
    })
    .await;
    executions.reverse();
    executions.into_iter().partition(|execution| execution["missed"].is_null())
}

/// Instants from one to another, both included, and how many.
type Stretch = (Timestamp, Timestamp, u64);

/// Each stretch of instants without a run is told by one entry, and nothing else is.
fn assert_told(runs: &[Value], entries: &[Value]) -> Vec<Stretch> {
    let second = SignedDuration::from_secs(1);
    let pairs = runs.windows(2).map(|pair| (at(&pair[0]), at(&pair[1])));
    let gaps = pairs.filter(|(before, after)| after.duration_since(*before) != second);
    let gaps: Vec<Stretch> = gaps
        .map(|(before, after)| {
            let seconds = after.as_second() - before.as_second();
            (before + second, after - second, u64::try_from(seconds - 1).unwrap())
        })
        .collect();
    let told = entries.iter().map(|entry| {
        let missed = &entry["missed"];
        let instant = |field: &str| missed[field].as_str().unwrap().parse::<Timestamp>().unwrap();
        // It is no run: nothing was sent, and nobody waits for it.
        let facts = ["status", "trigger", "attempts", "started_at", "error_kind"].map(|field| &entry[field]);
        let expected = [&json!("skipped"), &json!("schedule"), &json!(0), &Value::Null, &Value::Null];
        assert_eq!(facts, expected, "{entry:#}");
        assert_eq!((&entry["last_error"], &entry["request"]), (&missed["reason"], &Value::Null), "{entry:#}");
        assert_eq!(at(entry), instant("to"), "{entry:#}");
        (instant("from"), instant("to"), missed["count"].as_u64().unwrap())
    });
    let told: Vec<Stretch> = told.collect();
    assert_eq!(told, gaps, "{entries:#?}");
    told
}

fn caught_up(executions: &[Value]) -> Vec<&Value> {
    executions.iter().filter(|execution| execution["trigger"] == "catch_up").collect()
}

fn assert_whole(executions: &[Value]) {
    for pair in executions.windows(2) {
        let step = at(&pair[1]).as_millisecond() - at(&pair[0]).as_millisecond();
        assert_eq!(step, 1_000, "an instant without a record, or with two: {executions:#?}");
    }
}

#[tokio::test]
async fn execute_one_runs_the_latest_missed_instant_under_its_own_time() {
    let receiver = Receiver::start().await;
    let (server, down, back) = absent("execute_one", &receiver, &[]).await;
    let (executions, entries) = record(&server, back).await;
    let missed = caught_up(&executions);
    assert_eq!(missed.len(), 1, "{executions:#?}");
    let time = at(missed[0]);
    assert!(down < time, "{time}");
    assert_eq!(missed[0]["status"], "success");
    let call = receiver.calls("/").into_iter().find(|call| call.execution() == missed[0]["id"]).unwrap();
    assert_eq!(call.sent("X-Chronos-Trigger"), "catch_up");
    assert_eq!(call.sent("X-Chronos-Scheduled-Time"), missed[0]["scheduled_time"]);
    // From there on there is no gap, and before it the missed ones are passed over.
    let from = executions.iter().position(|execution| execution["trigger"] == "catch_up").unwrap();
    assert_whole(&executions[from..]);
    let gap = at(&executions[from]).as_millisecond() - at(&executions[from - 1]).as_millisecond();
    assert!(gap > 1_000, "{executions:#?}");
    assert_eq!(assert_told(&executions, &entries).len(), 1);
    assert!(entries[0]["missed"]["reason"].as_str().unwrap().contains("execute_one"), "{entries:#?}");
    // Both came on record when the server was back, and are of that time, behind what was scheduled in it.
    let listed = async |range: String| {
        let page = server.get(&format!("/executions?{range}&limit=500")).await.ok(200);
        let ids = page["executions"].as_array().unwrap().iter().map(|execution| execution["id"].clone());
        ids.collect::<Vec<_>>()
    };
    let late = [missed[0]["id"].clone(), entries[0]["id"].clone()];
    assert!(listed(format!("from={back}")).await.ends_with(&late));
    assert!(listed(format!("from={back}&order=asc")).await.starts_with(&[late[1].clone(), late[0].clone()]));
    let meanwhile = listed(format!("from={down}&to={back}")).await;
    assert!(!late.iter().any(|id| meanwhile.contains(id)), "{meanwhile:?}");
}

#[tokio::test]
async fn execute_all_runs_every_missed_instant() {
    let receiver = Receiver::start().await;
    let (server, _, back) = absent("execute_all", &receiver, &[]).await;
    let (executions, entries) = record(&server, back).await;
    assert_whole(&executions);
    assert_eq!(entries, Vec::<Value>::new());
    let missed = caught_up(&executions);
    assert!(missed.len() >= 2, "{executions:#?}");
    for execution in missed {
        assert_eq!(server.finished("job", execution["id"].as_str().unwrap()).await["status"], "success");
    }
}

#[tokio::test]
async fn execute_all_reaches_back_as_far_as_its_window() {
    let receiver = Receiver::start().await;
    let (server, down, back) = absent("execute_all", &receiver, &[("scheduler.catch_up_window", "6s")]).await;
    let (executions, entries) = record(&server, back).await;
    let missed = caught_up(&executions);
    assert!(!missed.is_empty(), "{executions:#?}");
    let reach = back - SignedDuration::from_secs(6);
    assert!(missed.iter().all(|execution| at(execution) >= reach && at(execution) > down), "{executions:#?}");
    assert_told(&executions, &entries);
}

#[tokio::test]
async fn what_is_not_missed_runs_however_short_the_window_is() {
    let receiver = Receiver::start().await;
    let (server, _, back) = absent("execute_all", &receiver, &[("scheduler.catch_up_window", "1s")]).await;
    let (executions, entries) = record(&server, back).await;
    assert_eq!(
        caught_up(&executions),
        Vec::<&Value>::new(),
        "what is missed is further back than the window"
    );
    assert_eq!(assert_told(&executions, &entries).len(), 1);
    // What was less late than the threshold when the rest was passed over did run.
    let decided: Timestamp = entries[0]["completed_at"].as_str().unwrap().parse().unwrap();
    assert!(decided - SignedDuration::from_secs(2) > at(&entries[0]), "{entries:#?}");
    assert!(entries[0]["missed"]["reason"].as_str().unwrap().contains("catch_up_window"), "{entries:#?}");
    // The list finds it by its status, it can be looked at, and it is over.
    let skipped = server.get("/jobs/job/executions?status=skipped&view=full").await.ok(200);
    assert!(skipped["executions"].as_array().unwrap().contains(&entries[0]), "{skipped:#}");
    let id = entries[0]["id"].as_str().unwrap();
    let mut alone = server.get(&format!("/jobs/job/executions/{id}")).await.ok(200);
    let explanation =
        alone.as_object_mut().expect("an object").remove("explanation").expect("an explanation");
    let count = entries[0]["missed"]["count"].as_u64().expect("a count");
    assert!(count >= 4, "{entries:#?}");
    let what = explanation["what"].as_str().unwrap();
    assert!(what.starts_with(&format!("{count} runs from ")), "{explanation:#}");
    assert_eq!(alone, entries[0]);
    server.act(&format!("/jobs/job/executions/{id}/cancel")).await.problem(409);
}

#[tokio::test]
async fn ignore_runs_none_of_them() {
    let receiver = Receiver::start().await;
    let (server, down, back) = absent("ignore", &receiver, &[]).await;
    let (executions, entries) = record(&server, back).await;
    assert_eq!(caught_up(&executions).len(), 0);
    assert_eq!(assert_told(&executions, &entries).len(), 1);
    // Runs are put on record two seconds ahead, and those of the next quarter of a second with them; and
    // those less late than the threshold are run.
    let planned = down + SignedDuration::from_millis(2_250);
    let reach = back - SignedDuration::from_secs(3);
    let passed_over = |execution: &&Value| planned < at(execution) && at(execution) < reach;
    assert_eq!(executions.iter().find(passed_over), None, "{executions:#?}");
}

#[tokio::test]
async fn a_run_less_late_than_the_threshold_is_simply_run() {
    let receiver = Receiver::start().await;
    let mut server = CHRONOS.start().await;
    let due = Timestamp::from_second(Timestamp::now().as_second() + 6).unwrap();
    server
        .create(&json!({
            "name": "job", "schedule": format!("@at {due}"), "missed_runs": "ignore",
            "webhook": {"url": receiver.url("/")},
        }))
        .await;
    server.kill().await;
    assert!(receiver.calls("/").is_empty());
    until("the instant to pass", || async { (Timestamp::now() > due).then_some(()) }).await;
    let server = server.again().await;
    let call = receiver.next("/").await;
    assert_eq!(call.sent("X-Chronos-Scheduled-Time"), format!("{due:.3}"));
    assert_eq!(server.finished("job", call.execution()).await["trigger"], "schedule");
}

#[tokio::test]
async fn runs_that_are_late_together_are_all_run_though_the_job_forbids_overlap() {
    let receiver = Receiver::start().await;
    let mut server = CHRONOS.start().await;
    let job = json!({"name": "job", "schedule": "@every 1s", "webhook": {"url": receiver.url("/")}});
    server.create(&job).await;
    let call = receiver.next("/").await;
    // What was under way would hold the place of those after it.
    server.finished("job", call.execution()).await;
    server.kill().await;
    let back = Timestamp::now() + SignedDuration::from_millis(3_200);
    until("instants to pass", || async { (Timestamp::now() > back).then_some(()) }).await;
    let server = server.again().await;
    let (executions, entries) = record(&server, back).await;
    assert_whole(&executions);
    assert_eq!(entries, Vec::<Value>::new());
    for execution in executions.iter().filter(|execution| at(execution) <= back) {
        // At its instant nothing else of the job was under way: nobody was.
        let end = server.finished("job", execution["id"].as_str().unwrap()).await;
        assert_eq!((&end["status"], &end["trigger"]), (&json!("success"), &json!("schedule")), "{end:#}");
    }
}

#[tokio::test]
async fn a_disabled_time_is_not_a_missed_time() {
    let receiver = Receiver::start().await;
    let mut server = CHRONOS.with(&[LATE]).await;
    let job = json!({
        "name": "job", "schedule": "@every 1s", "missed_runs": "execute_all", "webhook": {"url": receiver.url("/")},
    });
    server.create(&job).await;
    receiver.next("/").await;
    server.act("/jobs/job/disable").await.ok(200);
    server.stop().await;
    let back = Timestamp::now() + SignedDuration::from_secs(6);
    until("instants to pass", || async { (Timestamp::now() > back).then_some(()) }).await;
    let server = server.again().await;
    server.act("/jobs/job/enable").await.ok(200);
    let (executions, entries) = record(&server, back).await;
    assert_eq!(caught_up(&executions).len(), 0, "{executions:#?}");
    assert_eq!(entries, Vec::<Value>::new());
}
