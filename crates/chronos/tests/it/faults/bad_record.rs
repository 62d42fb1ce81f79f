//! Records that an earlier release wrote and that this one refuses: each costs its own job, and nobody else anything

use crate::support::*;

/// Jobs and what becomes of their specifications while the server is down, as SQL.
const BAD: [(&str, &str); 7] = [
    ("schedule", "json_set(spec, '$.schedule', '@whenever')"),
    ("zone", "json_set(spec, '$.timezone', 'Mars/Olympus')"),
    ("policy", "json_set(spec, '$.concurrency', 'sometimes')"),
    ("url", "json_set(spec, '$.webhook.url', 'ftp://h/')"),
    ("tag", "json_set(spec, '$.tags', json('{\"no tag\":\"v\"}'))"),
    ("form", "json_set(spec, '$.moon', 1)"),
    ("text", "'no JSON'"),
];

/// A server on such records, beside a job that can be read. All of them fall due every second.
async fn planted(receiver: &Receiver) -> Server {
    let mut server = CHRONOS.start().await;
    for name in BAD.iter().map(|(name, _)| *name).chain(["healthy"]) {
        server.create(&job(name, receiver)).await;
    }
    for (name, _) in BAD {
        receiver.next(&format!("/{name}")).await;
    }
    server.stop().await;
    for (name, spec) in BAD {
        let sql = format!("UPDATE jobs SET spec = {spec} WHERE name = '{name}'");
        plant(&server.setup().data().join("state.db"), &sql);
    }
    server.again().await
}

fn job(name: &str, receiver: &Receiver) -> Value {
    let webhook =
        json!({"url": receiver.url(&format!("/{name}")), "auth": {"type": "bearer", "token": "t0ken"}});
    json!({"name": name, "schedule": "@every 1s", "concurrency": "allow", "webhook": webhook})
}

#[tokio::test]
async fn a_job_that_cannot_be_read_costs_itself_alone_and_is_shown_as_such() {
    let receiver = Receiver::start().await;
    let server = planted(&receiver).await;
    let before = receiver.calls("/healthy").len();
    receiver.wait_for("/healthy", before + 3).await;
    server.root("/ready").await.ok(200);
    let page = server.get("/jobs").await.ok(200);
    let jobs = page["jobs"].as_array().unwrap();
    assert_eq!(jobs.len(), BAD.len() + 1, "{page:#}");
    for shown in jobs {
        let name = shown["name"].as_str().unwrap();
        assert_eq!(shown["invalid"].is_string(), name != "healthy", "{shown:#}");
        assert!(!shown.to_string().contains("t0ken"), "{shown:#}");
        assert_eq!(server.get(&format!("/jobs/{name}")).await.ok(200)["invalid"], shown["invalid"]);
        server.get(&format!("/jobs/{name}/versions")).await.ok(200);
        server.get(&format!("/jobs/{name}/executions")).await.ok(200);
        assert!(shown["next_run"].is_string(), "its due instant stays: {shown:#}");
    }
    server.get("/jobs?q=healthy").await.ok(200);
    server.get("/executions").await.ok(200);
    // Of one that is known to be due each instant has a record, which says why nothing was called.
    let skipped = until("an instant of the job without a good URL", || async {
        let executions = server.executions("url", 1).await;
        executions.into_iter().find(|execution| execution["status"] == "skipped")
    })
    .await;
    let why = skipped["last_error"].as_str().unwrap();
    assert!(why.contains("cannot be read") && why.contains("ftp"), "{skipped:#}");
    // Each that cannot be planned is logged once.
    let log = server.log();
    let lines = log.lines().filter(|line| line.contains("it cannot be read when the job runs"));
    assert_eq!(lines.count(), 4, "{log}");
}

#[tokio::test]
async fn a_job_that_cannot_be_read_is_written_anew_enabled_disabled_triggered_and_deleted() {
    let receiver = Receiver::start().await;
    let server = planted(&receiver).await;
    for (name, _) in BAD {
        let path = format!("/jobs/{name}");
        let reply = server.act(&format!("{path}/trigger")).await;
        if ["schedule", "zone"].contains(&name) {
            // What it calls can be read; only when it runs cannot.
            reply.ok(202);
        } else {
            assert_eq!(reply.problem(409)["code"], "job_invalid", "{name}");
        }
        for action in ["disable", "enable"] {
            let shown = server.act(&format!("{path}/{action}")).await.ok(200);
            assert_eq!(shown["enabled"], action == "enable", "{shown:#}");
            // What is not known of its form is left out, and with that it is one that can be read.
            assert_eq!(shown["invalid"].is_string(), name != "form", "{shown:#}");
            assert_eq!(shown["next_run"].is_string(), action == "enable", "{shown:#}");
        }
    }
    // Nobody knows to which origin a secret belongs whose URL cannot be read: so it is given anew.
    let moved = json!({"webhook": {"url": receiver.url("/url")}});
    assert_eq!(server.patch("/jobs/url", &moved).await.bad_fields(), ["webhook.auth.token"]);
    // All else that can be read of it stays as it is, its secret too.
    let repairs = [
        ("schedule", json!({"schedule": "@every 2s"})),
        ("zone", json!({"timezone": "UTC"})),
        ("policy", json!({"concurrency": "allow"})),
        ("url", json!({"webhook": {"url": receiver.url("/url"), "auth": {"token": "t0ken"}}})),
        ("tag", json!({"tags": {"no tag": null}})),
    ];
    for (name, patch) in repairs {
        let path = format!("/{name}");
        let before = receiver.calls(&path).len();
        let shown = server.patch(&format!("/jobs/{name}"), &patch).await.ok(200);
        assert!(shown.get("invalid").is_none(), "{shown:#}");
        // One of them may be the run that was triggered.
        let calls = receiver.wait_for(&path, before + 3).await;
        assert_eq!(calls.last().unwrap().sent("Authorization"), "Bearer t0ken", "{name}");
    }
    let before = receiver.calls("/text").len();
    let shown = server.put("/jobs/text", &job("text", &receiver)).await.ok(200);
    assert!(shown.get("invalid").is_none(), "{shown:#}");
    receiver.wait_for("/text", before + 3).await;
    // An earlier version that cannot be read is none to go back to.
    assert_eq!(server.act("/jobs/text/rollback/1").await.bad_fields(), ["version"]);
    assert_eq!(server.delete("/jobs/form").await.status, 204);
    server.get("/jobs/form").await.problem(404);
}
