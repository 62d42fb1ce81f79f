//! Writing jobs together: new ones, and some of those that were written so before, with another description.

use chronos_client::Method;
use rand::RngExt as _;
use serde_json::{Value, json};

use super::{Client, JOBS, draws};
use crate::ledger::{Asked, Created, Sets, What};
use crate::world::since_start;

/// Jobs of a batch at most: new ones, and others.
const NEW: usize = 3;
const OTHERS: usize = 2;

/// A job that this client has written together with others.
#[derive(Clone)]
pub(super) struct Written {
    id: Option<String>,
    name: String,
    concurrency: &'static str,
    has_jitter: bool,
    /// What the newest batch says of it, as it is sent.
    body: Value,
    sets: Sets,
}

impl Client {
    pub(super) async fn batch(&mut self, living: usize) {
        let new = self.rng.random_range(0..=NEW).min(JOBS.saturating_sub(living));
        let mut batch: Vec<_> = (0..new).map(|_| self.new_job()).collect();
        for _ in 0..OTHERS.min(self.written.len()) {
            let at = self.rng.random_range(0..self.written.len());
            batch.push(self.written.swap_remove(at));
        }
        // Some are as they were, which is told too.
        for job in &mut batch[new..] {
            if self.rng.random_range(0..3) > 0 {
                let text = self.unique("text");
                job.body["description"] = text.clone().into();
                job.sets.description = Some(text);
            }
        }
        if batch.is_empty() {
            return;
        }
        let numbers: Vec<_> = batch.iter().map(|job| self.begin_written(job)).collect();
        let jobs: Vec<_> = batch.iter().map(|job| job.body.clone()).collect();
        let body = json!({"set": format!("set-{}", self.number), "jobs": jobs});
        let asked = since_start();
        let answer = self.ask_once(What::Batch, "/api/v1/jobs/batch", Some(&body)).await;
        let items = match answer {
            Some((200, answer)) => answer["jobs"].as_array().cloned().unwrap_or_default(),
            _ => Vec::new(),
        };
        let known = Asked { asked, answered: Some(since_start()) };
        for ((job, number), item) in batch.iter_mut().zip(numbers).zip(&items) {
            match item["outcome"].as_str() {
                Some("created") => self.take_in(job, known).await,
                Some("changed" | "unchanged") => {
                    self.end_change(job.id.as_deref().unwrap_or_default(), number, Some((200, item.clone())));
                }
                _ => {}
            }
        }
        if !items.is_empty() {
            self.ledger.count("batch_written");
            self.written.extend(batch.into_iter().filter(|job| job.id.is_some()));
        }
    }

    fn new_job(&mut self) -> Written {
        let (name, schedule) = (self.unique("job"), draws::schedule(&mut self.rng));
        let concurrency = draws::concurrency(&mut self.rng);
        let has_jitter = draws::has_jitter(&mut self.rng);
        let body = draws::job(&mut self.rng, &name, &schedule, concurrency, has_jitter);
        let sets = Sets { enabled: Some(true), description: Some(String::new()), schedule: Some(schedule) };
        Written { id: None, name, concurrency, has_jitter, body, sets }
    }

    /// Keeps account of what a batch makes of a job that is there. It counts as asked for once, for that is what the
    /// batch's own key is to see to.
    fn begin_written(&self, job: &Written) -> Option<usize> {
        self.begin_change(job.id.as_deref()?, job.sets.clone(), false)
    }

    /// Takes a job into account that a batch has created. The answer does not tell its id.
    async fn take_in(&mut self, job: &mut Written, created: Asked) {
        job.id = None;
        let path = format!("/api/v1/jobs/{}?consistent=true", job.name);
        let Some((200, found)) = self.ask(Method::GET, &path, None).await else { return };
        let id = found["id"].as_str().unwrap_or_default().to_owned();
        let Written { name, concurrency, has_jitter, sets, .. } = job.clone();
        let created = Created {
            name,
            concurrency,
            has_jitter,
            created,
            first: sets,
            deleting: false,
            deleted: false,
            changes: Vec::new(),
            pauses: Vec::new(),
        };
        self.ledger.with(|seen| seen.jobs.insert(id.clone(), created));
        job.id = Some(id);
    }
}
