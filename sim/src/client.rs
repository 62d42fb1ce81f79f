//! Who uses the API: creates jobs, runs them by hand, changes, disables, enables and deletes them, at any
//! node, and keeps account of what was acknowledged.

use std::time::Duration;

use chronos_client::Method;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::ledger::{Change, Created, Ledger, To};
use crate::receiver;
use crate::web::ask;
use crate::world::since_start;

/// Jobs at most: more only make the run longer.
const JOBS: usize = 12;
/// Runs are planned two seconds ahead, and clocks were up to three seconds off. For a node that was removed the leader
/// answers, which looks every ten seconds.
const WITHDRAWN: Duration = Duration::from_secs(16);
/// Between looks at whether the cluster has done what it owes.
const LOOK: Duration = Duration::from_millis(500);

/// Works until the faults are over, then waits until all is done.
pub(crate) async fn work(ledger: Ledger, number: u64, seed: u64, nodes: usize) -> turmoil::Result {
    let rng = SmallRng::seed_from_u64(seed ^ (number << 32));
    let mut client = Client { ledger, number, rng, nodes, named: 0 };
    while !client.ledger.with(|seen| seen.calm) {
        client.act().await;
        let pause = client.rng.random_range(10..600);
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    client.end_all().await;
    while !client.is_drained().await {
        tokio::time::sleep(LOOK).await;
        // What was asked for before, and nobody heard of, may have been done since.
        client.end_all().await;
    }
    // What was withdrawn from a node that was started anew waits until its instant has come.
    tokio::time::sleep(WITHDRAWN).await;
    client.ledger.note("drained");
    client.ledger.with(|seen| seen.drained = true);
    Ok(())
}

struct Client {
    ledger: Ledger,
    number: u64,
    rng: SmallRng,
    nodes: usize,
    named: usize,
}

impl Client {
    async fn act(&mut self) {
        let living = self.living();
        match self.rng.random_range(0..10) {
            0..=3 if living.len() < JOBS => self.create().await,
            4 if living.len() > JOBS / 2 => self.delete(&living).await,
            5 if living.len() > JOBS / 2 => {
                let id = self.pick(&living);
                self.enable(&id, false).await;
            }
            // One of those that were disabled, as often as not.
            6 if !living.is_empty() => {
                let disabled: Vec<_> = self.disabled();
                let id = self.pick(if disabled.is_empty() { &living } else { &disabled });
                self.enable(&id, true).await;
            }
            7 if !living.is_empty() => self.describe(&living).await,
            _ if !living.is_empty() => self.trigger(&living).await,
            _ => self.create().await,
        }
    }

    /// The jobs that nobody has asked to delete.
    fn living(&self) -> Vec<String> {
        self.ledger.with(|seen| {
            seen.jobs.iter().filter(|(_, job)| !job.deleting).map(|(id, _)| id.clone()).collect()
        })
    }

    /// Those of them that somebody asked to disable.
    fn disabled(&self) -> Vec<String> {
        let is_disabled = |job: &Created| job.changes.iter().any(|change| change.to == To::Enabled(false));
        self.ledger.with(|seen| {
            let jobs = seen.jobs.iter().filter(|(_, job)| !job.deleting && is_disabled(job));
            jobs.map(|(id, _)| id.clone()).collect()
        })
    }

    fn pick(&mut self, jobs: &[String]) -> String {
        jobs[self.rng.random_range(0..jobs.len())].clone()
    }

    /// Asks any node.
    async fn ask(&mut self, method: Method, path: &str, body: Option<&Value>) -> Option<(u16, Value)> {
        let node = format!("n{}", self.rng.random_range(1..=self.nodes));
        let answer = ask(&node, method.clone(), path, body).await;
        let status = answer.as_ref().map_or_else(|| "?".to_owned(), |(status, _)| status.to_string());
        self.ledger.note(format_args!("{method} {path} at {node}: {status}"));
        answer
    }

    async fn create(&mut self) {
        self.named += 1;
        let (name, every_s) = (format!("job-{}-{}", self.number, self.named), self.rng.random_range(1..6));
        let job = json!({
            "name": name,
            "schedule": format!("@every {every_s}s"),
            "webhook": {"url": receiver::URL},
            "timeout": "3s",
            "retry_policy": {"max_attempts": 4, "initial_interval": "500ms", "max_interval": "2s"},
            "concurrency": "allow",
            "missed_runs": "execute_all",
        });
        if let Some((201, answer)) = self.ask(Method::POST, "/api/v1/jobs", Some(&job)).await {
            let id = answer["id"].as_str().unwrap_or_default().to_owned();
            let created = Created { name, every_s, deleting: false, deleted: false, changes: Vec::new() };
            self.ledger.with(|seen| seen.jobs.insert(id, created));
        }
    }

    async fn trigger(&mut self, jobs: &[String]) {
        let path = format!("/api/v1/jobs/{}/trigger", self.pick(jobs));
        if let Some((202, answer)) = self.ask(Method::POST, &path, None).await {
            let id = answer["id"].as_str().unwrap_or_default().to_owned();
            self.ledger.with(|seen| seen.triggered.insert(id));
        }
    }

    async fn delete(&mut self, jobs: &[String]) {
        let id = self.pick(jobs);
        self.change(&id, |job| job.deleting = true);
        let path = format!("/api/v1/jobs/{id}");
        if let Some((204, _)) = self.ask(Method::DELETE, &path, None).await {
            self.change(&id, |job| job.deleted = true);
        }
    }

    async fn enable(&mut self, id: &str, enabled: bool) {
        let path = format!("/api/v1/jobs/{id}/{}", if enabled { "enable" } else { "disable" });
        self.ask_for(id, To::Enabled(enabled), Method::POST, &path, None).await;
    }

    /// A change that leaves the job's instants as they are.
    async fn describe(&mut self, jobs: &[String]) {
        let id = self.pick(jobs);
        self.named += 1;
        let text = format!("text-{}-{}", self.number, self.named);
        let (path, body) = (format!("/api/v1/jobs/{id}"), json!({"description": text}));
        self.ask_for(&id, To::Described(text), Method::PATCH, &path, Some(&body)).await;
    }

    /// Asks for a change, and keeps account of it from before it is asked for.
    async fn ask_for(&mut self, id: &str, to: To, method: Method, path: &str, body: Option<&Value>) {
        let change = Change { to, asked: since_start(), done: None };
        let number = self.ledger.with(|seen| {
            let job = seen.jobs.get_mut(id)?;
            job.changes.push(change);
            Some(job.changes.len() - 1)
        });
        let answer = self.ask(method, path, body).await;
        if let (Some(number), Some((200, job))) = (number, answer) {
            let done = job["version"].as_u64().map(|version| (since_start(), version));
            self.change(id, |job| job.changes[number].done = done);
        }
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut Created)) {
        self.ledger.with(|seen| seen.jobs.get_mut(id).map(change));
    }

    /// Disables every job, also those whose creation nobody heard of, so that the work comes to an end.
    async fn end_all(&mut self) {
        loop {
            let listed = self.ask(Method::GET, "/api/v1/jobs?enabled=true&limit=100&consistent=true", None);
            let Some((200, answer)) = listed.await else {
                tokio::time::sleep(LOOK).await;
                continue;
            };
            let jobs = answer["jobs"].as_array().cloned().unwrap_or_default();
            if jobs.is_empty() {
                return;
            }
            for job in jobs {
                let id = job["id"].as_str().unwrap_or_default();
                self.enable(id, false).await;
            }
        }
    }

    /// Whether nothing is unfinished, and every node knows all there is.
    async fn is_drained(&mut self) -> bool {
        for status in ["pending", "running", "retrying"] {
            let path = format!("/api/v1/executions?status={status}&limit=1&consistent=true");
            match self.ask(Method::GET, &path, None).await {
                Some((200, answer)) if answer["executions"].as_array().is_some_and(Vec::is_empty) => {}
                _ => return false,
            }
        }
        let Some((200, status)) = self.ask(Method::GET, "/api/v1/cluster/status", None).await else {
            return false;
        };
        let nodes = status["nodes"].as_array().cloned().unwrap_or_default();
        let idle = |node: &Value| node["applied_index"] == status["commit_index"] && node["firing"] == 0;
        let whole = nodes.len() == self.nodes && !self.ledger.with(|seen| seen.replacing);
        whole && nodes.iter().all(idle)
    }
}
