//! Keys that the API makes: they are shown once, found by their ids, and over within a second of their end

use std::time::{Duration, SystemTime};

use chronos_types::TokenKind;
use hyper::Method;
use jiff::Timestamp;

use super::{ask, bearer, configured, create, forged, is_over, raised, say, start, token_of};
use crate::support::*;

#[tokio::test]
async fn a_key_says_who_does_something_and_its_token_is_told_once() {
    let server = start().await;
    let (token, id) = create(&server, &json!({"name": "ci", "role": "editor"})).await;
    assert!(token.starts_with(&format!("chr_{id}_")), "{token}");
    let job = json!({"name": "job", "schedule": "@daily", "webhook": {"url": "http://127.0.0.1:9/"}});
    let job = say(&server, Method::POST, "/api/v1/jobs", &token, &job).await.ok(201);
    let by = &job["by"];
    assert_eq!((&by["kind"], &by["id"], &by["name"]), (&json!("key"), &json!(id), &json!("ci")));
    let admin = token_of("admin");
    let listed = ask(&server, Method::GET, "/api/v1/keys", &admin).await;
    assert!(!listed.body.contains(&token), "a token is told again");
    let listed = listed.ok(200);
    let keys = listed["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 5, "{listed:#}");
    let made = &keys[0];
    assert_eq!((&made["id"], &made["role"]), (&json!(id), &json!("editor")));
    assert_eq!((&made["state"], &made["source"]), (&json!("active"), &json!("api")));
    assert_eq!(
        (&made["created_by"]["kind"], &made["created_by"]["name"]),
        (&json!("key"), &json!("the admin"))
    );
    let names: Vec<_> = keys[1..].iter().map(|key| (&key["source"], &key["nodes"])).collect();
    assert!(names.iter().all(|name| *name == (&json!("configuration"), &json!(["chronos-1"]))), "{names:?}");
}

#[tokio::test]
async fn what_a_key_may_not_do_is_refused_and_nothing_is_done() {
    let server = start().await;
    let job = json!({"name": "job", "schedule": "@daily", "webhook": {"url": "http://127.0.0.1:9/"}});
    let refused = say(&server, Method::POST, "/api/v1/jobs", &token_of("operator"), &job).await;
    assert_eq!(
        refused.problem(403)["detail"],
        "this needs the role editor, and the key has the role operator"
    );
    let expected = "Bearer realm=\"chronos\", error=\"insufficient_scope\", scope=\"editor\"";
    assert_eq!(refused.header("www-authenticate"), Some(expected));
    let line = server.logged("a key asked for what its role may not do").await;
    assert_eq!((&line["key_name"], &line["needed"]), (&json!("the operator"), &json!("editor")), "{line}");
    let jobs = ask(&server, Method::GET, "/api/v1/jobs", &token_of("viewer")).await.ok(200);
    assert_eq!(jobs["jobs"], json!([]));
    // Of many at once, too: to run is an operator's, and to write is not.
    let actions = "/api/v1/jobs/actions";
    for (action, status) in [("pause", 202), ("delete", 403)] {
        let body = json!({"action": action, "filter": {"tag.team": "nobody"}});
        let reply = say(&server, Method::POST, actions, &token_of("operator"), &body).await;
        assert_eq!(reply.status, status, "{action}: {reply:?}");
    }
}

#[tokio::test]
async fn who_shows_nothing_or_something_bad_is_told_how_to_show_a_key() {
    let server = start().await;
    let none = server.get("/jobs").await;
    assert_eq!(none.problem(401)["code"], "unauthenticated");
    assert_eq!(none.header("www-authenticate"), Some("Bearer realm=\"chronos\""));
    let (good, id) = create(&server, &json!({"name": "ci", "role": "viewer"})).await;
    let unknown = format!("chr_{id}_{}_00000000", "0".repeat(64));
    let forged = forged(TokenKind::Key, &id);
    for bad in
        ["Basic YTpi", "Bearer", &bearer("x"), &bearer(&unknown), &bearer(&forged), &bearer(&good[..90])]
    {
        let refused = server.send(Method::GET, "/api/v1/jobs", &[("authorization", bad)], "").await;
        assert_eq!(refused.problem(401)["code"], "unauthenticated", "{bad}");
        assert!(!refused.body.contains(&good[..90]), "what was shown is told again: {refused:?}");
    }
    let line = server.logged("a client showed a key that is not good").await;
    assert_eq!(line["address"], "127.0.0.1", "{line}");
    assert!(!server.log().contains(&good[..90]), "{}", server.log());
    ask(&server, Method::GET, "/api/v1/jobs", &good).await.ok(200);
    for open in ["/health", "/ready", "/api/docs/", "/api/v1/openapi.json"] {
        assert_eq!(server.root(open).await.status, 200, "{open}");
    }
    assert_eq!(server.root("/metrics").await.status, 401);
    let open = CHRONOS.with(&[("auth.api_keys", &super::api_keys()), ("metrics.auth", "none")]).await;
    let metrics = open.root("/metrics").await;
    assert_eq!(metrics.status, 200, "{metrics:?}");
}

#[tokio::test]
async fn a_token_has_256_bytes_at_most() {
    let token = |bytes: usize| "t".repeat(bytes);
    let keys = [256, 257].map(|bytes| configured(&format!("of {bytes} bytes"), "viewer", &token(bytes)));
    let server = CHRONOS.with(&[("auth.api_keys", &format!("[{}]", keys.join(", ")))]).await;
    for (bytes, status) in [(256, 200), (257, 401)] {
        let reply = ask(&server, Method::GET, "/api/v1/jobs", &token(bytes)).await;
        assert_eq!(reply.status, status, "{bytes}: {reply:?}");
    }
}

#[tokio::test]
async fn ten_failed_logins_a_minute_are_answered_and_a_good_key_never_waits() {
    let server = start().await;
    let mut held = 0;
    for n in 0..30 {
        let reply = ask(&server, Method::GET, "/api/v1/jobs", &format!("no-key-{n}")).await;
        if reply.status == 429 {
            assert_eq!(reply.problem(429)["code"], "too_many_requests");
            let seconds: u64 = reply.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=60).contains(&seconds), "{seconds}");
            held += 1;
        } else {
            reply.problem(401);
        }
        ask(&server, Method::GET, "/api/v1/jobs", &token_of("viewer")).await.ok(200);
    }
    assert!(held > 0, "nobody was held up");
}

#[tokio::test]
async fn a_key_that_is_used_more_often_than_it_may_is_told_when_to_come_again() {
    let server = start().await;
    let (token, _) = create(&server, &json!({"name": "slow", "role": "viewer", "per_second": 1})).await;
    let mut refused = None;
    for _ in 0..100 {
        let reply = ask(&server, Method::GET, "/health", &token).await;
        assert_eq!(reply.status, 200, "an open page asks for no key");
        let reply = ask(&server, Method::GET, "/api/v1/jobs", &token).await;
        if reply.status == 429 {
            refused = Some(reply);
            break;
        }
    }
    let refused = refused.expect("it may do as it likes");
    assert_eq!(refused.problem(429)["code"], "too_many_requests");
    assert!(refused.header("retry-after").is_some());
    ask(&server, Method::GET, "/api/v1/jobs", &token_of("viewer")).await.ok(200);
}

#[tokio::test]
async fn a_key_that_is_revoked_is_over_with_what_it_has_open() {
    let server = start().await;
    let (token, id) = create(&server, &json!({"name": "ci", "role": "editor"})).await;
    let client = server.client().clone().token(&token).unwrap();
    let mut events = client.events(&chronos_client::EventQuery::default()).await.unwrap();
    let action = json!({"action": "trigger", "names": ["nobody"], "per_second": 1});
    say(&server, Method::POST, "/api/v1/jobs/actions", &token, &action).await;
    let path = format!("/api/v1/keys/{id}");
    let revoked = ask(&server, Method::DELETE, &path, &token_of("admin")).await.ok(200);
    assert_eq!((&revoked["state"], &revoked["revoked_by"]["name"]), (&json!("revoked"), &json!("the admin")));
    soon("the end of the stream", async { while matches!(events.next().await, Ok(Some(_))) {} }).await;
    is_over(&server, &token).await;
    // Once more is no fault, and changes nothing.
    let again = ask(&server, Method::DELETE, &path, &token_of("admin")).await.ok(200);
    assert_eq!(again["revoked_at"], revoked["revoked_at"]);
    let nobody = ask(&server, Method::DELETE, "/api/v1/keys/0000000000000000", &token_of("admin")).await;
    assert_eq!(nobody.problem(404)["code"], "key_not_found");
}

#[tokio::test]
async fn a_key_ends_by_itself_with_what_it_has_open() {
    let server = start().await;
    let end = Timestamp::try_from(SystemTime::now() + Duration::from_secs(5)).unwrap().to_string();
    let key = json!({"name": "short", "role": "viewer", "expires_at": end});
    let (token, _) = create(&server, &key).await;
    let client = server.client().clone().token(&token).unwrap();
    let mut events = client.events(&chronos_client::EventQuery::default()).await.unwrap();
    soon("the end of the stream", async { while matches!(events.next().await, Ok(Some(_))) {} }).await;
    is_over(&server, &token).await;
    let listed = ask(&server, Method::GET, "/api/v1/keys", &token_of("admin")).await.ok(200);
    assert_eq!(listed["keys"][0]["state"], "expired", "{listed:#}");
    let past = say(&server, Method::POST, "/api/v1/keys", &token_of("admin"), &key).await;
    assert_eq!(past.bad_fields(), ["expires_at"]);
}

#[tokio::test]
async fn a_key_of_the_configuration_can_be_denied_and_stays_so_after_a_restart() {
    let mut server = start().await;
    let listed = ask(&server, Method::GET, "/api/v1/keys", &token_of("admin")).await.ok(200);
    let keys = listed["keys"].as_array().unwrap();
    let editor = keys.iter().find(|key| key["name"] == "the editor").unwrap();
    let path = format!("/api/v1/keys/{}", editor["id"].as_str().unwrap());
    let denied = ask(&server, Method::DELETE, &path, &token_of("admin")).await.ok(200);
    assert_eq!((&denied["state"], &denied["source"]), (&json!("revoked"), &json!("configuration")));
    is_over(&server, &token_of("editor")).await;
    server.kill().await;
    let server = server.again().await;
    raised(&server).await;
    is_over(&server, &token_of("editor")).await;
}

#[tokio::test]
async fn bad_keys_are_refused_by_the_field_and_no_answer_with_a_token_is_repeated() {
    let server = start().await;
    let admin = token_of("admin");
    for (body, fields) in [
        (json!({}), vec!["name", "role"]),
        (json!({"name": "", "role": "root"}), vec!["name", "role"]),
        (json!({"name": "a", "role": "viewer", "per_second": 0}), vec!["per_second"]),
        (json!({"name": "a", "role": "viewer", "expires_at": "soon"}), vec!["expires_at"]),
        (json!({"name": "a", "role": "viewer", "colour": "red"}), vec!["colour"]),
    ] {
        let refused = say(&server, Method::POST, "/api/v1/keys", &admin, &body).await;
        assert_eq!(refused.bad_fields(), fields, "{body}");
    }
    let headers = [
        ("authorization", bearer(&admin)),
        ("content-type", "application/json".to_owned()),
        ("idempotency-key", "once".to_owned()),
    ];
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let body = json!({"name": "a", "role": "viewer"}).to_string();
    let refused = server.send(Method::POST, "/api/v1/keys", &headers, body).await;
    assert_eq!(refused.bad_fields(), ["Idempotency-Key"]);
}

#[tokio::test]
async fn an_idempotency_key_is_known_only_to_the_key_that_sent_it() {
    let server = start().await;
    let create = |role: &str, name: &'static str| {
        let (server, token) = (&server, bearer(&token_of(role)));
        async move {
            let headers = [
                ("authorization", token.as_str()),
                ("content-type", "application/json"),
                ("idempotency-key", "1"),
            ];
            let webhook = json!({"url": "http://127.0.0.1:9/"});
            let body =
                json!({"name": name, "schedule": "@daily", "concurrency": "allow", "webhook": webhook});
            server.send(Method::POST, "/api/v1/jobs", &headers, body.to_string()).await
        }
    };
    let first = create("editor", "one").await.ok(201);
    // Another request of somebody else is no misuse of it, and the same one is no repeat.
    let other = create("admin", "two").await.ok(201);
    assert_eq!(create("viewer", "one").await.problem(403)["code"], "forbidden");
    assert_eq!(create("editor", "one").await.ok(201)["id"], first["id"]);
    assert_eq!(create("admin", "two").await.ok(201)["id"], other["id"]);
    let reused = create("admin", "one").await;
    assert_eq!(reused.problem(422)["code"], "idempotency_key_reused");
    // A session asks for its key.
    let json = [("content-type", "application/json")];
    let begin = json!({"token": token_of("editor")}).to_string();
    let begun = server.send(Method::POST, "/session", &json, begin).await;
    let cookie = begun.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let trigger = |headers: Vec<(&'static str, String)>| {
        let server = &server;
        async move {
            let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            server.send(Method::POST, "/api/v1/jobs/one/trigger", &headers, "").await.ok(202)["id"].clone()
        }
    };
    let once = || ("idempotency-key", "2".to_owned());
    let run = trigger(vec![("authorization", bearer(&token_of("editor"))), once()]).await;
    assert_eq!(trigger(vec![("cookie", cookie), once()]).await, run);
    assert_ne!(trigger(vec![("authorization", bearer(&token_of("operator"))), once()]).await, run);
}

#[tokio::test]
async fn it_is_known_in_which_hour_a_key_was_used() {
    let server = start().await;
    let (token, _) = create(&server, &json!({"name": "ci", "role": "viewer"})).await;
    ask(&server, Method::GET, "/api/v1/jobs", &token).await.ok(200);
    let used = until("the use to be on record", || async {
        let listed = ask(&server, Method::GET, "/api/v1/keys", &token_of("admin")).await.ok(200);
        listed["keys"][0]["last_used"].as_str().map(str::to_owned)
    })
    .await;
    assert!(used.ends_with(":00:00.000Z") || used.ends_with(":00:00Z"), "{used} is no hour");
}
