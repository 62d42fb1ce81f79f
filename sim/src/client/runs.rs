//! Running jobs by hand, and cancelling and repeating executions.

use chronos_client::Method;
use rand::RngExt as _;
use serde_json::Value;

use super::Client;
use crate::ledger::What;
use crate::web::EVER;
use crate::world::since_start;

impl Client {
    pub(super) async fn trigger(&mut self, jobs: &[String]) {
        let job = self.pick(jobs);
        if self.run(&job, &format!("/api/v1/jobs/{job}/trigger")).await {
            self.ledger.count("triggered");
        }
    }

    /// Repeats an execution that is over.
    pub(super) async fn replay(&mut self) {
        let status = ["success", "failed", "skipped", "cancelled"][self.rng.random_range(0..4)];
        let Some((job, id)) = self.any_execution(status).await else { return };
        if self.run(&job, &format!("/api/v1/jobs/{job}/executions/{id}/replay")).await {
            self.ledger.count("replayed");
        }
    }

    /// Ends an execution that is not over.
    pub(super) async fn cancel(&mut self) {
        let status = ["pending", "running", "running", "retrying"][self.rng.random_range(0..4)];
        let Some((job, id)) = self.any_execution(status).await else { return };
        self.ledger.with(|seen| {
            seen.cancelled.entry(id.clone()).or_insert(None);
        });
        let path = format!("/api/v1/jobs/{job}/executions/{id}/cancel");
        if let Some((200, _)) = self.ask_once(What::Cancel, &path, None).await {
            let now = since_start();
            self.ledger.with(|seen| {
                seen.cancelled.entry(id).or_insert(None).get_or_insert(now);
            });
            self.ledger.count("cancelled");
        }
    }

    /// Asks for a run.
    async fn run(&mut self, job: &str, path: &str) -> bool {
        match self.ask_once(What::Run { job: job.to_owned() }, path, None).await {
            Some((202, answer)) => {
                let id = answer["id"].as_str().unwrap_or_default().to_owned();
                self.ledger.with(|seen| seen.triggered.insert(id, job.to_owned()));
                true
            }
            Some((409, _)) => {
                self.ledger.count("overlap_refused");
                false
            }
            _ => false,
        }
    }

    /// Any of the newest executions of this status, as some node knows them: its job's id and its own.
    pub(super) async fn any_execution(&mut self, status: &str) -> Option<(String, String)> {
        let path = format!("/api/v1/executions?status={status}&from={EVER}&limit=20");
        let (200, answer) = self.ask(Method::GET, &path, None).await? else { return None };
        let found = answer["executions"].as_array().filter(|found| !found.is_empty())?;
        let any = &found[self.rng.random_range(0..found.len())];
        let text = |field: &Value| field.as_str().map(str::to_owned);
        Some((text(&any["job_id"])?, text(&any["id"])?))
    }
}
