//! Who did it: what changes a job, and what asks for a run or cancels one, records who asked and what they said

use hyper::Method;

use crate::support::*;

const NOTE: &str = "Chronos-Note";

/// A server whose cluster has the version that keeps authors.
async fn start() -> Server {
    let server = CHRONOS.start().await;
    until("the version to rise", || async {
        let status = server.get("/cluster/status").await.ok(200);
        (status["cluster_version"].as_u64().unwrap() >= 2).then_some(())
    })
    .await;
    server
}

/// A request with a note.
async fn noted(server: &Server, method: Method, path: &str, note: &str, body: &Value) -> Reply {
    server.call(method, path, &[(NOTE, note)], body).await
}

/// A client of this machine that does not say who it is.
fn client() -> Value {
    json!({"kind": "anonymous", "address": "127.0.0.1"})
}

fn author(of: &Value) -> (&Value, &Value) {
    (&of["by"], &of["note"])
}

#[tokio::test]
async fn each_version_of_a_job_shows_who_made_it_and_what_they_said() {
    let mut server = start().await;
    let spec = manual("job", json!({"url": "http://127.0.0.1:9/"}));
    let made = noted(&server, Method::POST, "/jobs", "für den Bericht", &spec).await.ok(201);
    assert_eq!(author(&made), (&client(), &json!("für den Bericht")));
    // What was read can be written back: who made it is not what is asked for.
    let put = noted(&server, Method::PUT, "/jobs/job", "", &made).await.ok(200);
    assert_eq!(author(&put), (&client(), &Value::Null));
    let patch = json!({"description": "x"});
    noted(&server, Method::PATCH, "/jobs/job", "patched", &patch).await.ok(200);
    noted(&server, Method::POST, "/jobs/job/disable", "disabled", &json!({})).await.ok(200);
    noted(&server, Method::POST, "/jobs/job/rollback/1", "back", &json!({})).await.ok(200);
    // One that finds nothing to change makes no version.
    let same = noted(&server, Method::POST, "/jobs/job/enable", "nothing", &json!({})).await.ok(200);
    assert_eq!((&same["version"], author(&same)), (&json!(5), (&client(), &json!("back"))));

    let page = server.get("/jobs/job/versions").await.ok(200);
    let versions = page["versions"].as_array().unwrap();
    assert!(versions.iter().all(|version| version["by"] == client()), "{page:#}");
    let notes: Vec<_> = versions.iter().map(|version| version["note"].as_str()).collect();
    assert_eq!(notes, [Some("back"), Some("disabled"), Some("patched"), None, Some("für den Bericht")]);
    assert_eq!(author(&server.get("/jobs").await.ok(200)["jobs"][0]), (&client(), &json!("back")));

    // Also after a restart.
    server.stop().await;
    let server = server.again().await;
    assert_eq!(server.get("/jobs/job/versions").await.ok(200), page);
}

#[tokio::test]
async fn an_execution_shows_who_asked_for_it_and_who_cancelled_it() {
    let (receiver, server) = (Receiver::start().await, start().await);
    let gate = Gate::closed();
    receiver.script("/", [Answer::ok(), Answer::ok(), Answer::ok().after(&gate)]);
    let mut job = manual("job", json!({"url": receiver.url("/")}));
    job["concurrency"] = "allow".into();
    server.create(&job).await;
    let ask = |path: String, note: &'static str| {
        let server = &server;
        async move { noted(server, Method::POST, &path, note, &json!({})).await }
    };
    let id = |execution: &Value| execution["id"].as_str().unwrap().to_owned();

    let asked = ask("/jobs/job/trigger".into(), "by hand").await.ok(202);
    assert_eq!(author(&asked), (&client(), &json!("by hand")));
    let ended = server.finished("job", &id(&asked)).await;
    assert_eq!((author(&ended), &ended["cancelled"]), ((&client(), &json!("by hand")), &Value::Null));

    let replayed = ask(format!("/jobs/job/executions/{}/replay", id(&asked)), "once more").await.ok(202);
    assert_eq!(author(&replayed), (&client(), &json!("once more")));
    server.finished("job", &id(&replayed)).await;

    let held = server.trigger("job").await;
    receiver.next("/").await;
    let cancelled = ask(format!("/jobs/job/executions/{}/cancel", id(&held)), "stuck").await.ok(200);
    assert_eq!(author(&cancelled), (&client(), &Value::Null), "who asked for it is another question");
    assert_eq!(cancelled["cancelled"], json!({"by": client(), "note": "stuck"}));
    assert_eq!(server.execution("job", &id(&held)).await["cancelled"], cancelled["cancelled"]);

    // With the job, its runs are cancelled by whoever deletes it.
    receiver.script("/gone", [Answer::ok().after(&gate)]);
    let gone = server.create(&manual("gone", json!({"url": receiver.url("/gone")}))).await;
    let held = server.trigger("gone").await;
    receiver.next("/gone").await;
    assert_eq!(noted(&server, Method::DELETE, "/jobs/gone", "not needed", &json!({})).await.status, 204);
    let ended = server.finished(gone["id"].as_str().unwrap(), &id(&held)).await;
    assert_eq!(ended["cancelled"], json!({"by": client(), "note": "not needed"}), "{ended:#}");
    gate.open();

    // What a schedule asks for, Chronos itself does.
    let mut every = manual("every", json!({"url": receiver.url("/every")}));
    every["schedule"] = "@every 1s".into();
    server.create(&every).await;
    receiver.next("/every").await;
    let page = server.get("/jobs/every/executions").await.ok(200);
    assert_eq!(author(&page["executions"][0]), (&json!({"kind": "system"}), &Value::Null), "{page:#}");
}

#[tokio::test]
async fn a_repeat_is_answered_with_who_asked_first() {
    let server = start().await;
    let spec = manual("job", json!({"url": "http://127.0.0.1:9/"}));
    let body = [("/jobs", &spec), ("/jobs/job/disable", &json!({})), ("/jobs/job/trigger", &json!({}))];
    for (number, (path, body)) in body.into_iter().enumerate() {
        let key = number.to_string();
        let ask = |note: &'static str| {
            let headers = [("idempotency-key", key.clone()), (NOTE, note.to_owned())];
            let server = &server;
            async move {
                let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
                server.call(Method::POST, path, &headers, body).await
            }
        };
        let (first, again) = (ask("first").await, ask("again").await);
        assert_eq!((first.status, &first.body), (again.status, &again.body), "{path}");
        assert_eq!(author(&again.json()), (&client(), &json!("first")), "{path}");
    }
}

#[tokio::test]
async fn a_note_that_is_no_line_of_text_is_refused_wherever_something_is_changed() {
    let server = start().await;
    let spec = manual("job", json!({"url": "http://127.0.0.1:9/"}));
    server.create(&spec).await;
    let id = server.trigger("job").await["id"].as_str().unwrap().to_owned();
    let long = "x".repeat(1_025);
    let changes = [
        (Method::POST, "/jobs".to_owned()),
        (Method::PUT, "/jobs/job".to_owned()),
        (Method::PATCH, "/jobs/job".to_owned()),
        (Method::DELETE, "/jobs/job".to_owned()),
        (Method::POST, "/jobs/job/enable".to_owned()),
        (Method::POST, "/jobs/job/disable".to_owned()),
        (Method::POST, "/jobs/job/pause".to_owned()),
        (Method::POST, "/jobs/job/resume".to_owned()),
        (Method::POST, "/jobs/job/skip".to_owned()),
        (Method::DELETE, "/jobs/job/skip".to_owned()),
        (Method::POST, "/jobs/job/rollback/1".to_owned()),
        (Method::POST, "/jobs/job/trigger".to_owned()),
        (Method::POST, format!("/jobs/job/executions/{id}/cancel")),
        (Method::POST, format!("/jobs/job/executions/{id}/replay")),
        (Method::POST, "/cluster/nodes".to_owned()),
        (Method::DELETE, "/cluster/nodes/n9".to_owned()),
        (Method::POST, "/cluster/transfer-leadership".to_owned()),
        (Method::POST, "/cluster/clock".to_owned()),
        (Method::POST, "/cluster/encryption/rotate".to_owned()),
    ];
    for (method, path) in changes {
        for bad in [long.as_str(), "a\tb", "a\u{9f}b"] {
            let refused = noted(&server, method.clone(), &path, bad, &json!({})).await;
            assert_eq!(refused.bad_fields(), [NOTE], "{method} {path}: {refused:?}");
            let why = refused.json()["errors"][0]["message"].as_str().unwrap().to_owned();
            assert!(why.contains("expected 1 to 1024 bytes of text"), "{why}");
        }
    }
    let twice = server.call(Method::POST, "/jobs/job/trigger", &[(NOTE, "a"), (NOTE, "b")], &json!({})).await;
    assert_eq!(twice.bad_fields(), [NOTE], "{twice:?}");
    assert_eq!(server.get("/jobs/job").await.ok(200)["version"], 1, "nothing was done");
    let note = "x".repeat(1_024);
    let taken = noted(&server, Method::PATCH, "/jobs/job", &note, &json!({"description": "x"})).await;
    assert_eq!(taken.ok(200)["note"], note);
}

#[tokio::test]
async fn who_changes_the_cluster_is_told_by_the_log_of_the_node() {
    let server = start().await;
    noted(&server, Method::POST, "/cluster/clock", "the NTP server was off", &json!({"time": "right"}))
        .await
        .ok(200);
    let said = server.logged("asked for: the cluster's time is said to be right").await;
    let said = said.to_string();
    for part in ["anonymous", "127.0.0.1", "the NTP server was off"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}
