//! One attempt: the request is built, sent, and what came of it is told.

use std::panic::AssertUnwindSafe;

use chronos_env::panic_text;
use chronos_types::request::{self, Occasion};
use chronos_types::{DurationMs, ErrorKind, Response};
use chronos_webhook::{Client, Outcome};
use futures::FutureExt as _;
use tokio::time::Instant;

use crate::core::{Attempt, Ended};

/// Makes an attempt. All that takes time is in here, on whichever thread is free: the dispatcher's own
/// task is one for the whole node. A panic ends the attempt and nothing else. With the planted bug, `panics`
/// says, there is one.
pub(super) async fn make(client: &Client, attempt: &Attempt, panics: bool) -> Ended {
    let begun = Instant::now();
    let send = async {
        assert!(!panics, "planted");
        send(client, attempt).await
    };
    let outcome = AssertUnwindSafe(send).catch_unwind().await.unwrap_or_else(|panic| {
        let (execution, panic) = (attempt.run.execution, panic_text(&*panic));
        tracing::error!(%execution, panic, "an attempt panicked");
        let why = format!("the node that made the attempt met a fault of its own: {panic}");
        let response = Response { error: Some(why.clone()), ..Response::default() };
        Outcome { response, failure: Some((ErrorKind::Connect, why)), retry_after: None }
    });
    let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ended { execution: attempt.run.execution, attempt: attempt.number, duration_ms, outcome }
}

async fn send(client: &Client, attempt: &Attempt) -> Outcome {
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
    client.attempt(&spec.webhook, request, timeout).await
}
