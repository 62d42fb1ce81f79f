//! One attempt: what is sent is read where it is not at hand, the request is built, sent, and what came of it
//! is told.

use std::sync::Arc;

use chronos_replica::Store;
use chronos_types::request::{self, Occasion};
use chronos_types::{DurationMs, Webhook};
use chronos_webhook::Client;
use tokio::time::Instant;

use super::questions;
use crate::core::{Attempt, Ended};

/// Makes an attempt. All that takes time is in here, on whichever thread is free: the dispatcher's own
/// task is one for the whole node.
pub(super) async fn make(store: Store, client: &Client, attempt: Attempt) -> Ended {
    let begun = Instant::now();
    let Attempt { run, number, job, webhook, .. } = attempt;
    let webhook = match webhook {
        Some(webhook) => Some(webhook),
        None => questions::webhook(&store, (run.job, run.version)).await.map(Arc::new),
    };
    let occasion = Occasion {
        job_id: job.job_id,
        job_name: &job.name,
        execution_id: run.execution,
        scheduled_time: run.scheduled_time,
        trigger: run.trigger,
        attempt: number,
    };
    let outcome = match webhook {
        Some(webhook) => {
            let request = request::build(&webhook, &occasion);
            let webhook = without_body(webhook);
            let timeout = job.timeout.map(DurationMs::as_std);
            Some(client.attempt(&webhook, request, timeout).await)
        }
        None => None,
    };
    let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ended { execution: run.execution, attempt: number, duration_ms, outcome }
}

/// What was read for this attempt alone is not kept beside the request, which has a body of its own.
fn without_body(mut webhook: Arc<Webhook>) -> Arc<Webhook> {
    if let Some(webhook) = Arc::get_mut(&mut webhook) {
        webhook.body = None;
    }
    webhook
}
