//! Sessions of browsers: a cookie in the place of a key

use chronos_types::TokenKind;
use hyper::Method;

use super::{ask, create, forged, start, token_of};
use crate::support::*;

/// Begins a session: the answer, and what a browser sends from then on.
async fn begin(server: &Server, token: &str) -> (Reply, String) {
    let json = [("content-type", "application/json")];
    let body = json!({"token": token}).to_string();
    let reply = server.send(Method::POST, "/session", &json, body).await;
    let cookie = reply.header("set-cookie").unwrap_or_default().split(';').next().unwrap().to_owned();
    (reply, cookie)
}

async fn by_cookie(server: &Server, method: Method, path: &str, cookie: &str) -> Reply {
    server.send(method, path, &[("cookie", cookie)], "").await
}

#[tokio::test]
async fn a_session_stands_for_its_key_until_it_is_ended() {
    let server = start().await;
    let (reply, cookie) = begin(&server, &token_of("viewer")).await;
    let session = reply.ok(201);
    assert_eq!((&session["key_name"], &session["role"]), (&json!("the viewer"), &json!("viewer")));
    let set = reply.header("set-cookie").unwrap();
    assert!(set.starts_with("chronos_session=chs_"), "{set}");
    for attribute in ["; Path=/", "; HttpOnly", "; SameSite=Lax", "; Max-Age=43200"] {
        assert!(set.contains(attribute), "{set} lacks {attribute}");
    }
    assert!(!set.contains("Secure"), "{set}: without TLS no browser would send it");
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    by_cookie(&server, Method::GET, "/api/v1/jobs", &cookie).await.ok(200);
    by_cookie(&server, Method::GET, "/api/v1/keys", &cookie).await.problem(403);
    let ended = by_cookie(&server, Method::DELETE, "/session", &cookie).await;
    assert_eq!(ended.status, 204, "{ended:?}");
    assert!(ended.header("set-cookie").unwrap().contains("Max-Age=0"));
    until("the session to be over", || async {
        (by_cookie(&server, Method::GET, "/api/v1/jobs", &cookie).await.status == 401).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_session_ends_with_its_key() {
    let server = start().await;
    let (token, id) = create(&server, &json!({"name": "ci", "role": "operator"})).await;
    let (reply, cookie) = begin(&server, &token).await;
    assert_eq!(reply.ok(201)["key_id"], json!(id));
    by_cookie(&server, Method::GET, "/api/v1/jobs", &cookie).await.ok(200);
    ask(&server, Method::DELETE, &format!("/api/v1/keys/{id}"), &token_of("admin")).await.ok(200);
    until("the session to be over", || async {
        (by_cookie(&server, Method::GET, "/api/v1/jobs", &cookie).await.status == 401).then_some(())
    })
    .await;
    let (reply, _) = begin(&server, &token).await;
    assert_eq!(reply.problem(401)["code"], "unauthenticated");
}

#[tokio::test]
async fn no_session_begins_with_what_is_no_key() {
    let server = start().await;
    let (reply, _) = begin(&server, "nothing").await;
    reply.problem(401);
    assert_eq!(reply.header("set-cookie"), None);
    let (_, good) = begin(&server, &token_of("viewer")).await;
    by_cookie(&server, Method::GET, "/api/v1/jobs", &good).await.ok(200);
    // Sessions of sessions would go on for ever.
    let session = good.split_once('=').unwrap().1;
    let (reply, _) = begin(&server, session).await;
    assert_eq!((reply.bad_fields(), reply.header("set-cookie")), (vec!["token".to_owned()], None));
    let id = good.split('_').nth(2).unwrap();
    let cookie = format!("chronos_session={}", forged(TokenKind::Session, id));
    by_cookie(&server, Method::GET, "/api/v1/jobs", &cookie).await.problem(401);
    // A key in a cookie is none.
    let cookie = format!("chronos_session={}", token_of("admin"));
    by_cookie(&server, Method::GET, "/api/v1/jobs", &cookie).await.problem(401);
    let json = [("content-type", "application/json")];
    let empty = server.send(Method::POST, "/session", &json, "{}").await;
    assert_eq!(empty.bad_fields(), ["token"]);
    let open = CHRONOS.start().await;
    let (reply, _) = begin(&open, "nothing").await;
    assert_eq!(reply.problem(404)["detail"], "this node asks nobody who they are, so it has no sessions");
}
