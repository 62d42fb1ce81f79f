//! A client that creates, changes, triggers and deletes all the while, and remembers what was
//! acknowledged. Each has jobs of its own, so that it knows what must stand there.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use chronos_client::{Client, Error, WriteOptions};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{AnyNode, Dice, firing, input};

/// What is asked again is given up after so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was acknowledged, and what was asked for without an answer.
#[derive(Debug, Default)]
pub struct Writes {
    /// How many calls were answered.
    pub acknowledged: usize,
    /// The calls of which nobody knows whether they were taken, and why.
    pub unanswered: Vec<String>,
    /// The id of each job created.
    pub created: HashMap<String, String>,
    /// Jobs whose deletion was acknowledged, or asked for.
    pub deleted: HashMap<String, Seen>,
    /// The last number written into a job's description, and the last one acknowledged.
    pub changed: HashMap<String, (u64, u64)>,
    /// Executions triggered.
    pub triggered: Vec<String>,
    /// What no client should be told.
    pub wrong: Vec<String>,
}

/// How far a write has come, as its client knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It was asked for.
    Asked,
    /// The server has said that it is done.
    Acknowledged,
}

/// A writer at work.
pub struct Writer {
    stop: watch::Sender<bool>,
    task: JoinHandle<Writes>,
}

impl Writer {
    /// Writer number `n` changes the job `firing-n` beside its own.
    #[must_use]
    pub fn start(n: usize, client: AnyNode, url: String, dice: Dice) -> Self {
        let (stop, stopped) = watch::channel(false);
        let state = State { n, serial: 0, client, url, dice, writes: Writes::default() };
        Self { stop, task: tokio::spawn(state.run(stopped)) }
    }
}

/// Stops writers after their current call; answers what all of them wrote.
pub async fn stop(writers: Vec<Writer>) -> Writes {
    let mut all = Writes::default();
    for writer in writers {
        writer.stop.send_replace(true);
        let one = writer.task.await.expect("no writer panics");
        all.acknowledged += one.acknowledged;
        all.unanswered.extend(one.unanswered);
        all.created.extend(one.created);
        all.deleted.extend(one.deleted);
        all.changed.extend(one.changed);
        all.triggered.extend(one.triggered);
        all.wrong.extend(one.wrong);
    }
    all
}

struct State {
    n: usize,
    serial: u64,
    client: AnyNode,
    url: String,
    dice: Dice,
    writes: Writes,
}

impl State {
    async fn run(mut self, stopped: watch::Receiver<bool>) -> Writes {
        while !*stopped.borrow() {
            self.serial += 1;
            match self.dice.between(0, 9) {
                0..=4 => self.create().await,
                5..=6 => self.change().await,
                7..=8 => self.trigger().await,
                _ => self.delete().await,
            }
            // Some 40 calls a second from each.
            tokio::time::sleep(Duration::from_millis(self.dice.between(5, 45))).await;
        }
        self.writes
    }

    /// Counts an answer; `None` where the outcome is not known. A 503 says that it is not.
    fn heard<T>(&mut self, what: &str, answer: Result<T, Error>) -> Option<T> {
        match answer {
            Ok(found) => {
                self.writes.acknowledged += 1;
                return Some(found);
            }
            Err(error @ (Error::Unreached { .. } | Error::Unanswered { .. })) => {
                self.writes.unanswered.push(format!("{what}: {error}"));
            }
            Err(error) if error.status() == Some(503) => {
                self.writes.unanswered.push(format!("{what}: {error}"));
            }
            Err(error) => self.writes.wrong.push(format!("{what}: {error}")),
        }
        None
    }

    /// Creates a job, asking again under the same key until it is answered.
    async fn create(&mut self) {
        let name = format!("made-{}-{}", self.n, self.serial);
        let job = &input(json!({
            "name": name, "schedule": "0 0 1 1 *", "concurrency": "allow",
            "webhook": {"url": self.url, "body": "{}"},
        }));
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let key = Some(name.as_str());
            let answer = self.client.ask(|node, _| async move { node.create_job(job, key).await }).await;
            let wrong = self.writes.wrong.len();
            if let Some(created) = self.heard("create", answer) {
                self.writes.created.insert(name, created.id);
                return;
            }
            if self.writes.wrong.len() > wrong {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.writes.wrong.push(format!("{name} could not be created"));
    }

    /// Writes a higher number into the description of the job that is ours.
    async fn change(&mut self) {
        let (name, number) = (firing(self.n), self.serial);
        let (job, patch) = (name.as_str(), &json!({"description": number.to_string()}));
        self.writes.changed.entry(name.clone()).or_default().0 = number;
        let change =
            |node: Client, _| async move { node.patch_job(job, patch, WriteOptions::default()).await };
        let answer = self.client.ask(change).await;
        if self.heard("change", answer).is_some() {
            self.writes.changed.entry(name).or_default().1 = number;
        }
    }

    /// A job of ours that stands.
    fn pick(&mut self) -> Option<String> {
        let standing = self.writes.created.keys().filter(|name| !self.writes.deleted.contains_key(*name));
        let mut standing: Vec<String> = standing.cloned().collect();
        // The order of a hash map is no seed's.
        standing.sort_unstable();
        let last = standing.len().checked_sub(1)?;
        let chosen = usize::try_from(self.dice.between(0, last as u64)).expect("an index");
        Some(standing.swap_remove(chosen))
    }

    async fn trigger(&mut self) {
        let Some(name) = self.pick() else { return };
        // For a client that asks again by itself.
        let key = &format!("trigger-{}-{}", self.n, self.serial);
        let job = name.as_str();
        let trigger = |node: Client, _| async move { node.trigger_job(job, None, Some(key)).await };
        let answer = self.client.ask(trigger).await;
        if let Some(execution) = self.heard("trigger", answer) {
            self.writes.triggered.push(execution.id);
        }
    }

    async fn delete(&mut self) {
        let Some(name) = self.pick() else { return };
        // A deletion ends what the job has under way, which is not what is counted here.
        self.writes.deleted.insert(name.clone(), Seen::Asked);
        let job = name.as_str();
        let delete = |node: Client, again| async move {
            match node.delete_job(job, WriteOptions::default()).await {
                // It was deleted when it was asked for before, and the answer got lost.
                Err(error) if again && error.status() == Some(404) => Ok(()),
                answer => answer,
            }
        };
        let answer = self.client.ask(delete).await;
        if self.heard("delete", answer).is_some() {
            self.writes.deleted.insert(name, Seen::Acknowledged);
        }
    }
}
