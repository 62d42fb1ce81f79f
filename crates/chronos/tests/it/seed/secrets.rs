//! The rule on secrets: write-only, everywhere

use crate::support::*;

const SECRET: &str = "hunter2-f00d";

/// A job whose every credential contains [`SECRET`].
fn secretive(name: &str, url: &str, auth: Value) -> Value {
    let mut job = manual(
        name,
        json!({
            "url": url,
            "headers": {
                "Cookie": format!("session={SECRET}"),
                "X-Api-Token": SECRET,
                "X-Signature": SECRET,
                "X-Open": "shown",
            },
            "auth": auth,
        }),
    );
    job["retry_policy"] = json!({"max_attempts": 2, "initial_interval": "1ms"});
    job
}

fn schemes() -> [(&'static str, Value, &'static str); 3] {
    [
        ("bearer", json!({"type": "bearer", "token": SECRET}), "token"),
        ("basic", json!({"type": "basic", "username": "me", "password": SECRET}), "password"),
        ("key", json!({"type": "api_key", "api_key": SECRET, "header": "X-Plain"}), "api_key"),
    ]
}

#[tokio::test]
async fn secrets_read_back_redacted_in_jobs_executions_and_lists_and_never_reach_the_log() {
    let receiver = Receiver::start().await;
    let server = CHRONOS.with(&[("logging.level", "trace")]).await;
    // Failures are logged and recorded at greater length than successes.
    receiver.script("/", [Answer::status(500)]);
    for (name, auth, member) in schemes() {
        let job = secretive(name, &receiver.url("/"), auth);
        let created = server.post("/jobs", &job).await;
        let shown = created.ok(201);
        assert_eq!(shown["webhook"]["auth"][member], "[redacted]");
        for header in ["Cookie", "X-Api-Token", "X-Signature"] {
            assert_eq!(shown["webhook"]["headers"][header], "[redacted]");
        }
        assert_eq!(shown["webhook"]["headers"]["X-Open"], "shown");
        let execution = server.run_again(name).await;
        assert_eq!(execution["status"], "failed");
        let headers = &execution["request"]["headers"];
        assert_eq!((&headers["X-Open"], &headers["Cookie"]), (&json!("shown"), &json!("[redacted]")));
        let mut seen = vec![created.body, execution.to_string()];
        for path in ["", "/versions", "/executions", "/executions?view=full"] {
            seen.push(server.get(&format!("/jobs/{name}{path}")).await.body);
        }
        assert!(!seen.concat().contains(SECRET), "{name}: {seen:#?}");
        let call = receiver.next("/").await;
        assert_eq!(call.sent("X-Api-Token"), SECRET, "the receiver gets it");
    }
    for path in ["/jobs", "/executions", "/executions?view=full"] {
        assert!(!server.get(path).await.body.contains(SECRET), "{path}");
    }
    assert!(!server.root("/metrics").await.body.contains(SECRET));
    let bad =
        secretive("bad name", "ftp://x", json!({"type": "basic", "username": "a:b", "password": SECRET}));
    let refused = server.post("/jobs", &bad).await;
    assert!(refused.status == 400 && !refused.body.contains(SECRET), "{refused:?}");
    let log = server.log();
    assert!(!log.contains(SECRET), "{log}");
    // printf me:hunter2-f00d | base64
    assert!(!log.contains("bWU6aHVudGVyMi1mMDBk"), "{log}");
}

#[tokio::test]
async fn writing_redacted_back_keeps_the_stored_secret() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    for (name, auth, _) in schemes() {
        let path = format!("/{name}");
        let mut job = server.create(&secretive(name, &receiver.url(&path), auth)).await;
        let member = job.as_object_mut().unwrap();
        for read_only in ["id", "version", "created_at", "updated_at", "next_run", "last_run", "by"] {
            member.remove(read_only);
        }
        job["description"] = "changed".into();
        server.put(&format!("/jobs/{name}"), &job).await.ok(200);
        let change = json!({"description": "again", "webhook": {"headers": {"X-Open": "still"}}});
        server.patch(&format!("/jobs/{name}"), &change).await.ok(200);
        server.run_again(name).await;
        let call = receiver.next(&path).await;
        assert_eq!(call.sent("Cookie"), format!("session={SECRET}"));
        assert_eq!((call.sent("X-Signature"), call.sent("X-Open")), (SECRET, "still"));
        let carrier = if name == "key" { "X-Plain" } else { "Authorization" };
        let expected = match name {
            "bearer" => format!("Bearer {SECRET}"),
            "basic" => "Basic bWU6aHVudGVyMi1mMDBk".to_owned(),
            _ => SECRET.to_owned(),
        };
        assert_eq!(call.sent(carrier), expected);
    }
}

#[tokio::test]
async fn a_new_secret_replaces_the_stored_one() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let (name, auth, _) = schemes()[0].clone();
    server.create(&secretive(name, &receiver.url("/"), auth)).await;
    let change = json!({"webhook": {"auth": {"token": "fresh"}}});
    server.patch("/jobs/bearer", &change).await.ok(200);
    server.run_again(name).await;
    assert_eq!(receiver.next("/").await.sent("Authorization"), "Bearer fresh");
}

#[tokio::test]
async fn redacted_where_nothing_is_stored_is_refused() {
    let server = CHRONOS.start().await;
    let auth = json!({"type": "bearer", "token": "[redacted]"});
    let job = manual("new", json!({"url": "http://127.0.0.1/", "auth": auth}));
    assert_eq!(server.post("/jobs", &job).await.bad_fields(), ["webhook.auth.token"]);
    let headers = json!({"Cookie": "[redacted]"});
    let job = manual("new", json!({"url": "http://127.0.0.1/", "headers": headers}));
    assert_eq!(server.post("/jobs", &job).await.bad_fields(), ["webhook.headers.Cookie"]);
}

#[tokio::test]
async fn no_stored_secret_moves_to_another_origin_with_the_url() {
    let (receiver, other, server) = (Receiver::start().await, Receiver::start().await, CHRONOS.start().await);
    let (name, auth, _) = schemes()[0].clone();
    server.create(&secretive(name, &receiver.url("/?token=t0ken-in-url"), auth)).await;
    let moved = json!({"webhook": {"url": other.url("/")}});
    assert_eq!(server.patch("/jobs/bearer", &moved).await.bad_fields(), ["webhook.headers.Cookie"]);
    // To another path it does, and with all of them given anew.
    let path = json!({"webhook": {"url": receiver.url("/path?token=[redacted]")}});
    server.patch("/jobs/bearer", &path).await.ok(200);
    let given = json!({"webhook": {
        "url": other.url("/"), "headers": {"Cookie": "a=b", "X-Api-Token": "c", "X-Signature": "d"}, "auth": {"token": "e"},
    }});
    server.run_again(name).await;
    assert_eq!(receiver.next("/path").await.target, "/path?token=t0ken-in-url");
    server.patch("/jobs/bearer", &given).await.ok(200);
    server.run_again(name).await;
    assert_eq!(other.next("/").await.sent("Authorization"), "Bearer e");
}

#[tokio::test]
async fn credentials_in_the_query_read_back_redacted() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let url = receiver.url(&format!("/?a=b&api_key={SECRET}"));
    let shown = receiver.url("/?a=b&api_key=[redacted]");
    receiver.respond(|call| Answer::ok().body(call.target.clone()));
    let job = server.create(&manual("job", json!({"url": url}))).await;
    assert_eq!(job["webhook"]["url"], shown);
    let execution = server.run_again("job").await;
    assert_eq!(receiver.next("/").await.target, format!("/?a=b&api_key={SECRET}"));
    let test = server.post("/webhooks/test", &json!({"webhook": {"url": url}})).await.ok(200);
    let versions = server.get("/jobs/job/versions").await.ok(200);
    for text in [execution, test, versions].map(|value| value.to_string()) {
        assert!(text.contains("[redacted]") || text.contains("\"versions\""), "{text}");
        assert!(!text.contains(SECRET), "{text}");
    }
    // What was read is written back, and stays as it is.
    let job = server.patch("/jobs/job", &json!({"webhook": {"url": shown}})).await.ok(200);
    assert_eq!(job["webhook"]["url"], shown);
    server.run_again("job").await;
    assert_eq!(receiver.next("/").await.target, format!("/?a=b&api_key={SECRET}"));
}
