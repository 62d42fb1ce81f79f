//! Whether a failed attempt is followed by another, and when.

use chronos_types::{ErrorKind, Millis, RetryPolicy};
use chronos_webhook::{Outcome, TokenFault};

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
        // The configuration forbids the address, or the secret is not to be had. Asking again does not change it.
        ErrorKind::EgressDenied | ErrorKind::Secret | ErrorKind::Overlap | ErrorKind::Cancelled => false,
        // What it is about says whether it may pass; see [`may_pass`].
        ErrorKind::Auth => false,
    }
}

/// The same of a whole outcome. Where there was no token, that goes by how its endpoint failed.
fn may_pass(kind: ErrorKind, outcome: &Outcome) -> bool {
    match outcome.token {
        Some(TokenFault::Missing { kind, status }) => is_retryable(kind, status),
        Some(TokenFault::Refused) | None => is_retryable(kind, outcome.response.status_code),
    }
}

/// The attempt that follows a failed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Retry {
    /// When it is due.
    pub(super) at: Millis,
    /// How long it waits because the target asked for it, and for longer than the policy does.
    pub(super) asked_ms: u64,
}

/// When the next attempt is due, if there is to be one: after the policy's wait, or after the longer one
/// that was asked for, within the policy's longest. `draw` is from 0 to 1, for the jitter.
pub(super) fn retry(
    policy: &RetryPolicy,
    attempt: u32,
    outcome: &Outcome,
    ended_at: Millis,
    draw: f64,
) -> Option<Retry> {
    let (kind, _) = outcome.failure.as_ref()?;
    if attempt >= policy.max_attempts() || !may_pass(*kind, outcome) {
        return None;
    }
    let backoff = policy.backoff(attempt, draw).as_std();
    let asked = outcome.retry_after.unwrap_or_default().min(policy.max_interval().as_std());
    let wait = i64::try_from(backoff.max(asked).as_millis()).unwrap_or(i64::MAX);
    let asked_ms = if asked > backoff { wait.unsigned_abs() } else { 0 };
    Some(Retry { at: ended_at.saturating_add(wait), asked_ms })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chronos_types::{DurationMs, Phases, Response};

    use super::*;

    #[test]
    fn what_may_pass_is_tried_again() {
        for (retried, statuses) in
            [(true, [408, 425, 429, 500, 502, 599]), (false, [301, 400, 401, 404, 410, 422])]
        {
            for status in statuses {
                assert_eq!(is_retryable(ErrorKind::Status, status), retried, "{status}");
            }
        }
        for kind in [
            ErrorKind::Timeout,
            ErrorKind::Dns,
            ErrorKind::Connect,
            ErrorKind::Tls,
            ErrorKind::Reset,
            ErrorKind::Body,
        ] {
            // A body that broke off has the status that came before it.
            assert!(is_retryable(kind, 200), "{kind:?}");
        }
        for kind in [ErrorKind::EgressDenied, ErrorKind::Secret, ErrorKind::Overlap, ErrorKind::Cancelled] {
            assert!(!is_retryable(kind, 0), "{kind:?}");
        }
    }

    #[test]
    fn a_token_endpoint_is_asked_again_as_a_target_is() {
        for (retried, kind, status) in [
            (true, ErrorKind::Connect, 0),
            (true, ErrorKind::Timeout, 0),
            (true, ErrorKind::Body, 200),
            (true, ErrorKind::Status, 503),
            (true, ErrorKind::Status, 429),
            (false, ErrorKind::Status, 200),
            (false, ErrorKind::Status, 302),
            (false, ErrorKind::Status, 401),
        ] {
            let token = Some(TokenFault::Missing { kind, status });
            let outcome = Outcome { token, ..Outcome::failed(ErrorKind::Auth, "why".to_owned()) };
            assert_eq!(may_pass(ErrorKind::Auth, &outcome), retried, "{kind:?} {status}");
        }
        let refused = Outcome {
            token: Some(TokenFault::Refused),
            ..Outcome::failed(ErrorKind::Auth, "why".to_owned())
        };
        assert!(!may_pass(ErrorKind::Auth, &refused), "the retry that it has is none of the policy");
    }

    #[test]
    fn a_target_may_ask_for_a_longer_wait_within_the_policys_longest() {
        let s = DurationMs::from_secs;
        let policy = RetryPolicy::new(3, s(10), s(60), 2.0, 0.0).expect("a policy");
        for (attempt, asked, waits, for_target) in [
            (1, None, Some(10), 0),
            (2, None, Some(20), 0),
            (3, None, None, 0),
            (1, Some(5), Some(10), 0),
            (1, Some(10), Some(10), 0),
            (1, Some(30), Some(30), 30),
            (1, Some(3_600), Some(60), 60),
        ] {
            let failure = Some((ErrorKind::Status, "503".to_owned()));
            let response = Response { status_code: 503, ..Response::default() };
            let retry_after = asked.map(Duration::from_secs);
            let phases = Phases::default();
            let outcome = Outcome { response, failure, retry_after, shortage: None, phases, token: None };
            let found = retry(&policy, attempt, &outcome, 1_000, 0.5);
            let wanted = waits.map(|s| Retry { at: 1_000 + s * 1_000, asked_ms: for_target * 1_000 });
            assert_eq!(found, wanted, "{attempt} {asked:?}");
        }
        let (response, phases) = (Response::default(), Phases::default());
        let outcome =
            Outcome { response, failure: None, retry_after: None, shortage: None, phases, token: None };
        assert_eq!(retry(&policy, 1, &outcome, 1_000, 0.5), None, "a success");
    }
}
