//! What is done with many jobs or executions at once, in the background; and running the instants of a past time.

use std::time::Duration;

use chronos_types::format_rfc3339;
use rand::RngExt as _;
use serde_json::{Value, json};

use super::Client;
use crate::ledger::{Bulk, Operation, What};
use crate::world::{at_ms, since_start};

/// Targets of an operation at most: a job has few executions on record.
const TARGETS: usize = 4;
/// The longest time whose instants are run again.
const BACK: Duration = Duration::from_secs(4);
/// Runs that an operation makes a second.
const PER_SECOND: [u32; 3] = [1, 10, 50];

impl Client {
    pub(super) async fn operate(&mut self, living: &[String]) {
        match self.rng.random_range(0..4) {
            0 => self.trigger_many(living).await,
            1 => self.replay_many().await,
            2 => self.cancel_many().await,
            _ => self.backfill(living).await,
        }
    }

    async fn trigger_many(&mut self, living: &[String]) {
        let mut jobs: Vec<_> = (0..TARGETS).map(|_| self.pick(living)).collect();
        jobs.sort();
        jobs.dedup();
        let body = json!({"action": "trigger", "names": jobs, "per_second": self.per_second()});
        if self.begin("/api/v1/jobs/actions", &body, Bulk::Trigger { jobs }).await {
            self.ledger.count("many_triggered");
        }
    }

    async fn replay_many(&mut self) {
        let status = ["success", "failed", "skipped", "cancelled"][self.rng.random_range(0..4)];
        let executions = self.some_executions(status).await;
        if executions.is_empty() {
            return;
        }
        let ids: Vec<_> = executions.iter().map(|(_, id)| id.clone()).collect();
        let body = json!({"action": "replay", "ids": ids, "per_second": self.per_second()});
        if self.begin("/api/v1/executions/actions", &body, Bulk::Replay { executions }).await {
            self.ledger.count("many_replayed");
        }
    }

    /// Ends executions that are not over. Each of them may be over before its turn.
    async fn cancel_many(&mut self) {
        let status = ["pending", "running", "running", "retrying"][self.rng.random_range(0..4)];
        let ids: Vec<_> = self.some_executions(status).await.into_iter().map(|(_, id)| id).collect();
        if ids.is_empty() {
            return;
        }
        self.ledger.with(|seen| {
            for id in &ids {
                seen.cancelled.entry(id.clone()).or_insert(None);
            }
        });
        let body = json!({"action": "cancel", "ids": ids});
        if self.begin("/api/v1/executions/actions", &body, Bulk::Cancel).await {
            self.ledger.count("many_cancelled");
        }
    }

    /// Runs the instants that a job had within a past time.
    async fn backfill(&mut self, living: &[String]) {
        let job = self.pick(living);
        let now = since_start();
        let to = now.saturating_sub(Duration::from_millis(self.rng.random_range(0..5_000)));
        let from = to.saturating_sub(BACK);
        let time = |at| Value::from(format_rfc3339(at_ms(at)));
        let body = json!({"from": time(from), "to": time(to), "per_second": self.per_second()});
        let path = format!("/api/v1/jobs/{job}/backfill");
        let (from, to) = (at_ms(from), at_ms(to));
        if self.begin(&path, &body, Bulk::Backfill { job, from, to }).await {
            self.ledger.count("backfilled");
        }
    }

    /// Asks for an operation. It goes on by itself.
    async fn begin(&mut self, path: &str, body: &Value, what: Bulk) -> bool {
        match self.ask_once(What::Operation, path, Some(body)).await {
            Some((202, answer)) => {
                let id = answer["id"].as_str().unwrap_or_default().to_owned();
                self.ledger.with(|seen| seen.operations.push(Operation { id, what }));
                true
            }
            _ => false,
        }
    }

    fn per_second(&mut self) -> u32 {
        PER_SECOND[self.rng.random_range(0..PER_SECOND.len())]
    }

    /// Some of the newest executions of this status, as some node knows them: the ids of their jobs and their own.
    async fn some_executions(&mut self, status: &str) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for _ in 0..TARGETS {
            found.extend(self.any_execution(status).await);
        }
        found.sort();
        found.dedup();
        found
    }
}
