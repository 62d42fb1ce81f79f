//! The audit: who has changed what is told to admins, and strangers write nothing into it

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::Method;

use super::{api_keys, ask, bearer, create, raised, say, start, token_of};
use crate::support::*;

/// A job of this name, with credentials.
fn job(name: &str) -> Value {
    let webhook = json!({
        "url": "http://127.0.0.1:9/hook?token=s3cret-2",
        "headers": {"X-Anything": "s3cret-3"},
        "auth": {"type": "bearer", "token": "s3cret-4"},
        "body": "s3cret-5",
    });
    json!({"name": name, "schedule": "@daily", "webhook": webhook})
}

async fn audit(server: &Server, query: &str) -> Value {
    ask(server, Method::GET, &format!("/api/v1/audit{query}"), &token_of("admin")).await.ok(200)
}

fn whats(page: &Value) -> Vec<&str> {
    page["entries"].as_array().unwrap().iter().map(|entry| entry["what"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn each_change_is_told_with_who_made_it_from_where_and_what_is_another() {
    let server = start().await;
    let (token, id) = create(&server, &json!({"name": "ci", "role": "editor"})).await;
    let made = say(&server, Method::POST, "/api/v1/jobs", &token, &job("a")).await.ok(201);
    let change = json!({"description": "x"});
    let shown = bearer(&token);
    let headers = [
        ("authorization", shown.as_str()),
        ("content-type", "application/merge-patch+json"),
        ("chronos-note", "so it is known"),
    ];
    server.send(Method::PATCH, "/api/v1/jobs/a", &headers, change.to_string()).await.ok(200);
    ask(&server, Method::POST, "/api/v1/jobs/a/pause", &token_of("operator")).await.ok(200);
    let page = audit(&server, "").await;
    assert_eq!(whats(&page), ["job.pause", "job.update", "job.create", "key.create"]);
    let update = &page["entries"][1];
    let by = json!({"kind": "key", "id": id, "name": "ci", "address": "127.0.0.1"});
    assert_eq!((&update["by"], &update["note"]), (&by, &json!("so it is known")));
    assert_eq!((&update["target"], &update["target_name"]), (&made["id"], &json!("a")));
    let description = |entry: &Value| {
        let changes = entry["changes"].as_array().unwrap().clone();
        changes.into_iter().find(|change| change["field"] == "description").unwrap()["to"].clone()
    };
    assert_eq!(description(update), "x");
    let text = page.to_string();
    assert!(!text.contains("s3cret") && !text.contains(&token), "{text}");
    assert!(text.contains("webhook.headers.X-Anything") && text.contains("[redacted]"), "{text}");
}

#[tokio::test]
async fn what_is_done_with_secrets_is_told_without_their_values_and_admins_alone_may_do_it() {
    let server = start().await;
    let admin = token_of("admin");
    let path = "/api/v1/secrets/a";
    let secret = |host: &str| json!({"value": "s3cret-6", "hosts": [host]});
    say(&server, Method::PUT, path, &admin, &secret("127.0.0.1")).await.ok(201);
    say(&server, Method::PUT, path, &admin, &secret("127.0.0.1")).await.ok(200);
    say(&server, Method::PUT, path, &admin, &secret("127.0.0.2")).await.ok(200);
    for token in [token_of("editor"), token_of("viewer")] {
        say(&server, Method::PUT, path, &token, &secret("*")).await.problem(403);
        ask(&server, Method::GET, path, &token).await.problem(403);
    }
    assert_eq!(ask(&server, Method::DELETE, path, &admin).await.status, 204);
    let page = audit(&server, "?what=secret").await;
    assert_eq!(whats(&page), ["secret.delete", "secret.update", "secret.create"]);
    let update = &page["entries"][1];
    assert_eq!((&update["by"]["name"], &update["target"]), (&json!("the admin"), &json!("a")));
    let changes = json!([
        {"field": "value", "from": "[redacted]", "to": "[redacted]"},
        {"field": "hosts", "from": ["127.0.0.1"], "to": ["127.0.0.2"]},
    ]);
    assert_eq!(update["changes"], changes);
    assert!(!page.to_string().contains("s3cret"), "{page}");
}

#[tokio::test]
async fn many_at_once_are_one_entry_with_counts() {
    let server = start().await;
    let batch = json!({"jobs": [job("a"), job("b"), job("c")]});
    say(&server, Method::POST, "/api/v1/jobs/batch", &token_of("editor"), &batch).await.ok(200);
    let page = audit(&server, "").await;
    assert_eq!(whats(&page), ["jobs.apply"]);
    assert_eq!(page["entries"][0]["counts"], json!({"created": 3}));
}

#[tokio::test]
async fn the_download_of_a_backup_is_audited() {
    let server = start().await;
    let reply = ask(&server, Method::GET, "/api/v1/cluster/backup", &token_of("admin")).await;
    assert_eq!(reply.status, 200);
    let page = audit(&server, "?what=backup.download").await;
    let entry = &page["entries"][0];
    assert_eq!((&entry["by"]["name"], &entry["target"]), (&json!("the admin"), &json!("chronos-1")));
}

#[tokio::test]
async fn what_was_refused_leaves_no_entry() {
    let server = start().await;
    let path = "/api/v1/jobs";
    for token in ["no-such-token", &token_of("viewer")] {
        let reply = say(&server, Method::POST, path, token, &job("a")).await;
        assert!(matches!(reply.status, 401 | 403), "{reply:?}");
    }
    say(&server, Method::POST, path, &token_of("editor"), &json!({"name": "a"})).await.problem(400);
    assert_eq!(audit(&server, "").await, json!({"entries": [], "next_cursor": null}));
}

#[tokio::test]
async fn the_audit_is_found_by_its_filters_in_pages_and_by_admins_alone() {
    let server = start().await;
    for name in ["a", "b", "c"] {
        say(&server, Method::POST, "/api/v1/jobs", &token_of("editor"), &job(name)).await.ok(201);
    }
    ask(&server, Method::POST, "/api/v1/jobs/a/pause", &token_of("operator")).await.ok(200);
    for (query, expected) in [
        ("?actor=the%20operator", &["job.pause"][..]),
        ("?actor=the%20viewer", &[]),
        ("?actor=127.0.0.1&what=job.create", &["job.create"; 3]),
        ("?what=job&target=a", &["job.pause", "job.create"]),
        ("?to=2020-01-01T00:00:00Z", &[]),
        ("?from=2020-01-01T00:00:00Z&target=b", &["job.create"]),
    ] {
        assert_eq!(whats(&audit(&server, query).await), expected, "{query}");
    }
    let first = audit(&server, "?limit=3").await;
    assert_eq!(whats(&first), ["job.pause", "job.create", "job.create"]);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = audit(&server, &format!("?limit=3&cursor={cursor}")).await;
    assert_eq!((whats(&second), &second["next_cursor"]), (vec!["job.create"], &json!(null)));

    // Anybody can make a cursor of another one, with a number that no entry ever has.
    let mut place = URL_SAFE_NO_PAD.decode(cursor).unwrap();
    let number = place.len() - size_of::<u64>();
    place[number..].fill(0xff);
    let made_up = URL_SAFE_NO_PAD.encode(place);

    let admin = token_of("admin");
    let long = "x".repeat(257);
    for (query, says) in [
        ("actor=", "expected 1 to 256"),
        (&format!("target={long}"), "expected 1 to 256"),
        ("who=a", "unknown query parameter"),
        ("from=yesterday", "RFC 3339"),
        (&format!("actor=a&cursor={cursor}"), "cursor"),
        (&format!("limit=3&cursor={made_up}"), "cursor"),
    ] {
        let refused = ask(&server, Method::GET, &format!("/api/v1/audit?{query}"), &admin).await;
        assert!(refused.problem(400).to_string().contains(says), "{query}: {}", refused.body);
    }
    ask(&server, Method::GET, "/api/v1/audit", &token_of("editor")).await.problem(403);
}

#[tokio::test]
async fn it_is_told_in_the_log_where_that_is_wanted() {
    let server = CHRONOS.with(&[("auth.api_keys", &api_keys()), ("audit.log", "true")]).await;
    raised(&server).await;
    say(&server, Method::POST, "/api/v1/jobs", &token_of("editor"), &job("a")).await.ok(201);
    let line = server.logged("audit").await.to_string();
    for part in ["job.create", "the editor", "127.0.0.1", "webhook.url"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(!server.log().contains("s3cret"), "{}", server.log());
}
