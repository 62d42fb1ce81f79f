//! Pausing jobs, for a while or until somebody ends it, and resuming them.

use std::time::Duration;

use chronos_types::format_rfc3339;
use rand::RngExt as _;
use serde_json::json;

use super::Client;
use crate::ledger::{Asked, Created, PauseRequest, What};
use crate::world::{at_ms, since_start};

impl Client {
    pub(super) async fn pause(&mut self, jobs: &[String]) {
        let job = self.pick(jobs);
        let lasts = self.rng.random_range(2..8);
        let until = (lasts % 2 == 0).then(|| since_start() + Duration::from_secs(lasts));
        let reason = self.unique("reason");
        let body = json!({"reason": reason, "until": until.map(|until| format_rfc3339(at_ms(until)))});
        if self.ask_of_pause(&job, true, until, "pause", Some(&body)).await {
            self.ledger.count("job_paused");
        }
    }

    /// Ends the pause of a job that somebody asked to pause.
    pub(super) async fn resume(&mut self) {
        let is_paused = |job: &Created| !job.deleting && job.pauses.iter().any(|request| request.begins);
        let paused: Vec<_> = self.ledger.with(|seen| {
            let jobs = seen.jobs.iter().filter(|(_, job)| is_paused(job));
            jobs.map(|(id, _)| id.clone()).collect()
        });
        if paused.is_empty() {
            return;
        }
        let job = self.pick(&paused);
        if self.ask_of_pause(&job, false, None, "resume", None).await {
            self.ledger.count("job_resumed");
        }
    }

    /// Asks for a pause or for its end, and keeps account of that from before it is asked for. Answers whether it was done.
    async fn ask_of_pause(
        &mut self,
        job: &str,
        begins: bool,
        until: Option<Duration>,
        what: &str,
        body: Option<&serde_json::Value>,
    ) -> bool {
        let asked = Asked { asked: since_start(), answered: None };
        let number = self.ledger.with(|seen| {
            let job = seen.jobs.get_mut(job)?;
            job.pauses.push(PauseRequest { begins, until, asked });
            Some(job.pauses.len() - 1)
        });
        let path = format!("/api/v1/jobs/{job}/{what}");
        let answer = self.ask_once(What::Pause { job: job.to_owned() }, &path, body).await;
        let is_done = matches!(answer, Some((200, _)));
        if let Some(number) = number.filter(|_| is_done) {
            self.change(job, |job| job.pauses[number].asked.answered = Some(since_start()));
        }
        is_done
    }
}
