//! Who uses the API: creates jobs of every policy, changes, disables, enables and deletes them, runs them by hand, cancels
//! and repeats executions, at any node, and keeps account of what was acknowledged.

mod batches;
mod draws;
mod end;
mod jobs;
mod operations;
mod pauses;
mod runs;

use std::time::Duration;

use chronos_client::Method;
use chronos_server::config::Config;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;

use self::batches::Written;
use crate::ledger::{Answered, Created, Keyed, Ledger, What};
use crate::web::{ask, ask_with_key};

/// Jobs at most: more only make the run longer.
const JOBS: usize = 14;
/// How often a request is repeated at most where its outcome is not known.
const REPEATS: usize = 4;
/// Executions that are kept of each job: fewer than most jobs have by the end of a run.
pub(crate) const KEPT_PER_JOB: u64 = 15;
/// Instants that are found later than this are missed: some are, where no node was up for a while.
pub(crate) const MISFIRE_MS: u64 = 4_000;

/// What of a node's configuration is about its jobs: what takes a day or a month elsewhere happens within a run.
pub(crate) fn settings(config: &mut Config) {
    config.history.max_per_job = KEPT_PER_JOB;
    config.history.min_per_job = KEPT_PER_JOB;
    config.scheduler.misfire_threshold = chronos_types::DurationMs::from_millis(MISFIRE_MS);
}

/// Works until the faults are over, then waits until all is done.
pub(crate) async fn work(ledger: Ledger, number: u64, seed: u64, nodes: usize) -> turmoil::Result {
    let rng = SmallRng::seed_from_u64(seed ^ (number << 32));
    let mut client = Client { ledger, number, rng, nodes, named: 0, written: Vec::new() };
    while !client.ledger.with(|seen| seen.calm) {
        client.act().await;
        let pause = client.rng.random_range(10..600);
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    client.end().await;
    Ok(())
}

struct Client {
    ledger: Ledger,
    number: u64,
    rng: SmallRng,
    nodes: usize,
    named: usize,
    /// What it has written together and can write over.
    written: Vec<Written>,
}

impl Client {
    async fn act(&mut self) {
        let living = self.living();
        match self.rng.random_range(0..28) {
            0..=5 if living.len() < JOBS => self.create().await,
            6 if living.len() > JOBS / 2 => self.delete(&living).await,
            7 if living.len() > JOBS / 2 => {
                let id = self.pick(&living);
                self.enable(&id, false).await;
            }
            // One of those that were disabled, as often as not.
            8 if !living.is_empty() => {
                let disabled: Vec<_> = self.disabled();
                let id = self.pick(if disabled.is_empty() { &living } else { &disabled });
                self.enable(&id, true).await;
            }
            9 if !living.is_empty() => self.describe(&living).await,
            10 | 11 if !living.is_empty() => self.reschedule(&living).await,
            12 if !living.is_empty() => self.roll_back(&living).await,
            13 | 14 => self.cancel().await,
            15 => self.replay().await,
            16 | 17 => self.batch(living.len()).await,
            18 | 19 if living.len() > JOBS / 2 => self.pause(&living).await,
            20 | 21 => self.resume().await,
            22 | 23 if !living.is_empty() => self.operate(&living).await,
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
        let is_disabled = |job: &Created| job.changes.iter().any(|change| change.sets.enabled == Some(false));
        self.ledger.with(|seen| {
            let jobs = seen.jobs.iter().filter(|(_, job)| !job.deleting && is_disabled(job));
            jobs.map(|(id, _)| id.clone()).collect()
        })
    }

    fn pick(&mut self, jobs: &[String]) -> String {
        jobs[self.rng.random_range(0..jobs.len())].clone()
    }

    /// A text that nobody has used.
    fn unique(&mut self, what: &str) -> String {
        self.named += 1;
        format!("{what}-{}-{}", self.number, self.named)
    }

    fn any_node(&mut self) -> String {
        format!("n{}", self.rng.random_range(1..=self.nodes))
    }

    /// Asks any node.
    async fn ask(&mut self, method: Method, path: &str, body: Option<&Value>) -> Option<(u16, Value)> {
        let node = self.any_node();
        let answer = ask(&node, method.clone(), path, body).await;
        self.told(&method, path, &node, answer.as_ref());
        answer
    }

    /// Asks under an idempotency key, at another node each time, until the outcome is known, and sometimes once more.
    /// Answers with the first answer that says that it was done, else with the last one.
    async fn ask_once(&mut self, what: What, path: &str, body: Option<&Value>) -> Option<(u16, Value)> {
        let key = self.unique("key");
        self.ledger.with(|seen| seen.keyed.insert(key.clone(), Keyed { what, answers: Vec::new() }));
        let (mut first, mut last) = (None, None);
        for _ in 0..=REPEATS {
            let node = self.any_node();
            let answer = ask_with_key(&node, Method::POST, path, body, Some(&key)).await;
            self.told(&Method::POST, path, &node, answer.as_ref());
            let answered = answer.as_ref().map(|(status, body)| Answered {
                status: *status,
                id: identity(body),
                version: body["version"].as_u64(),
            });
            let is_done = answered.as_ref().is_some_and(Answered::is_done);
            let is_known = is_done || answered.as_ref().is_some_and(Answered::is_refused);
            let is_repeat = self.ledger.with(|seen| {
                let known = seen.keyed.get_mut(&key)?;
                known.answers.push(answered);
                Some(known.answers.len() > 1)
            });
            if is_repeat == Some(true) {
                self.ledger.count("repeated");
            }
            if is_done && first.is_none() {
                first.clone_from(&answer);
            }
            last = answer;
            if is_known && self.rng.random_range(0..4) > 0 {
                break;
            }
            let pause = self.rng.random_range(1..300);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        first.or(last)
    }

    fn told(&self, method: &Method, path: &str, node: &str, answer: Option<&(u16, Value)>) {
        let status = answer.map_or_else(|| "?".to_owned(), |(status, _)| status.to_string());
        self.ledger.note(format_args!("{method} {path} at {node}: {status}"));
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut Created)) {
        self.ledger.with(|seen| seen.jobs.get_mut(id).map(change));
    }
}

/// What an answer is about: the id of a job or of an execution, or what became of each job of a batch.
fn identity(body: &Value) -> String {
    let item = |item: &Value| format!("{}: {}, {}; ", item["name"], item["outcome"], item["version"]);
    match body["jobs"].as_array() {
        Some(jobs) => jobs.iter().map(item).collect(),
        None => body["id"].as_str().unwrap_or_default().to_owned(),
    }
}
