//! One attempt: what is sent is read where it is not at hand, the request is built, sent, and what came of it
//! is told. Its credentials, and the secrets that it names, are opened for the time of the attempt.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use chronos_env::panic_text;
use chronos_replica::{Lease, Store};
use chronos_seal::Keyring;
use chronos_types::request::{self, Occasion};
use chronos_types::{DurationMs, ErrorKind, Webhook};
use chronos_webhook::{Client, Outcome, Withheld};
use futures::FutureExt as _;
use tokio::time::Instant;

use super::questions;
use super::secrets::Secrets;
use crate::core::{Attempt, Ended, Unmade};

/// Makes an attempt. All that takes time is in here, on whichever thread is free: the dispatcher's own
/// task is one for the whole node. A panic ends the attempt and nothing else. With the planted bug, `panics`
/// says, there is one.
pub(super) async fn make(
    store: Store,
    client: &Client,
    keyring: &Keyring,
    secrets: &Secrets,
    lease: &Lease,
    attempt: Attempt,
    panics: bool,
) -> Ended {
    let begun = Instant::now();
    let (execution, number) = (attempt.run.execution, attempt.number);
    let send = async {
        assert!(!panics, "planted");
        send(store, client, keyring, secrets, lease, attempt).await
    };
    let outcome = AssertUnwindSafe(send).catch_unwind().await.unwrap_or_else(|panic| {
        let panic = panic_text(&*panic);
        tracing::error!(%execution, panic, "an attempt panicked");
        let why = format!("the node that made the attempt met a fault of its own: {panic}");
        Ok(Outcome::failed(ErrorKind::Connect, why))
    });
    let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ended { execution, attempt: number, duration_ms, outcome }
}

async fn send(
    store: Store,
    client: &Client,
    keyring: &Keyring,
    secrets: &Secrets,
    lease: &Lease,
    attempt: Attempt,
) -> Result<Outcome, Unmade> {
    let Attempt { run, number, job, key, webhook, tenure, .. } = attempt;
    let webhook = match webhook {
        Some(webhook) => webhook,
        None => {
            let read = questions::webhook(&store, keyring, key).await;
            Arc::new(read.ok_or(Unmade::VersionGone)?)
        }
    };
    let occasion = Occasion {
        job_id: job.job_id,
        job_name: &job.name,
        execution_id: run.execution,
        scheduled_time: run.scheduled_time,
        trigger: run.trigger,
        attempt: number,
    };
    let opened = match questions::opened(&store, keyring, job.job_id, webhook).await {
        // It may have been sealed anew since it was read.
        Err(_) => {
            let again = questions::webhook(&store, keyring, key).await.ok_or(Unmade::VersionGone)?;
            questions::opened(&store, keyring, job.job_id, Arc::new(again)).await
        }
        opened => opened,
    };
    let webhook = match opened {
        Ok(webhook) => webhook,
        Err(why) => return Ok(Outcome::failed(ErrorKind::Secret, why)),
    };
    let secrets = match secrets.opened(&store, &job.secrets, &job.tags, keyring).await {
        Ok(secrets) => secrets,
        Err(why) => return Ok(Outcome::failed(ErrorKind::Secret, why)),
    };
    let request = request::build_with(&webhook, &occasion, &secrets);
    let webhook = without_body(webhook);
    let timeout = job.timeout.map(DurationMs::as_std);
    let made = client.attempt_where(&webhook, request, &secrets, timeout, &|| lease.holds(tenure)).await;
    made.map_err(|Withheld { has_sent }| {
        tracing::debug!(execution = %run.execution, number, has_sent, "an attempt came too late to be made");
        Unmade::Withheld { has_sent }
    })
}

/// What was read for this attempt alone is not kept beside the request, which has a body of its own.
fn without_body(mut webhook: Arc<Webhook>) -> Arc<Webhook> {
    if let Some(webhook) = Arc::get_mut(&mut webhook) {
        webhook.body = None;
    }
    webhook
}
