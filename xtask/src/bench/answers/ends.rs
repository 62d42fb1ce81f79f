//! How a run ends: most are successes at once, some after a retry; some hosts fail for days, and some jobs by a fault
//! of their own.

use chronos_state::Reported;
use chronos_types::{ErrorKind, Millis, Phases, Response, Waited};

use super::draw::Draw;
use super::mix;

/// How long hosts that are broken have been.
const BROKEN_MS: Millis = 3 * 24 * 3_600_000;
/// Attempts of a run that fails.
const ATTEMPTS: u32 = 3;
/// Of a thousand runs.
const RETRIED: usize = 30;
const FAILED: usize = 25;
const SKIPPED: usize = 8;
const REPLACED: usize = 6;
const LATE: usize = 10;

/// A run that is to end.
pub struct Run {
    /// Its instant.
    pub at: Millis,
    /// The number of its host.
    pub host: usize,
    /// Whether its job is broken.
    pub is_broken: bool,
}

/// What its node reports of it, one after the other.
pub fn ends(draw: Draw, run: &Run, now: Millis) -> Vec<Reported> {
    let mut reports = attempts(draw, run, now);
    if let Some(Reported::Ended { failure: Some(_), host, .. }) = reports.last_mut() {
        *host = Some(mix::host(run.host));
    }
    reports
}

/// The same, without the host that failed.
fn attempts(mut draw: Draw, run: &Run, now: Millis) -> Vec<Reported> {
    let late = if draw.permille(LATE) { 1_000 + draw.below(4_000) } else { draw.below(4) };
    let at = run.at + i64::try_from(late).unwrap_or_default();
    // A host answers in about the same time each time, and now and then in far longer.
    let usual = 5 + Draw::of(7, run.host).skewed(400);
    let took = usual + draw.below(usual) + if draw.permille(10) { draw.below(5_000) } else { 0 };
    let took = took as u64;
    if mix::is_broken(run.host) && run.at > now - BROKEN_MS {
        return failed(at, took, run.host);
    }
    if run.is_broken {
        return failed(at, took, 3 + run.host % 2);
    }
    let mut kind = draw.below(1_000);
    let mut is = |of: usize| {
        let hit = kind < of;
        kind = kind.saturating_sub(of);
        hit
    };
    if is(RETRIED) {
        let (first, ended) = attempt(at, took, 1, Some(Failure::of(run.host)), true);
        return vec![first, attempt(ended + 1_000, took, 2, None, false).0];
    }
    if is(FAILED) {
        return failed(at, took, draw.below(6));
    }
    if is(SKIPPED) {
        let reason = "another run of this job was unfinished".to_owned();
        return vec![Reported::Skipped { reason }];
    }
    if is(REPLACED) {
        return vec![Reported::Replaced { attempt: Some((1, at)) }];
    }
    vec![attempt(at, took, 1, None, false).0]
}

/// All attempts of a run that fails in one way.
fn failed(at: Millis, took: u64, how: usize) -> Vec<Reported> {
    let failure = Failure::of(how);
    let attempts = if failure.is_final { 1 } else { ATTEMPTS };
    let (mut reports, mut at) = (Vec::new(), at);
    for number in 1..=attempts {
        let (report, ended) = attempt(at, took, number, Some(Failure::of(how)), number < attempts);
        reports.push(report);
        at = ended + 1_000 * i64::from(number);
    }
    reports
}

/// An attempt, and when it ended.
fn attempt(
    started_at: Millis,
    duration_ms: u64,
    number: u32,
    failure: Option<Failure>,
    is_retried: bool,
) -> (Reported, Millis) {
    let ended = started_at + duration_ms.cast_signed();
    let (response, failure) = match failure {
        None => {
            let body = Some(r#"{"accepted": true, "queued": 17}"#.to_owned());
            (Response { status_code: 200, body, ..Response::default() }, None)
        }
        Some(Failure { kind, status_code, message, .. }) => {
            let is_answer = status_code != 0;
            let body = is_answer.then(|| format!(r#"{{"error": "{message}", "trace": "4bf92f3577b34da6"}}"#));
            let error = (!is_answer).then(|| message.to_owned());
            let response = Response { status_code, body, truncated: false, error };
            (response, Some((kind, message.to_owned())))
        }
    };
    let retry_at = is_retried.then_some(ended + 1_000);
    // Most connections are kept, so all that there is to measure is the answer.
    let took = u32::try_from(duration_ms).unwrap_or(u32::MAX);
    let answered = Phases { first_byte_ms: Some(took), body_ms: Some(0), ..Phases::default() };
    let phases = Some(answered).filter(|_| response.status_code != 0);
    let waited = Waited::default();
    let what = Reported::Ended {
        attempt: number,
        started_at,
        duration_ms,
        response,
        failure,
        retry_at,
        phases,
        waited,
        host: None,
    };
    (what, ended)
}

/// A way to fail.
struct Failure {
    kind: ErrorKind,
    status_code: u16,
    message: &'static str,
    is_final: bool,
}

impl Failure {
    fn of(how: usize) -> Self {
        let (kind, status_code, message, is_final) = match how % 6 {
            0 => (ErrorKind::Timeout, 0, "no whole response within 10s", false),
            1 => (ErrorKind::Connect, 0, "connection refused", false),
            2 => (ErrorKind::Status, 503, "the target answered 503 Service Unavailable", false),
            3 => (ErrorKind::Status, 500, "the target answered 500 Internal Server Error", false),
            4 => (ErrorKind::Status, 422, "the target answered 422 Unprocessable Content", true),
            _ => (ErrorKind::Dns, 0, "the name could not be resolved", false),
        };
        Self { kind, status_code, message, is_final }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 1_800_000_000_000;

    fn of(n: usize, run: &Run) -> Vec<Reported> {
        ends(Draw::of(1, n), run, NOW)
    }

    fn is_success(reports: &[Reported]) -> bool {
        matches!(reports.last(), Some(Reported::Ended { failure: None, .. }))
    }

    #[test]
    fn most_runs_succeed_and_those_of_a_broken_host_or_job_do_not() {
        let run = |host, is_broken, at| Run { at, host, is_broken };
        let all = (0..2_000).map(|n| of(n, &run(1, false, NOW - 1_000)));
        let good = all.filter(|reports| is_success(reports)).count();
        assert!((1_800..1_980).contains(&good), "{good}");
        for n in 0..50 {
            assert!(!is_success(&of(n, &run(7, false, NOW - 1_000))), "its host is broken");
            assert!(!is_success(&of(n, &run(1, true, NOW - 1_000))), "it is broken itself");
        }
        assert!((0..50).any(|n| is_success(&of(n, &run(7, false, NOW - BROKEN_MS)))));
    }

    #[test]
    fn attempts_come_one_after_the_other() {
        for n in 0..2_000 {
            let mut end = 0;
            for (number, report) in (1..).zip(of(n, &Run { at: NOW, host: n % 100, is_broken: false })) {
                let Reported::Ended { attempt, started_at, duration_ms, .. } = report else { continue };
                assert_eq!(attempt, number);
                assert!(started_at > end);
                end = started_at + duration_ms.cast_signed();
            }
        }
    }
}
