//! Creating, changing and deleting jobs.

use chronos_client::Method;
use serde_json::{Value, json};

use super::{Client, draws};
use crate::ledger::{Asked, Change, Created, Sets, What};
use crate::world::since_start;

impl Client {
    pub(super) async fn create(&mut self) {
        let (name, schedule) = (self.unique("job"), draws::schedule(&mut self.rng));
        let concurrency = draws::concurrency(&mut self.rng);
        let has_jitter = draws::has_jitter(&mut self.rng);
        let job = draws::job(&mut self.rng, &name, &schedule, concurrency, has_jitter);
        let asked = since_start();
        let Some((201, answer)) = self.ask_once(What::Create, "/api/v1/jobs", Some(&job)).await else {
            return;
        };
        let first = Sets { enabled: Some(true), description: Some(String::new()), schedule: Some(schedule) };
        let created = Created {
            name,
            concurrency,
            has_jitter,
            created: Asked { asked, answered: Some(since_start()) },
            first,
            deleting: false,
            deleted: false,
            changes: Vec::new(),
            pauses: Vec::new(),
        };
        let id = answer["id"].as_str().unwrap_or_default().to_owned();
        self.ledger.with(|seen| seen.jobs.insert(id, created));
        self.ledger.count(match concurrency {
            "allow" => "job_that_allows",
            "forbid" => "job_that_forbids",
            "queue" => "job_that_queues",
            _ => "job_that_replaces",
        });
    }

    pub(super) async fn delete(&mut self, jobs: &[String]) {
        let id = self.pick(jobs);
        self.change(&id, |job| job.deleting = true);
        let path = format!("/api/v1/jobs/{id}");
        if let Some((204, _)) = self.ask(Method::DELETE, &path, None).await {
            self.change(&id, |job| job.deleted = true);
            self.ledger.count("job_deleted");
        }
    }

    pub(super) async fn enable(&mut self, id: &str, enabled: bool) {
        let path = format!("/api/v1/jobs/{id}/{}", if enabled { "enable" } else { "disable" });
        self.post_change(id, Sets { enabled: Some(enabled), ..Sets::default() }, &path).await;
    }

    /// A new version that says what the first one said.
    pub(super) async fn roll_back(&mut self, jobs: &[String]) {
        let id = self.pick(jobs);
        let Some(first) = self.ledger.with(|seen| seen.jobs.get(&id).map(|job| job.first.clone())) else {
            return;
        };
        if self.post_change(&id, first, &format!("/api/v1/jobs/{id}/rollback/1")).await {
            self.ledger.count("job_rolled_back");
        }
    }

    /// A change that leaves the job's instants as they are.
    pub(super) async fn describe(&mut self, jobs: &[String]) {
        let (id, text) = (self.pick(jobs), self.unique("text"));
        let body = json!({"description": text});
        self.patch(&id, Sets { description: Some(text), ..Sets::default() }, &body).await;
    }

    pub(super) async fn reschedule(&mut self, jobs: &[String]) {
        let (id, schedule) = (self.pick(jobs), draws::schedule(&mut self.rng));
        let body = json!({"schedule": schedule.0, "timezone": schedule.1});
        if self.patch(&id, Sets { schedule: Some(schedule), ..Sets::default() }, &body).await {
            self.ledger.count("job_rescheduled");
        }
    }

    /// Asks for a change by way of a POST, which takes a key.
    async fn post_change(&mut self, id: &str, sets: Sets, path: &str) -> bool {
        let number = self.begin_change(id, sets, true);
        let answer = self.ask_once(What::Change { job: id.to_owned() }, path, None).await;
        self.end_change(id, number, answer)
    }

    /// The same by way of a PATCH, which takes none and is asked for once.
    async fn patch(&mut self, id: &str, sets: Sets, body: &Value) -> bool {
        let number = self.begin_change(id, sets, false);
        let path = format!("/api/v1/jobs/{id}");
        let answer = self.ask(Method::PATCH, &path, Some(body)).await;
        self.end_change(id, number, answer)
    }

    /// Keeps account of a change from before it is asked for.
    pub(super) fn begin_change(&self, id: &str, sets: Sets, is_keyed: bool) -> Option<usize> {
        let asked = Asked { asked: since_start(), answered: None };
        let change = Change { sets, is_keyed, asked, version: None };
        self.ledger.with(|seen| {
            let job = seen.jobs.get_mut(id)?;
            job.changes.push(change);
            Some(job.changes.len() - 1)
        })
    }

    /// Notes what came of a change. Answers whether it was done.
    pub(super) fn end_change(&self, id: &str, number: Option<usize>, answer: Option<(u16, Value)>) -> bool {
        let Some((200, job)) = answer else { return false };
        if let (Some(number), Some(version)) = (number, job["version"].as_u64()) {
            self.change(id, |job| {
                job.changes[number].asked.answered = Some(since_start());
                job.changes[number].version = Some(version);
            });
        }
        true
    }
}
