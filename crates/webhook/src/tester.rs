//! Calls a webhook once, for a test, outside any job.

use std::time::Duration;

use chronos_env::Env;
use chronos_types::request::{self, Occasion, Request};
use chronos_types::{DurationMs, ExecutionId, JobId, JobName, Phases, SecretValues, Trigger, Webhook};

use crate::{Client, TokenFault};

/// A person waits for the answer, so whatever the timeout, a test takes so long at most.
const LONGEST: Duration = Duration::from_secs(60);

/// Tests webhooks with the same client that fires them.
#[derive(Clone, Debug)]
pub struct Tester {
    client: Client,
    env: Env,
}

/// The outcome of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestOutcome {
    /// Whether an execution would be a success.
    pub success: bool,
    /// The response's status, where there was one.
    pub status_code: Option<u16>,
    /// The start of the response's body.
    pub body: String,
    /// Whether the body was longer.
    pub truncated: bool,
    /// Milliseconds from connect to the last byte.
    pub duration_ms: u64,
    /// What went wrong.
    pub error: Option<String>,
    /// How long it took for what.
    pub phases: Phases,
    /// What was sent, credentials redacted.
    pub request: Request,
}

impl Tester {
    /// Makes a tester that uses this client.
    #[must_use]
    pub fn new(client: Client, env: Env) -> Self {
        Self { client, env }
    }

    /// Calls the webhook once, for a minute at most. The template variables have the values of a job named `test`.
    ///
    /// It is made with the `secrets` that the webhook names.
    ///
    /// # Panics
    /// Never: the name is a constant that parses.
    pub async fn test(
        &self,
        webhook: Webhook,
        secrets: &SecretValues,
        timeout: Option<DurationMs>,
    ) -> TestOutcome {
        let now = self.env.now();
        let name = JobName::parse("test").expect("a name");
        let job_id = JobId::new(now, self.env.random_bytes());
        let occasion = Occasion {
            job_id,
            job_name: &name,
            execution_id: ExecutionId::manual(job_id, now, self.env.random_bytes()),
            scheduled_time: now,
            trigger: Trigger::Manual,
            attempt: 1,
        };
        let request = request::build_with(&webhook, &occasion, secrets);
        let timeout = time(webhook.timeout.or(timeout), self.client.timeout());
        let shown = request::build(&webhook, &occasion);
        let shown = Request { headers: request::shown_headers(&webhook, &shown), ..shown };
        let begun = tokio::time::Instant::now();
        let mut outcome = self.client.attempt_with(&webhook, request.clone(), secrets, Some(timeout)).await;
        let left = timeout.saturating_sub(begun.elapsed());
        // As a run would: what whoever tests wants to know is whether the target takes a token that is new.
        if outcome.token == Some(TokenFault::Refused) && !left.is_zero() {
            outcome = self.client.attempt_with(&webhook, request, secrets, Some(left)).await;
        }
        TestOutcome {
            success: outcome.failure.is_none(),
            status_code: (outcome.response.status_code != 0).then_some(outcome.response.status_code),
            body: outcome.response.body.unwrap_or_default(),
            truncated: outcome.response.truncated,
            duration_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            error: outcome.failure.map(|(_, message)| message),
            phases: outcome.phases,
            request: shown,
        }
    }
}

/// How long a test may take of which this is asked; `usual` is what an attempt may take that asks for nothing.
fn time(asked: Option<DurationMs>, usual: Duration) -> Duration {
    asked.map_or(usual, DurationMs::as_std).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_takes_a_minute_at_most_whatever_is_asked() {
        let s = Duration::from_secs;
        for (asked, usual, wanted) in [
            (None, 30, 30),
            (None, 3_600, 60),
            (Some(5), 30, 5),
            (Some(60), 30, 60),
            (Some(61), 30, 60),
            (Some(24 * 3_600), 30, 60),
        ] {
            assert_eq!(time(asked.map(DurationMs::from_secs), s(usual)), s(wanted), "{asked:?}");
        }
    }
}
