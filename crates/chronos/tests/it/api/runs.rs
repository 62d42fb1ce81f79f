//! Runs with a body and headers of their own, how the time of an attempt was spent, what a run waited for, and why it did
//! not succeed

use std::time::Duration;

use hyper::Method;

use crate::support::*;

/// A server whose cluster has the version that keeps all of this.
async fn start() -> Server {
    started(&[]).await
}

async fn started(settings: &[(&str, &str)]) -> Server {
    let server = CHRONOS.with(settings).await;
    until("the version to rise", || async {
        let status = server.get("/cluster/status").await.ok(200);
        (status["cluster_version"].as_u64().unwrap() >= 2).then_some(())
    })
    .await;
    server
}

fn id(execution: &Value) -> &str {
    execution["id"].as_str().unwrap()
}

/// Triggers a job with this body, and answers the execution once it is over.
async fn run_with(server: &Server, job: &str, given: &Value) -> Value {
    let execution = server.post(&format!("/jobs/{job}/trigger"), given).await.ok(202);
    server.finished(job, id(&execution)).await
}

/// Replays an execution with this body, and answers the new one once it is over.
async fn replay_with(server: &Server, of: &Value, given: &Value) -> Value {
    let path = format!("/jobs/job/executions/{}/replay", id(of));
    let execution = server.post(&path, given).await.ok(202);
    server.finished("job", id(&execution)).await
}

#[tokio::test]
async fn a_trigger_may_give_that_one_run_a_body_and_headers() {
    let (receiver, server) = (Receiver::start().await, start().await);
    let webhook = json!({
        "url": receiver.url("/"), "method": "PUT", "body": "usual",
        "headers": {"X-Day": "sunday", "X-Kept": "kept", "X-Token": "of the job"},
    });
    server.create(&manual("job", webhook)).await;
    let given = json!({
        "body": "{\"run\": \"{{.ExecutionID}}\", \"attempt\": {{.Attempt}}}",
        "headers": {"x-day": "monday", "X-Token": "of the run", "User-Agent": "mine"},
    });
    let done = run_with(&server, "job", &given).await;
    let call = receiver.next("/").await;
    assert_eq!((call.method.as_str(), call.sent("Content-Type")), ("PUT", "application/json"));
    assert_eq!(call.body, format!("{{\"run\": \"{}\", \"attempt\": 1}}", id(&done)));
    assert_eq!(
        (call.sent("X-Day"), call.sent("X-Kept"), call.sent("X-Token")),
        ("monday", "kept", "of the run")
    );
    assert_eq!(call.sent("User-Agent"), "Chronos/1.0");
    // What was sent is shown, in every read of all of it, and no credential.
    let mut reads = vec![done.clone()];
    for list in ["/jobs/job/executions", "/executions"] {
        reads.push(server.get(&format!("{list}?view=full")).await.ok(200)["executions"][0].clone());
    }
    for shown in reads {
        assert_eq!(shown["request"]["body"], call.body.as_str(), "{shown:#}");
        let headers = &shown["request"]["headers"];
        assert_eq!((&headers["x-day"], &headers["X-Token"]), (&json!("monday"), &json!("[redacted]")));
        let overrides = &shown["overrides"];
        assert_eq!(overrides["body"], given["body"]);
        let wanted = json!({"x-day": "monday", "X-Token": "[redacted]", "User-Agent": "mine"});
        assert_eq!(overrides["headers"], wanted);
        assert!(!shown.to_string().contains("of the"), "{shown:#}");
    }
    // The next run is as usual.
    let usual = server.run_again("job").await;
    let call = receiver.next("/").await;
    assert_eq!((call.body.as_str(), call.sent("X-Day")), ("usual", "sunday"));
    assert_eq!(call.sent("Content-Type"), "text/plain; charset=utf-8");
    assert!(usual.get("overrides").is_none(), "{usual:#}");
}

#[tokio::test]
async fn a_body_makes_a_post_of_a_job_that_has_none() {
    let (receiver, server) = (Receiver::start().await, start().await);
    server.create(&manual("job", json!({"url": receiver.url("/")}))).await;
    run_with(&server, "job", &json!({"body": ""})).await;
    let call = receiver.next("/").await;
    assert_eq!((call.method.as_str(), call.sent("Content-Length")), ("POST", "0"));
    for nothing in [json!({}), json!({"headers": {}}), json!(null)] {
        let done = run_with(&server, "job", &nothing).await;
        assert_eq!(receiver.next("/").await.method, "GET", "{nothing}");
        assert!(done.get("overrides").is_none());
    }
    server.act("/jobs/job/trigger").await.ok(202);
}

#[tokio::test]
async fn each_attempt_of_a_run_sends_what_it_was_given_also_after_a_crash() {
    let (receiver, mut server) = (Receiver::start().await, start().await);
    receiver.script("/", [Answer::status(503), Answer::silence(), Answer::ok()]);
    let mut job = manual("job", json!({"url": receiver.url("/")}));
    job["retry_policy"] = json!({"max_attempts": 3, "initial_interval": "1ms"});
    server.create(&job).await;
    // Larger than what is kept at hand.
    let body = "x".repeat(100 << 10);
    let asked = server.post("/jobs/job/trigger", &json!({"body": body})).await.ok(202);
    assert!(receiver.wait_for("/", 2).await.iter().all(|call| call.body == body));
    server.kill().await;
    let server = server.again().await;
    let done = server.finished("job", id(&asked)).await;
    assert_eq!((&done["status"], &done["request"]["body"]), (&json!("success"), &json!(body)));
    let calls = receiver.wait_for("/", 3).await;
    assert!(calls[2].body == body && calls[2].execution() == id(&asked));
}

#[tokio::test]
async fn a_replay_repeats_what_the_run_was_given_unless_it_is_given_anew() {
    let (receiver, server) = (Receiver::start().await, start().await);
    let webhook = json!({"url": receiver.url("/"), "body": "usual", "headers": {"X-Api-Key": "job"}});
    server.create(&manual("job", webhook)).await;
    let given = json!({"body": "first", "headers": {"X-Token": "s3cret", "X-Day": "monday"}});
    let first = run_with(&server, "job", &given).await;
    let sent = |call: &Call| {
        let header = |name| call.header(name).map(str::to_owned);
        (call.body.clone(), header("X-Token"), header("X-Day"), header("X-Api-Key"))
    };
    let some = |text: &str| Some(text.to_owned());
    let original = sent(&receiver.next("/").await);
    assert_eq!(original, ("first".into(), some("s3cret"), some("monday"), some("job")));
    let again = replay_with(&server, &first, &json!({})).await;
    assert_eq!(sent(&receiver.next("/").await), original);
    assert_eq!(again["overrides"], first["overrides"]);
    // What is not given anew stays; a redacted value stands for the one that is kept, of the run or of the job.
    let other = json!({"headers": {"x-day": "tuesday", "X-Token": "[redacted]", "X-Api-Key": "[redacted]"}});
    let changed = replay_with(&server, &first, &other).await;
    let call = sent(&receiver.next("/").await);
    assert_eq!(call, ("first".into(), some("s3cret"), some("tuesday"), some("job")));
    replay_with(&server, &changed, &json!({"body": "third"})).await;
    let call = sent(&receiver.next("/").await);
    assert_eq!(call, ("third".into(), some("s3cret"), some("tuesday"), some("job")));
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_by_name() {
    let (receiver, server) = (Receiver::start().await, start().await);
    server.create(&manual("job", json!({"url": receiver.url("/")}))).await;
    let done = server.run_again("job").await;
    let replay = format!("/jobs/job/executions/{}/replay", id(&done));
    for path in ["/jobs/job/trigger", &replay] {
        for (given, field) in [
            (json!({"body": "{{.Nope}}"}), "body"),
            (json!({"body": "x".repeat((256 << 10) + 1)}), "body"),
            (json!({"body": {"a": 1}}), "body"),
            (json!({"headers": {"Transfer-Encoding": "chunked"}}), "headers.Transfer-Encoding"),
            (json!({"headers": {"chronos-node": "x"}}), "headers.chronos-node"),
            (json!({"headers": {"X-A": "a\r\nb"}}), "headers.X-A"),
            (json!({"headers": {"X-Token": "[redacted]"}}), "headers.X-Token"),
            (json!({"method": "PUT"}), "method"),
        ] {
            assert_eq!(server.post(path, &given).await.bad_fields(), [field], "{path} {field}");
        }
        server.post(path, &json!([])).await.problem(400);
    }
    // A hundred headers, and one more from the run that is repeated.
    let many = |from: u32, count: u32| {
        let headers: serde_json::Map<_, _> =
            (from..from + count).map(|n| (format!("X-{n}"), json!("1"))).collect();
        json!({"headers": headers})
    };
    let full = run_with(&server, "job", &many(0, 100)).await;
    let path = format!("/jobs/job/executions/{}/replay", id(&full));
    assert_eq!(server.post(&path, &many(100, 1)).await.bad_fields(), ["headers"]);
    server.post(&path, &many(99, 1)).await.ok(202);
}

#[tokio::test]
async fn a_repeat_of_a_trigger_is_harmless_and_one_with_another_body_is_refused() {
    let (receiver, server) = (Receiver::start().await, start().await);
    server.create(&manual("job", json!({"url": receiver.url("/")}))).await;
    let ask = |given: Value| {
        let server = &server;
        async move {
            let key = [("Idempotency-Key", "k")];
            server.call(Method::POST, "/jobs/job/trigger", &key, &given).await
        }
    };
    let first = ask(json!({"body": "one"})).await.ok(202);
    server.finished("job", id(&first)).await;
    assert_eq!(ask(json!({"body": "one"})).await.ok(202), first);
    ask(json!({"body": "two"})).await.problem(422);
    assert_eq!(receiver.calls("/").len(), 1);
}

#[tokio::test]
async fn each_attempt_says_how_its_time_was_spent() {
    let (receiver, server) = (Receiver::start().await, start().await);
    receiver.script("/", [Answer::status(503), Answer::ok()]);
    let by_name = receiver.url("/").replace("127.0.0.1", "localhost");
    let mut job = manual("job", json!({"url": by_name}));
    job["retry_policy"] = json!({"initial_interval": "1ms"});
    let done = server.run(&job).await;
    let log = done["attempt_log"].as_array().unwrap();
    assert_eq!(log.len(), 2, "{done:#}");
    for (attempt, is_new) in log.iter().zip([true, false]) {
        let phases = &attempt["phases"];
        let there =
            ["dns_ms", "connect_ms", "tls_ms", "first_byte_ms", "body_ms"].map(|name| phases[name].as_u64());
        assert_eq!(there.map(|ms| ms.is_some()), [is_new, is_new, false, true, true], "{attempt:#}");
        // The parts are rounded, and the whole is cut.
        let sum: u64 = there.into_iter().flatten().sum();
        assert!(sum <= attempt["duration_ms"].as_u64().unwrap() + 4, "{attempt:#}");
    }
}

#[tokio::test]
async fn a_stalled_body_counts_for_the_body() {
    let (receiver, server) = (Receiver::start().await, start().await);
    receiver.script("/stalled", [Answer::stalled()]);
    receiver.script("/silent", [Answer::silence()]);
    for (path, is_answered) in [("/stalled", true), ("/silent", false)] {
        let name = &path[1..];
        let mut job = manual(name, json!({"url": receiver.url(path), "timeout": "100ms"}));
        job["retry_policy"] = json!({"max_attempts": 1});
        let done = server.run(&job).await;
        let phases = &done["attempt_log"][0]["phases"];
        assert_eq!(
            (&done["error_kind"], phases["body_ms"].is_u64()),
            (&json!("timeout"), is_answered),
            "{done:#}"
        );
        let what = done["explanation"]["what"].as_str().unwrap();
        let says = if is_answered { "did not end" } else { "no byte of an answer" };
        assert!(what.contains(says), "{what}");
    }
}

#[tokio::test]
async fn a_run_says_how_late_it_began_and_when_it_is_tried_again() {
    let (receiver, server) = (Receiver::start().await, start().await);
    receiver.script("/", [Answer::status(429).header("Retry-After", "3600")]);
    let mut job = manual("job", json!({"url": receiver.url("/")}));
    job["retry_policy"] = json!({"initial_interval": "1s", "max_interval": "2h"});
    job["concurrency"] = "allow".into();
    server.create(&job).await;
    let asked = server.trigger("job").await;
    assert_eq!(asked["lateness_ms"], Value::Null);
    let waits = server.execution_is("job", id(&asked), "retrying").await;
    assert!(waits["lateness_ms"].is_u64(), "{waits:#}");
    let at = instant(waits["next_attempt_at"].as_str().unwrap());
    assert!(at > instant(waits["started_at"].as_str().unwrap()) + 3_599_000);
    assert_eq!(waits["waited"], json!({"slot_ms": 0, "target_ms": 0, "retry_after_ms": 3_600_000}));
    let explanation = &waits["explanation"];
    assert!(explanation["what"].as_str().unwrap().contains("attempt 1 of 3"), "{explanation:#}");
    assert!(explanation["next"].as_str().unwrap().contains(waits["next_attempt_at"].as_str().unwrap()));
    // A replay is late from when it is asked for, and not from the instant of the run that it repeats.
    receiver.script("/", [Answer::ok()]);
    let replay = server.act(&format!("/jobs/job/executions/{}/replay", id(&waits))).await.ok(202);
    let replay = server.finished("job", id(&replay)).await;
    let began = instant(replay["started_at"].as_str().unwrap());
    let since = began - instant(replay["scheduled_time"].as_str().unwrap());
    assert!(replay["lateness_ms"].as_i64().unwrap() <= since, "{replay:#}");
    assert!(replay.get("next_attempt_at").is_none() && replay.get("waited").is_none());
}

#[tokio::test]
async fn what_waits_for_a_slot_says_so() {
    let receiver = Receiver::start().await;
    let server = started(&[("dispatcher.max_concurrent", "1")]).await;
    let gate = Gate::closed();
    // It takes its time, so the wait of the other is a while.
    receiver.script("/first", [Answer::ok().after(&gate).late(Duration::from_millis(20))]);
    for name in ["first", "second"] {
        server.create(&manual(name, json!({"url": receiver.url(&format!("/{name}"))}))).await;
    }
    let first = server.trigger("first").await;
    receiver.next("/first").await;
    let second = server.trigger("second").await;
    until("it to wait", || async {
        let metrics = server.root("/metrics").await.body;
        metrics.lines().any(|line| line == "chronos_executions_waiting 1").then_some(())
    })
    .await;
    gate.open();
    server.finished("first", id(&first)).await;
    let second = server.finished("second", id(&second)).await;
    assert!(second["waited"]["slot_ms"].as_u64().unwrap() > 0, "{second:#}");
}

#[tokio::test]
async fn a_failure_is_explained_with_what_changed_since_the_last_success() {
    let (receiver, server) = (Receiver::start().await, start().await);
    receiver.script("/bad", [Answer::status(404)]);
    let job = manual("job", json!({"url": receiver.url("/good")}));
    let good = server.run(&job).await;
    assert!(good.get("explanation").is_none(), "{good:#}");
    let change = json!({"webhook": {"url": receiver.url("/bad")}, "timeout": "10s"});
    server.call(Method::PATCH, "/jobs/job", &[("Chronos-Note", "moved")], &change).await.ok(200);
    let failed = server.run_again("job").await;
    let explanation = &failed["explanation"];
    let what = explanation["what"].as_str().unwrap();
    assert!(what.contains("127.0.0.1") && what.contains("404"), "{what}");
    assert!(explanation["next"].as_str().unwrap().contains("webhook.url"), "{explanation:#}");
    let changed = &explanation["changed"];
    assert_eq!((&changed["from_version"], &changed["version"]), (&json!(1), &json!(2)));
    assert_eq!(changed["fields"], json!(["webhook.url", "timeout"]));
    assert_eq!((&changed["by"]["kind"], &changed["note"]), (&json!("anonymous"), &json!("moved")));
    // A list does not explain, and where nothing has changed, that is said.
    assert!(server.get("/executions").await.ok(200)["executions"][0].get("explanation").is_none());
    let other = server.run(&manual("other", json!({"url": receiver.url("/bad")}))).await;
    assert_eq!(other["explanation"]["changed"], Value::Null);
}

#[tokio::test]
async fn an_explanation_counts_the_other_jobs_that_fail_alike() {
    let (receiver, server) = (Receiver::start().await, start().await);
    receiver.respond(|_| Answer::status(404));
    for name in ["one", "two"] {
        let mut job = manual(name, json!({"url": receiver.url("/")}));
        job["schedule"] = "@every 1s".into();
        server.create(&job).await;
    }
    let others = |failed: Value| failed["explanation"]["others"].clone();
    until("both to fail", || async {
        let page = server.get("/jobs/one/executions?status=failed").await.ok(200);
        let newest = page["executions"].get(0)?["id"].as_str()?.to_owned();
        (others(server.execution("one", &newest).await) == json!({"count": 1, "exact": true})).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_was_skipped_or_cancelled_is_explained_too() {
    let (receiver, server) = (Receiver::start().await, start().await);
    let gate = Gate::closed();
    receiver.script("/", [Answer::ok().after(&gate)]);
    let mut job = manual("job", json!({"url": receiver.url("/")}));
    job["schedule"] = "@every 1s".into();
    server.create(&job).await;
    receiver.next("/").await;
    let skipped = until("a run to be skipped", || async {
        let page = server.get("/jobs/job/executions?status=skipped").await.ok(200);
        page["executions"].get(0).cloned()
    })
    .await;
    let skipped = server.execution("job", id(&skipped)).await;
    assert!(skipped["explanation"]["what"].as_str().unwrap().contains("unfinished"), "{skipped:#}");
    assert!(skipped["explanation"]["next"].as_str().unwrap().contains("concurrency"));
    let running = server.get("/jobs/job/executions?status=running").await.ok(200)["executions"][0].clone();
    let path = format!("/jobs/job/executions/{}/cancel", id(&running));
    server.act(&path).await.ok(200);
    let cancelled = server.execution("job", id(&running)).await;
    let what = cancelled["explanation"]["what"].as_str().unwrap();
    assert!(what.contains("by anonymous at 127.0.0.1") && what.contains("cut off"), "{what}");
    gate.open();
}

#[tokio::test]
async fn a_test_call_shows_what_was_sent_and_fills_in_the_secrets_of_a_job() {
    let (receiver, server) = (Receiver::start().await, start().await);
    let webhook = json!({
        "url": receiver.url("/job"), "headers": {"X-Token": "s3cret"},
        "auth": {"type": "bearer", "token": "hunter2"},
    });
    let job = server.create(&manual("job", webhook)).await;
    let mut test = json!({"webhook": job["webhook"], "job": "job"});
    test["webhook"]["url"] = receiver.url("/new").into();
    let tested = server.post("/webhooks/test", &test).await.ok(200);
    let call = receiver.next("/new").await;
    assert_eq!((call.sent("X-Token"), call.sent("Authorization")), ("s3cret", "Bearer hunter2"));
    let request = &tested["request"];
    assert_eq!((&request["method"], &request["url"]), (&json!("GET"), &json!(receiver.url("/new"))));
    assert_eq!(request["headers"]["X-Token"], "[redacted]");
    assert_eq!(request["headers"]["X-Chronos-Attempt"], "1");
    assert!(tested["phases"]["connect_ms"].is_u64() && tested["phases"]["dns_ms"].is_null(), "{tested:#}");
    assert!(!tested.to_string().contains("hunter2") && !tested.to_string().contains("s3cret"));
    // Neither to another origin, nor where there is none.
    let other = Receiver::start().await;
    test["webhook"]["url"] = other.url("/").into();
    for field in ["webhook.headers.X-Token", "webhook.auth.token"] {
        let refused = server.post("/webhooks/test", &test).await;
        assert_eq!(refused.bad_fields(), [field]);
        let message = refused.problem(400)["errors"][0]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(&receiver.origin()) && message.contains(&other.origin()), "{message}");
        test["webhook"].as_object_mut().unwrap().remove("headers");
    }
    test["webhook"]["url"] = receiver.url("/").into();
    test["webhook"]["headers"] = json!({"X-Secret": "[redacted]"});
    assert_eq!(server.post("/webhooks/test", &test).await.bad_fields(), ["webhook.headers.X-Secret"]);
    test["job"] = "nobody".into();
    assert_eq!(server.post("/webhooks/test", &test).await.problem(404)["code"], "job_not_found");
    assert_eq!(other.connections(), 0);
}
