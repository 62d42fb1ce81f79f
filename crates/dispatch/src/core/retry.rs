//! Whether a failed attempt is followed by another, and when.

use chronos_types::{ErrorKind, JobSpec, Millis};
use chronos_webhook::Outcome;

/// Whether an attempt that failed in this way may succeed when it is made again.
fn is_retryable(kind: ErrorKind, status: u16) -> bool {
    match kind {
        ErrorKind::Status => matches!(status, 408 | 425 | 429 | 500..=599),
        ErrorKind::Timeout
        | ErrorKind::Dns
        | ErrorKind::Connect
        | ErrorKind::Tls
        | ErrorKind::Reset
        | ErrorKind::Body => true,
        // The configuration forbids the address. Asking again does not change it.
        ErrorKind::EgressDenied | ErrorKind::Overlap | ErrorKind::Cancelled => false,
    }
}

/// When the next attempt is due, if there is to be one: after the policy's wait, or after the longer one
/// that the target asked for, within the policy's longest. `draw` is from 0 to 1, for the jitter.
pub(super) fn retry_at(
    spec: &JobSpec,
    attempt: u32,
    outcome: &Outcome,
    ended_at: Millis,
    draw: f64,
) -> Option<Millis> {
    let (kind, _) = outcome.failure.as_ref()?;
    let policy = &spec.retry_policy;
    if attempt >= policy.max_attempts() || !is_retryable(*kind, outcome.response.status_code) {
        return None;
    }
    let backoff = policy.backoff(attempt, draw).as_std();
    let asked = outcome.retry_after.unwrap_or_default().min(policy.max_interval().as_std());
    let wait = i64::try_from(backoff.max(asked).as_millis()).unwrap_or(i64::MAX);
    Some(ended_at.saturating_add(wait))
}
