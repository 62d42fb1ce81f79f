//! Versions and rollback

use crate::support::*;

#[tokio::test]
async fn every_version_is_kept_and_any_can_come_back() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    server.create(&manual("job", json!({"url": receiver.url("/1")}))).await;
    let secret = json!({"url": receiver.url("/2"), "auth": {"type": "bearer", "token": "two"}});
    server.put("/jobs/job", &manual("job", secret)).await.ok(200);
    server.put("/jobs/job", &manual("job", json!({"url": receiver.url("/3")}))).await.ok(200);
    let page = server.get("/jobs/job/versions").await.ok(200);
    let versions = page["versions"].as_array().unwrap();
    let numbers: Vec<_> = versions.iter().map(|version| version["version"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [3, 2, 1], "newest first");
    for version in versions {
        let url = version["spec"]["webhook"]["url"].as_str().unwrap();
        assert!(url.ends_with(&format!("/{}", version["version"])), "{version:#}");
        assert!(version["updated_at"].is_string());
    }
    let back = server.act("/jobs/job/rollback/2").await;
    let job = back.ok(200);
    assert_eq!(
        (&job["version"], back.header("etag")),
        (&json!(4), Some(etag(&job).as_str())),
        "a new version"
    );
    assert_eq!(job["webhook"]["url"], receiver.url("/2"));
    server.run_again("job").await;
    assert_eq!(receiver.next("/2").await.sent("Authorization"), "Bearer two", "with its secret");
    for unknown in ["9", "0", "+2", "02", "-2", "18446744073709551615", "18446744073709551616"] {
        server.act(&format!("/jobs/job/rollback/{unknown}")).await.problem(404);
    }
    let odd = server.act("/jobs/job/rollback/x").await;
    assert!(matches!(odd.status, 400 | 404), "{odd:?}");
}

#[tokio::test]
async fn an_execution_shows_the_request_of_the_version_that_ran() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    server.create(&manual("job", json!({"url": receiver.url("/old"), "body": "old"}))).await;
    let old = server.run_again("job").await;
    server.put("/jobs/job", &manual("job", json!({"url": receiver.url("/new")}))).await.ok(200);
    let again = server.execution("job", old["id"].as_str().unwrap()).await;
    assert_eq!((&again["job_version"], &again["request"]), (&json!(1), &old["request"]));
    assert_eq!(again["request"]["body"], "old");
    let new = server.run_again("job").await;
    assert_eq!((&new["job_version"], &new["request"]["url"]), (&json!(2), &json!(receiver.url("/new"))));
}

#[tokio::test]
async fn an_execution_under_way_goes_on_as_it_began_when_the_job_changes() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let gate = Gate::closed();
    receiver.script("/old", [Answer::status(500).after(&gate), Answer::ok()]);
    let mut job = manual("job", json!({"url": receiver.url("/old")}));
    job["retry_policy"] = json!({"initial_interval": "1ms"});
    server.create(&job).await;
    let id = server.trigger("job").await["id"].as_str().unwrap().to_owned();
    receiver.next("/old").await;
    server.put("/jobs/job", &manual("job", json!({"url": receiver.url("/new")}))).await.ok(200);
    gate.open();
    let execution = server.finished("job", &id).await;
    assert_eq!((&execution["status"], &execution["attempts"]), (&json!("success"), &json!(2)));
    assert_eq!((receiver.calls("/old").len(), receiver.calls("/new").len()), (2, 0));
}
