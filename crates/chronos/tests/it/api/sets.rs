//! Sets of jobs: who owns a job, and what an apply did not name

use hyper::Method;

use crate::support::*;

/// A server whose cluster has the version that brings batches and sets.
pub(super) async fn start() -> Server {
    let server = CHRONOS.start().await;
    until("the version to rise", || async {
        let status = server.get("/cluster/status").await.ok(200);
        (status["cluster_version"].as_u64().unwrap() >= 2).then_some(())
    })
    .await;
    server
}

fn job(name: &str) -> Value {
    manual(name, json!({"url": "http://127.0.0.1:9/"}))
}

fn jobs(names: &[&str]) -> Value {
    names.iter().map(|name| job(name)).collect()
}

/// Writes jobs for an apply of the set `s`.
async fn apply(server: &Server, id: &str, names: &[&str]) -> Value {
    server.post("/jobs/batch", &json!({"jobs": jobs(names), "set": "s", "apply_id": id})).await.ok(200)
}

async fn prune(server: &Server, body: Value) -> Reply {
    server.post("/sets/s/prune", &body).await
}

/// The names of all jobs, in order of creation.
async fn names(server: &Server) -> Vec<String> {
    let page = server.get("/jobs").await.ok(200);
    page["jobs"].as_array().unwrap().iter().map(|job| job["name"].as_str().unwrap().to_owned()).collect()
}

fn outcome(answer: &Value, place: usize) -> &str {
    answer["jobs"][place]["outcome"].as_str().unwrap()
}

#[tokio::test]
async fn a_job_shows_its_set_and_keeps_it_when_it_is_changed_alone() {
    let server = start().await;
    apply(&server, "1", &["a"]).await;
    let read = server.get("/jobs/a").await.ok(200);
    assert_eq!(read["set"], "s");
    assert_eq!(server.get("/jobs").await.ok(200)["jobs"][0]["set"], "s");
    // It is no field of the specification: what was read can be written back.
    assert_eq!(server.put("/jobs/a", &read).await.ok(200)["set"], "s");
    assert_eq!(server.patch("/jobs/a", &json!({"description": "x"})).await.ok(200)["set"], "s");
    assert_eq!(server.act("/jobs/a/disable").await.ok(200)["set"], "s");
    let batch = json!({"jobs": [job("a")]});
    assert_eq!(outcome(&server.post("/jobs/batch", &batch).await.ok(200), 0), "changed");
    assert_eq!(server.get("/jobs/a").await.ok(200)["set"], "s");
    // A job that takes over the name is of no set.
    assert_eq!(server.delete("/jobs/a").await.status, 204);
    assert!(server.create(&job("a")).await["set"].is_null());
}

#[tokio::test]
async fn a_job_of_another_set_or_of_none_is_refused_unless_it_is_adopted() {
    let server = start().await;
    server.create(&job("none")).await;
    server.post("/jobs/batch", &json!({"jobs": [job("other")], "set": "other"})).await.ok(200);
    let mut batch = json!({"jobs": jobs(&["new", "none", "other"]), "set": "s"});
    let answer = server.post("/jobs/batch", &batch).await.ok(200);
    assert_eq!(answer["counts"]["refused"], 2);
    for (place, owner) in [(1, "no set"), (2, "the set \"other\"")] {
        let error = &answer["jobs"][place]["errors"][0];
        let message = error["message"].as_str().unwrap();
        assert_eq!(error["field"], "name");
        assert!(
            message.contains(&format!("belongs to {owner}; expected a job of the set \"s\"")),
            "{message}"
        );
    }
    let refused = json!({"jobs": jobs(&["new", "none"]), "set": "s", "atomic": true});
    assert_eq!(server.post("/jobs/batch", &refused).await.bad_fields(), ["jobs[1].name"]);
    batch["adopt"] = json!(true);
    let answer = server.post("/jobs/batch", &batch).await.ok(200);
    // Nothing else of it is another than before, so it has no new version.
    let changes = |from: Value| json!([{"field": "set", "from": from, "to": "s"}]);
    for (place, from) in [(1, Value::Null), (2, json!("other"))] {
        assert_eq!((outcome(&answer, place), &answer["jobs"][place]["version"]), ("changed", &json!(1)));
        assert_eq!(answer["jobs"][place]["changes"], changes(from));
    }
    for name in ["new", "none", "other"] {
        assert_eq!(server.get(&format!("/jobs/{name}")).await.ok(200)["set"], "s");
    }
    batch["adopt"] = json!(false);
    assert_eq!(server.post("/jobs/batch", &batch).await.ok(200)["counts"]["unchanged"], 3);
}

#[tokio::test]
async fn a_prune_deletes_what_no_part_of_its_apply_named() {
    let server = start().await;
    server.create(&job("alone")).await;
    apply(&server, "1", &["a", "b", "c", "d"]).await;
    server
        .post("/jobs/batch", &json!({"jobs": [job("elsewhere")], "set": "t", "apply_id": "2"}))
        .await
        .ok(200);
    // In two parts; what stays as it is is named, too.
    apply(&server, "2", &["b"]).await;
    apply(&server, "2", &["e"]).await;
    let told = prune(&server, json!({"apply_id": "2", "max": 10, "dry_run": true})).await.ok(200);
    assert_eq!(told, json!({"deleted": ["a", "c", "d"], "dry_run": true}));
    assert_eq!(names(&server).await.len(), 7);
    let done = prune(&server, json!({"apply_id": "2", "max": 10, "if_count": 3})).await.ok(200);
    assert_eq!(done, json!({"deleted": ["a", "c", "d"], "dry_run": false}));
    assert_eq!(names(&server).await, ["alone", "b", "elsewhere", "e"]);
    let again = prune(&server, json!({"apply_id": "2", "max": 10, "if_count": 0})).await.ok(200);
    assert_eq!(again["deleted"], json!([]));
}

#[tokio::test]
async fn no_more_and_no_fewer_are_deleted_than_is_expected() {
    let server = start().await;
    apply(&server, "1", &["a", "b", "c"]).await;
    apply(&server, "2", &["c"]).await;
    for (body, says) in [
        (json!({"apply_id": "2", "max": 1}), "2 jobs would be deleted, and max is 1; nothing was deleted"),
        (
            json!({"apply_id": "2", "max": 9, "if_count": 3}),
            "2 jobs would be deleted, and if_count expects 3; ",
        ),
        (
            json!({"apply_id": "2", "max": 9, "if_count": 0}),
            "2 jobs would be deleted, and if_count expects 0; ",
        ),
        (json!({"apply_id": "2", "max": 0, "dry_run": true}), "2 jobs would be deleted, and max is 0; "),
    ] {
        let problem = prune(&server, body).await.problem(409);
        assert_eq!(problem["code"], "prune_count");
        assert!(problem["detail"].as_str().unwrap().starts_with(says), "{problem:#}");
    }
    assert_eq!(names(&server).await, ["a", "b", "c"]);
    for (body, fields) in [
        (json!({}), &["apply_id", "max"][..]),
        (json!({"apply_id": "2"}), &["max"]),
        (json!({"apply_id": "2", "max": -1, "if_count": "x"}), &["if_count", "max"]),
        (json!({"apply_id": "a b", "max": 10_001, "colour": "red"}), &["apply_id", "colour", "max"]),
    ] {
        assert_eq!(prune(&server, body).await.bad_fields(), fields);
    }
    let refused = server.post("/sets/a%20b/prune", &json!({"apply_id": "2", "max": "x"})).await;
    assert_eq!(refused.bad_fields(), ["max", "set"]);
}

#[tokio::test]
async fn an_apply_that_the_set_does_not_know_prunes_nothing() {
    let server = start().await;
    apply(&server, "1", &["a"]).await;
    let problem = prune(&server, json!({"apply_id": "2", "max": 9})).await.problem(409);
    assert_eq!(problem["code"], "unknown_apply");
    assert_eq!(names(&server).await, ["a"]);
    // Of a set that owns nothing there is nothing to delete.
    let nothing = server.post("/sets/nobody/prune", &json!({"apply_id": "1", "max": 9})).await.ok(200);
    assert_eq!(nothing["deleted"], json!([]));
    // One that names no job at all is an apply too.
    apply(&server, "2", &[]).await;
    assert_eq!(prune(&server, json!({"apply_id": "2", "max": 9})).await.ok(200)["deleted"], json!(["a"]));
}

#[tokio::test]
async fn a_late_prune_leaves_what_a_newer_apply_named() {
    let server = start().await;
    apply(&server, "0", &["old"]).await;
    apply(&server, "1", &["a", "b"]).await;
    apply(&server, "2", &["b", "c"]).await;
    assert_eq!(prune(&server, json!({"apply_id": "1", "max": 9})).await.ok(200)["deleted"], json!(["old"]));
    assert_eq!(prune(&server, json!({"apply_id": "2", "max": 9})).await.ok(200)["deleted"], json!(["a"]));
    assert_eq!(names(&server).await, ["b", "c"]);
}

#[tokio::test]
async fn a_repeated_prune_is_answered_as_the_first_and_deletes_nothing_more() {
    let server = start().await;
    apply(&server, "1", &["a", "b"]).await;
    apply(&server, "2", &["b"]).await;
    let ask = |key: &'static str, body: Value| {
        let server = &server;
        async move { server.call(Method::POST, "/sets/s/prune", &[("idempotency-key", key)], &body).await }
    };
    let body = json!({"apply_id": "2", "max": 9, "if_count": 1});
    let first = ask("k", body.clone()).await.ok(200);
    assert_eq!(first["deleted"], json!(["a"]));
    assert_eq!(ask("k", body).await.ok(200), first);
    // What found nothing to delete deletes nothing either when it is repeated.
    let body = json!({"apply_id": "2", "max": 9});
    assert_eq!(ask("none", body.clone()).await.ok(200)["deleted"], json!([]));
    apply(&server, "3", &["c"]).await;
    assert_eq!(ask("none", body).await.ok(200)["deleted"], json!([]));
    assert_eq!(
        ask("k", json!({"apply_id": "3", "max": 9})).await.problem(422)["code"],
        "idempotency_key_reused"
    );
}

#[tokio::test]
async fn many_jobs_are_pruned_and_their_runs_are_cancelled() {
    let (receiver, server) = (Receiver::start().await, start().await);
    let gate = Gate::closed();
    receiver.script("/held", [Answer::ok().after(&gate)]);
    let mut all: Vec<_> = (0..1_100).map(|n| job(&format!("job-{n}"))).collect();
    all.push(manual("held", json!({"url": receiver.url("/held")})));
    let batch = json!({"jobs": all, "set": "s", "apply_id": "1"});
    assert_eq!(server.post("/jobs/batch", &batch).await.ok(200)["counts"]["created"], 1_101);
    let run = server.trigger("held").await;
    receiver.next("/held").await;
    apply(&server, "2", &["stays"]).await;
    let asked = json!({"apply_id": "2", "max": 10_000});
    let headers = [("chronos-note", "not needed"), ("idempotency-key", "k")];
    let done = server.call(Method::POST, "/sets/s/prune", &headers, &asked).await.ok(200);
    assert_eq!(done["deleted"].as_array().unwrap().len(), 1_101);
    assert_eq!(server.call(Method::POST, "/sets/s/prune", &headers, &asked).await.ok(200), done);
    assert_eq!(names(&server).await, ["stays"]);
    let (job, id) = (run["job_id"].as_str().unwrap(), run["id"].as_str().unwrap());
    let ended = server.finished(job, id).await;
    assert_eq!((&ended["status"], &ended["cancelled"]["note"]), (&json!("cancelled"), &json!("not needed")));
    gate.open();
}
