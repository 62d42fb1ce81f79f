//! Every use case by a key of another team: what is answered is what is answered for a job that is not there

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

/// What a job of the first team has of its own: none of it may be told to another.
const HIDDEN: [&str; 4] = ["secret-project", "secret-host.example", "secret-tier", "secret-set"];

/// A request for something of a job, which is called `JOB`, its run `RUN`, and its operation `OPERATION`.
type Case = (Method, &'static str, Option<Value>);

fn cases() -> Vec<Case> {
    let get = |path| (Method::GET, path, None);
    let post = |path, body: Option<Value>| (Method::POST, path, body);
    let put = json!({"name": "JOB", "schedule": "@daily", "tags": {"team": "ops"}, "webhook": {"url": "http://127.0.0.1:9/"}});
    vec![
        get("/jobs/JOB"),
        get("/jobs/JOB?consistent=true"),
        (Method::PUT, "/jobs/JOB", Some(put)),
        (Method::PATCH, "/jobs/JOB", Some(json!({"description": "x"}))),
        (Method::DELETE, "/jobs/JOB", None),
        get("/jobs/JOB/versions"),
        post("/jobs/JOB/rollback/1", None),
        post("/jobs/JOB/trigger", None),
        post("/jobs/JOB/enable", None),
        post("/jobs/JOB/disable", None),
        post("/jobs/JOB/pause", None),
        post("/jobs/JOB/resume", None),
        post("/jobs/JOB/skip", Some(json!({"count": 1}))),
        (Method::DELETE, "/jobs/JOB/skip", None),
        post(
            "/jobs/JOB/backfill",
            Some(json!({"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"})),
        ),
        get("/jobs/JOB/executions"),
        get("/jobs/JOB/executions/RUN"),
        post("/jobs/JOB/executions/RUN/cancel", None),
        post("/jobs/JOB/executions/RUN/replay", None),
        get("/executions/RUN"),
        post("/executions/RUN/cancel", None),
        post("/executions/RUN/replay", None),
        get("/executions?job=JOB"),
        get("/events?job=JOB"),
        get("/stats?job=JOB"),
        get("/runs/upcoming?job=JOB"),
        post("/schedules/preview", Some(json!({"schedule": "@daily", "job": "JOB"}))),
        post("/webhooks/test", Some(json!({"url": "http://127.0.0.1:9/", "job": "JOB"}))),
        get("/operations/OPERATION"),
        post("/operations/OPERATION/cancel", None),
        get("/jobs"),
        get("/jobs?q=secret&count=true"),
        get("/jobs?set=secret-set&count=true"),
        get("/jobs?host=secret-host.example&count=true"),
        get("/jobs?tag.tier=secret-tier&count=true"),
        get("/jobs?failing=true&count=true"),
        get("/executions?count=true"),
        get("/executions?status=failed&count=true"),
        get("/executions?host=secret-host.example&status=failed"),
        get("/failures"),
        get("/stats"),
        get("/facets?of=tag"),
        get("/facets?of=host"),
        get("/facets?of=timezone"),
        get("/facets?of=set"),
        get("/operations"),
        get("/runs/upcoming"),
        get("/schedules/density?step=24h"),
        post("/jobs/actions", Some(json!({"action": "pause", "filter": {"q": "secret"}, "dry_run": true}))),
        post("/jobs/actions", Some(json!({"action": "pause", "names": ["JOB"], "dry_run": true}))),
        post(
            "/executions/actions",
            Some(json!({"action": "replay", "filter": {"job": "JOB"}, "dry_run": true})),
        ),
        post("/executions/actions", Some(json!({"action": "replay", "ids": ["RUN"], "dry_run": true}))),
        post("/sets/secret-set/prune", Some(json!({"apply_id": "1", "max": 10, "dry_run": true}))),
    ]
}

/// A request as it is sent for these.
fn filled((method, path, body): &Case, [job, run, operation]: [&str; 3]) -> (Method, String, Option<Value>) {
    let fill = |text: &str| text.replace("JOB", job).replace("RUN", run).replace("OPERATION", operation);
    let body = body.as_ref().map(|body| serde_json::from_str(&fill(&body.to_string())).unwrap());
    (method.clone(), fill(path), body)
}

/// What an answer says, but for what was asked for and for when.
fn said(reply: &Reply, asked: [&str; 3]) -> (u16, String) {
    let mut body = reply.body.clone();
    for (text, name) in asked.iter().zip(["JOB", "RUN", "OPERATION"]) {
        body = body.replace(text, name);
    }
    let timeless = |mut value: Value| {
        for when in ["as_of", "from", "to", "window", "since"] {
            value.as_object_mut().map(|fields| fields.remove(when));
        }
        value.to_string()
    };
    (reply.status, serde_json::from_str(&body).map_or(body, timeless))
}

/// A server with a job of a team that has a set, a schedule, a run that failed, and an operation; and its run and operation.
async fn world() -> (Server, String, String, String) {
    let server = start().await;
    let mut job = job_of("web", "secret-project", "http://secret-host.example:9/");
    job["tags"]["tier"] = json!("secret-tier");
    job["schedule"] = json!("*/30 * * * *");
    let batch = json!({"set": "secret-set", "apply_id": "1", "jobs": [job]});
    say(&server, "web", Method::POST, "/jobs/batch", &batch).await.ok(200);
    let run = ran(&server, "web", "secret-project").await;
    let action = json!({"action": "resume", "names": ["secret-project"]});
    let operation = say(&server, "web", Method::POST, "/jobs/actions", &action).await.ok(202);
    let job = ask(&server, "web", Method::GET, "/jobs/secret-project").await.ok(200);
    let text = |value: &Value| value["id"].as_str().unwrap().to_owned();
    (server, text(&job), text(&run), text(&operation))
}

#[tokio::test]
async fn each_use_case_by_a_key_of_another_team_is_answered_as_for_what_is_not_there() {
    let (server, id, run, operation) = world().await;
    // A server in which there is nothing at all answers the same.
    let empty = start().await;
    let absent =
        ["no-such-job", "01890000-0000-7000-8000-000000000001", "01890000-0000-7000-8000-000000000002"];
    for by_id in [false, true] {
        let job = if by_id { id.as_str() } else { "secret-project" };
        let there = [job, run.as_str(), operation.as_str()];
        for case in cases() {
            let (method, path, body) = filled(&case, there);
            let found = send(&server, "ops", method.clone(), &path, body.as_ref()).await;
            let (method, other, body) = filled(&case, absent);
            let none = send(&empty, "ops", method.clone(), &other, body.as_ref()).await;
            assert_eq!(said(&found, there), said(&none, absent), "{method} {path}");
            let told = said(&found, there).1;
            // The set stands in the path of what is asked.
            let asked_for = |text: &str| path.contains(text);
            for hidden in HIDDEN.into_iter().chain([id.as_str()]).filter(|hidden| !asked_for(hidden)) {
                assert!(!told.contains(hidden), "{method} {path} tells {hidden}: {told}");
            }
        }
    }
    // Nothing was done.
    let job = ask(&server, "web", Method::GET, "/jobs/secret-project").await.ok(200);
    assert_eq!((&job["version"], &job["paused"]), (&json!(1), &Value::Null), "{job:#}");
    let runs = ask(&server, "web", Method::GET, "/executions?count=true").await.ok(200);
    assert_eq!(runs["total"]["count"], 1, "{runs:#}");
}

#[tokio::test]
async fn the_same_requests_reach_the_job_by_a_key_of_its_team() {
    // Else the table above would hold where nothing can be reached at all.
    let (server, id, run, operation) = world().await;
    let there = [id.as_str(), run.as_str(), operation.as_str()];
    for case in cases() {
        let (method, path, body) = filled(&case, there);
        // These change or end what others of them need, or go on for ever.
        if method == Method::PUT || method == Method::DELETE || path.starts_with("/events") {
            continue;
        }
        let found = send(&server, "web", method.clone(), &path, body.as_ref()).await;
        assert_ne!(found.status, 404, "{method} {path}: {found:?}");
    }
}

/// One who listens, and reads what comes as it is written.
struct Raw {
    socket: TcpStream,
    text: String,
}

impl Raw {
    async fn listen(server: &Server, who: &str) -> Self {
        let mut socket = TcpStream::connect(server.address()).await.unwrap();
        let token = token_of(who);
        let request = format!(
            "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut raw = Self { socket, text: String::new() };
        // The first word is where it begins.
        raw.read_until("id: ").await;
        raw
    }

    /// All that has come, once a text has come.
    async fn read_until(&mut self, what: &str) -> String {
        let mut part = [0; 4096];
        while !self.text.contains(what) {
            let length = soon("to hear more", self.socket.read(&mut part)).await.unwrap();
            assert!(length > 0, "it ended: {}", self.text);
            self.text.push_str(std::str::from_utf8(&part[..length]).unwrap());
        }
        self.text.clone()
    }
}

#[tokio::test]
async fn a_listener_hears_of_the_jobs_and_operations_of_its_scope() {
    let server = start().await;
    let (mut web, mut ops) = (Raw::listen(&server, "web").await, Raw::listen(&server, "ops").await);
    let mut operations = Vec::new();
    for (who, name) in [("web", "web-job"), ("ops", "ops-job")] {
        say(&server, who, Method::POST, "/jobs", &job_of(who, name, "http://127.0.0.1:9/")).await.ok(201);
        ran(&server, who, name).await;
        let action = json!({"action": "pause", "filter": {}});
        let made = say(&server, who, Method::POST, "/jobs/actions", &action).await.ok(202);
        operations.push(made["id"].as_str().unwrap().to_owned());
    }
    for name in ["web-job", "ops-job"] {
        assert_eq!(ask(&server, "admin", Method::DELETE, &format!("/jobs/{name}")).await.status, 204);
    }
    for (stream, mine, other) in [(&mut web, 0, 1), (&mut ops, 1, 0)] {
        let heard = stream.read_until("job.deleted").await;
        let names = ["web-job", "ops-job"];
        assert!(heard.contains(names[mine]) && !heard.contains(names[other]), "{heard}");
        assert!(heard.contains(&operations[mine]) && !heard.contains(&operations[other]), "{heard}");
        assert!(heard.contains("execution.failed") && !heard.contains("cluster."), "{heard}");
    }
}
