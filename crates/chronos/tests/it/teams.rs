//! Keys that are limited to the jobs of a team: what they may do, and that nothing of another team reaches them

mod batches;
mod bounds;
mod reads;
mod secrets;
mod strangers;

use hyper::Method;
use sha2::{Digest as _, Sha256};

use crate::support::*;

/// The keys: what each is called, its role, and its scope.
const KEYS: [(&str, &str, &str); 6] = [
    ("admin", "admin", ""),
    ("web", "editor", "web"),
    ("ops", "editor", "ops"),
    ("both", "editor", "web, ops"),
    ("watcher", "viewer", "ops"),
    ("runner", "operator", "web"),
];

fn token_of(name: &str) -> String {
    format!("the-token-of-the-team-{name}-0123456789abcdef")
}

/// `auth.api_keys` with all of them.
fn api_keys() -> String {
    let key = |(name, role, scope): (&str, &str, &str)| {
        let hash: String =
            Sha256::digest(token_of(name).as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{{name: {name}, role: {role}, scope: [{scope}], key_sha256: \"{hash}\"}}")
    };
    format!("[{}]", KEYS.map(key).join(", "))
}

/// A server with all of these keys, whose cluster can do all that this release can.
async fn start() -> Server {
    let server = CHRONOS.with(&[("auth.api_keys", &api_keys()), ("security.scope_tag", "team")]).await;
    until("the version to rise", || async {
        let status = ask(&server, "admin", Method::GET, "/cluster/status").await.ok(200);
        (status["cluster_version"].as_u64().unwrap() >= 2).then_some(())
    })
    .await;
    // The node says which tag it has right after its start.
    until("what teams do to be counted", || async {
        let stats = ask(&server, "web", Method::GET, "/stats").await.ok(200);
        stats["since"].is_string().then_some(())
    })
    .await;
    server
}

async fn send(server: &Server, who: &str, method: Method, path: &str, body: Option<&Value>) -> Reply {
    let bearer = format!("Bearer {}", token_of(who));
    let mut headers = vec![("authorization", bearer.as_str())];
    headers.extend(body.map(|_| ("content-type", "application/json")));
    let body = body.map(Value::to_string).unwrap_or_default();
    server.send(method, &format!("/api/v1{path}"), &headers, body).await
}

/// A request by one of the keys.
async fn ask(server: &Server, who: &str, method: Method, path: &str) -> Reply {
    send(server, who, method, path, None).await
}

/// A request by one of the keys with JSON.
async fn say(server: &Server, who: &str, method: Method, path: &str, body: &Value) -> Reply {
    send(server, who, method, path, Some(body)).await
}

/// A job of a team that runs when it is told to.
fn job_of(team: &str, name: &str, url: &str) -> Value {
    let mut job = manual(name, json!({"url": url, "timeout": "5s"}));
    job["tags"] = json!({"team": team, "tier": format!("{team}-tier")});
    job["retry_policy"] = json!({"max_attempts": 1});
    job
}

/// Runs a job as one of the keys, and waits for the end of that.
async fn ran(server: &Server, who: &str, job: &str) -> Value {
    let made = ask(server, who, Method::POST, &format!("/jobs/{job}/trigger")).await.ok(202);
    let path = format!("/executions/{}", made["id"].as_str().unwrap());
    until("the run to end", || async {
        let run = ask(server, who, Method::GET, &path).await.ok(200);
        matches!(run["status"].as_str().unwrap(), "success" | "failed").then_some(run)
    })
    .await
}

/// The names of the jobs of an answer.
fn names(list: &Value) -> Vec<&str> {
    list["jobs"].as_array().unwrap().iter().map(|job| job["name"].as_str().unwrap()).collect()
}
