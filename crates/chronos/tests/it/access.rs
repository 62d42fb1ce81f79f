//! Who may do what: keys of the API, sessions, what ends with them, and what is audited

mod audit;
mod bootstrap;
mod keys;
mod matrix;
mod nodes;
mod pages;
mod production;
mod sessions;

use chronos_types::{Token, TokenKind};
use hyper::Method;
use sha2::{Digest as _, Sha256};

use crate::support::*;

/// All roles, the least first.
const ROLES: [&str; 4] = ["viewer", "operator", "editor", "admin"];

/// The token of the key that the configuration has of a role.
fn token_of(role: &str) -> String {
    format!("the-token-of-the-{role}-0123456789abcdef")
}

/// `auth.api_keys` with a key of each role.
fn api_keys() -> String {
    let keys = ROLES.map(|role| configured(&format!("the {role}"), role, &token_of(role)));
    format!("[{}]", keys.join(", "))
}

/// A key of that list.
fn configured(name: &str, role: &str, token: &str) -> String {
    let hash: String = Sha256::digest(token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{{name: {name}, role: {role}, key_sha256: \"{hash}\"}}")
}

/// A server that asks for keys, and whose cluster has the version that brings those of the API.
async fn start() -> Server {
    let server = CHRONOS.with(&[("auth.api_keys", &api_keys())]).await;
    raised(&server).await;
    server
}

async fn raised(server: &Server) {
    until("the version to rise", || async {
        let status = ask(server, Method::GET, "/api/v1/cluster/status", &token_of("viewer")).await.ok(200);
        (status["cluster_version"].as_u64().unwrap() >= 2).then_some(())
    })
    .await;
}

/// A whole token of this id with another secret.
fn forged(kind: TokenKind, id: &str) -> String {
    let id = u64::from_str_radix(id, 16).unwrap().to_be_bytes();
    Token::new(kind, id, [7; 32]).secret().to_owned()
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// A request with the token of a key.
async fn ask(server: &Server, method: Method, path: &str, token: &str) -> Reply {
    server.send(method, path, &[("authorization", &bearer(token))], "").await
}

/// A request of a role with JSON.
async fn say(server: &Server, method: Method, path: &str, token: &str, body: &Value) -> Reply {
    let headers = [("authorization", bearer(token)), ("content-type", "application/json".to_owned())];
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    server.send(method, path, &headers, body.to_string()).await
}

/// Makes a key: its token and its id.
async fn create(server: &Server, body: &Value) -> (String, String) {
    let made = say(server, Method::POST, "/api/v1/keys", &token_of("admin"), body).await.ok(201);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&made["token"]), text(&made["key"]["id"]))
}

/// Waits until a token is good no more.
async fn is_over(server: &Server, token: &str) {
    until("the key to be over", || async {
        let reply = ask(server, Method::GET, "/api/v1/jobs", token).await;
        // Too many of these are told to wait.
        matches!(reply.status, 401 | 429).then_some(())
    })
    .await;
}
