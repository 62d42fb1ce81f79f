//! What comes out of nodes: answers, streams and logs

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use hyper::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::credentials::Credentials;
use super::search::Search;
use crate::support::*;

/// What came out, behind what it is.
type Output = (String, Vec<u8>);

/// All that came out; and what was found in files, so that all of it is told at the end.
#[derive(Clone, Default)]
pub struct Outputs {
    all: Arc<Mutex<Vec<Output>>>,
    found: Arc<Mutex<BTreeSet<String>>>,
}

impl Outputs {
    pub fn add(&self, what: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.all.lock().unwrap().push((what.into(), bytes.into()));
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.all.lock().unwrap().len()
    }

    /// What was found elsewhere.
    pub fn found(&self, leaks: BTreeSet<String>) {
        self.found.lock().unwrap().extend(leaks);
    }

    /// None of what is planted is in any of them, and none was found elsewhere.
    #[track_caller]
    pub fn are_clean(&self, credentials: &Credentials) {
        let search = Search::of(&credentials.planted());
        let all = self.all.lock().unwrap();
        let mut found = self.found.lock().unwrap().clone();
        found.extend(all.iter().flat_map(|(what, bytes)| leaks(&search, what, bytes)));
        let lines: Vec<_> = found.iter().map(String::as_str).collect();
        assert!(found.is_empty(), "{} leaks:\n{}", lines.len(), lines.join("\n"));
    }
}

/// What of the planted is in these bytes.
pub(super) fn leaks(search: &Search, what: &str, bytes: &[u8]) -> Vec<String> {
    let found = search.found(bytes).into_iter();
    found
        .map(|(name, found)| format!("{name} is in {what} ({}): ...{}...", found.form, found.around))
        .collect()
}

/// A client with a key, of which all answers are kept.
#[derive(Clone)]
pub struct Asker {
    pub api: Api,
    token: String,
    outputs: Outputs,
}

impl Asker {
    pub fn new(api: &Api, token: &str, outputs: &Outputs) -> Self {
        Self { api: api.clone(), token: token.to_owned(), outputs: outputs.clone() }
    }

    /// The same with another token.
    pub fn with(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// The same, which asks another node.
    pub fn at(&self, api: &Api) -> Self {
        Self { api: api.clone(), ..self.clone() }
    }

    /// What is shown with each request.
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    /// Any request. The answer is kept unless it is one that shows a token once.
    async fn exchange(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
        shows: bool,
    ) -> Reply {
        let asked = format!("{method} {path}");
        let bearer = self.bearer();
        let mut all = vec![("authorization", bearer.as_str())];
        all.retain(|_| !self.token.is_empty());
        all.extend_from_slice(headers);
        let answer = self.api.client().request(method, path, &all, body.to_owned()).await;
        let answer = answer.unwrap_or_else(|error| panic!("{asked}: {error}"));
        if !shows {
            self.outputs.add(format!("the headers of {asked}"), format!("{:?}", answer.headers));
            self.outputs.add(format!("the answer to {asked}"), answer.body.to_vec());
        }
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        Reply { asked, status: answer.status.as_u16(), headers: answer.headers, body }
    }

    /// Any request, to the byte.
    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        self.exchange(method, path, headers, body, false).await
    }

    /// One whose answer shows a token, and is kept by nobody.
    pub async fn once(&self, path: &str, body: &Value) -> Reply {
        let json = [("content-type", "application/json")];
        self.exchange(Method::POST, path, &json, &body.to_string(), true).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, &format!("/api/v1{path}"), &[], "").await
    }

    pub async fn say(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
        let kind = match method {
            Method::PATCH => "application/merge-patch+json",
            _ => "application/json",
        };
        let mut all = vec![("content-type", kind)];
        all.extend_from_slice(headers);
        self.send(method, &format!("/api/v1{path}"), &all, &body.to_string()).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.say(Method::POST, path, &[], body).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Reply {
        self.say(Method::PUT, path, &[], body).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Reply {
        self.say(Method::PATCH, path, &[], body).await
    }

    pub async fn act(&self, method: Method, path: &str) -> Reply {
        self.send(method, &format!("/api/v1{path}"), &[], "").await
    }

    /// An execution once it is over.
    pub async fn finished(&self, execution: &Value) -> Value {
        let path = format!("/executions/{}", execution["id"].as_str().unwrap());
        until(&format!("the end of {path}"), || async {
            let reply = self.get(&path).await;
            let now = if reply.status == 200 { reply.json() } else { return None };
            let is_over = !["pending", "running", "retrying"].iter().any(|status| now["status"] == *status);
            is_over.then_some(now)
        })
        .await
    }

    /// Runs a job, and answers the execution once it is over.
    pub async fn run(&self, job: &str) -> Value {
        let execution = self.act(Method::POST, &format!("/jobs/{job}/trigger")).await.ok(202);
        self.finished(&execution).await
    }

    /// Keeps all that is told to one who listens, until the node ends.
    pub async fn listen(&self) {
        let mut socket = TcpStream::connect(self.api.address()).await.unwrap();
        let request = format!(
            "GET /api/v1/events HTTP/1.1\r\nHost: {}\r\nAuthorization: {}\r\n\r\n",
            self.api.address(),
            self.bearer()
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        let outputs = self.outputs.clone();
        tokio::spawn(async move {
            let (mut all, mut part) = (Vec::new(), vec![0; 1 << 16]);
            while let Ok(length @ 1..) = socket.read(&mut part).await {
                all.extend_from_slice(&part[..length]);
            }
            outputs.add("a stream of events", all);
        });
    }
}
