//! Every way not to succeed has two good sentences.

use chronos_types::{Attempt, ExecutionId, JobId, JobName, Trigger, Waited};

use super::*;

const AT: i64 = 1_700_000_000_000;

fn execution(status: Status, kind: Option<ErrorKind>, code: Option<u16>, why: &str) -> Execution {
    let job_id = JobId::new(AT, [1; 10]);
    let attempt = Attempt {
        number: 1,
        started_at: AT,
        duration_ms: 5,
        status_code: code,
        error: Some(why.into()),
        error_kind: kind,
        phases: None,
    };
    Execution {
        id: ExecutionId::scheduled(job_id, AT),
        job_id,
        job_name: JobName::unchecked("bill"),
        job_version: 1,
        trigger: Trigger::Schedule,
        scheduled_time: AT,
        started_at: Some(AT),
        completed_at: Some(AT + 5),
        status,
        attempts: 1,
        last_error: Some(why.into()),
        error_kind: kind,
        response: None,
        attempt_log: vec![attempt],
        node_id: NodeName::unchecked("n1"),
        replay_of: None,
        operation: None,
        by: None,
        cancelled_by: None,
        missed: None,
        lateness_ms: Some(0),
        next_attempt_at: None,
        waited: Waited::default(),
    }
}

/// The sentences, which are to be sentences.
fn told(execution: &Execution) -> (String, String) {
    let (what, next) = of(execution, None).unwrap_or_else(|| panic!("nothing of {execution:?}"));
    for text in [&what, &next] {
        let begins = text.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit());
        assert!(begins && text.ends_with('.') && !text.ends_with(".."), "{text:?}");
        assert!(!text.contains("  ") && text.len() < 400, "{text:?}");
    }
    (what, next)
}

#[test]
fn every_kind_of_error_and_every_status_is_explained() {
    let mut all = Vec::new();
    for kind in ErrorKind::ALL.iter().filter(|kind| **kind != ErrorKind::Status) {
        all.push(told(&execution(Status::Failed, Some(*kind), None, "why")).0);
    }
    all.sort_unstable();
    let count = all.len();
    all.dedup();
    // Those two do not happen to a run that failed.
    assert_eq!(all.len(), count - 1, "overlap and cancelled are told alike: {all:#?}");
    for code in 100..=599 {
        let (what, _) = told(&execution(Status::Failed, Some(ErrorKind::Status), Some(code), "why"));
        assert!(what.contains(&format!("answered {code}: ")), "{what}");
    }
    told(&execution(Status::Failed, None, None, "why"));
}

#[test]
fn what_did_not_run_says_why() {
    for (status, why, says) in [
        (
            Status::Skipped,
            "another execution of the job is unfinished",
            "another execution of the job is unfinished",
        ),
        (Status::Skipped, "version 3 of the job cannot be read: no JSON", "version 3 of the job"),
        (Status::Skipped, "skipped as asked", "skipped as asked"),
        (Status::Cancelled, "replaced by a newer run", "A newer run"),
        (Status::Cancelled, "cancelled by request", "It was cancelled"),
        (Status::Cancelled, "the job was deleted", "the job was deleted"),
    ] {
        let (what, _) = told(&execution(status, Some(ErrorKind::Overlap), None, why));
        assert!(what.contains(says), "{what}");
    }
    let by = By::anonymous("10.0.0.7".parse().ok(), None);
    let mut cancelled =
        execution(Status::Cancelled, Some(ErrorKind::Cancelled), None, "cancelled by request");
    cancelled.cancelled_by = Some(by);
    assert!(told(&cancelled).0.contains("by anonymous at 10.0.0.7"));
}

#[test]
fn missed_instants_are_counted() {
    let mut missed = execution(Status::Skipped, None, None, "`missed_runs` is `ignore`");
    for (count, says) in
        [(1, "The run of 2023-11-14T22:13:21.000Z"), (60, "60 runs from 2023-11-14T22:13:20.000Z to")]
    {
        let reason = "`missed_runs` is `ignore`".to_owned();
        missed.missed = Some(Missed { from: AT, to: AT + 1_000, count, reason });
        assert!(told(&missed).0.starts_with(says), "{count}");
    }
}

#[test]
fn a_timeout_says_what_it_was_at() {
    let mut execution = execution(Status::Failed, Some(ErrorKind::Timeout), None, "why");
    let none = Phases::default();
    let some = Some(1);
    for (phases, says) in [
        (Phases { dns_ms: some, ..none }, "looked up"),
        (Phases { connect_ms: some, ..none }, "did not take the connection"),
        (Phases { connect_ms: some, tls_ms: some, ..none }, "handshake"),
        (Phases { connect_ms: some, first_byte_ms: some, ..none }, "no byte of an answer"),
        (Phases { first_byte_ms: some, body_ms: some, ..none }, "had begun"),
    ] {
        execution.attempt_log[0].phases = Some(phases);
        let (what, _) = told(&execution);
        assert!(what.contains(says), "{what}");
    }
}

#[test]
fn a_run_that_waits_for_a_retry_says_when_that_is() {
    let mut retrying = execution(Status::Retrying, Some(ErrorKind::Status), Some(503), "503");
    retrying.next_attempt_at = Some(AT);
    let (what, next) = told(&retrying);
    assert!(
        what.starts_with("On attempt 1, the target") && next.contains("2023-11-14T22:13:20.000Z"),
        "{what} {next}"
    );
    for status in [Status::Pending, Status::Running, Status::Success] {
        assert_eq!(of(&execution(status, None, None, ""), None), None);
    }
}
