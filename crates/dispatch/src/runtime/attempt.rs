//! One attempt: the request is built, sent, and what came of it is told.

use chronos_types::DurationMs;
use chronos_types::request::{self, Occasion};
use chronos_webhook::Client;
use tokio::time::Instant;

use crate::core::{Attempt, Ended};

/// Makes an attempt. All that takes time is in here, on whichever thread is free: the dispatcher's own
/// task is one for the whole node.
pub(super) async fn make(client: &Client, attempt: &Attempt) -> Ended {
    let begun = Instant::now();
    let Attempt { run, number, job, .. } = attempt;
    let spec = &job.spec;
    let occasion = Occasion {
        job_id: job.job_id,
        job_name: &spec.name,
        execution_id: run.execution,
        scheduled_time: run.scheduled_time,
        trigger: run.trigger,
        attempt: *number,
    };
    let request = request::build(&spec.webhook, &occasion);
    let timeout = spec.webhook.timeout.or(spec.timeout).map(DurationMs::as_std);
    let outcome = client.attempt(&spec.webhook, request, timeout).await;
    let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ended { execution: run.execution, attempt: *number, duration_ms, outcome }
}
