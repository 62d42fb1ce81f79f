//! The same of the checks that look at what is on record: a job that runs each second, with everything on record as it was
//! asked for and received, and one thing that is not.

use std::collections::HashMap;

use chronos_state::{JobRow, JobSeq, OperationRow, VersionRow};
use chronos_types::{
    Attempt, Concurrency, DurationMs, Execution, ExecutionId, Headers, Job, JobId, JobName, JobSpec, Millis,
    MissedRuns, NodeName, OperationId, RetryPolicy, Status, Tags, TargetUrl, Trigger, Waited, Webhook,
};

use super::*;
use crate::ledger::{Answered, Bulk, Change, Keyed, Operation, What};

/// The instants of the job that are on record, in seconds.
const INSTANTS: [u8; 3] = [1, 2, 3];

fn id() -> JobId {
    JobId::parse(JOB).expect("an id")
}

fn spec() -> JobSpec {
    JobSpec {
        name: JobName::parse("job").expect("a name"),
        description: String::new(),
        schedule: "@every 1s".to_owned(),
        timezone: "UTC".to_owned(),
        webhook: Webhook {
            url: TargetUrl::parse("http://receiver/hook").expect("a target"),
            method: None,
            headers: Headers::default(),
            body: None,
            auth: None,
            signing: None,
            client_certificate: None,
            success_codes: None,
            timeout: None,
            tls_skip_verify: false,
            max_redirects: 0,
            sealed: None,
        },
        retry_policy: RetryPolicy::default(),
        timeout: None,
        concurrency: Concurrency::Allow,
        missed_runs: MissedRuns::Ignore,
        jitter: DurationMs::default(),
        start_at: None,
        end_at: None,
        tags: Tags::default(),
        enabled: true,
    }
}

/// A run for this instant that was a success at the first attempt.
fn run(second: u8) -> Execution {
    let at = at_ms(s(second.into()));
    let attempt = Attempt {
        number: 1,
        started_at: at,
        duration_ms: 1_000,
        status_code: Some(200),
        error: None,
        error_kind: None,
        phases: None,
    };
    Execution {
        id: ExecutionId::scheduled(id(), at),
        job_id: id(),
        job_name: spec().name,
        job_version: 1,
        trigger: Trigger::Schedule,
        scheduled_time: at,
        started_at: Some(at),
        completed_at: Some(at + 1_000),
        status: Status::Success,
        attempts: 1,
        last_error: None,
        error_kind: None,
        response: None,
        attempt_log: vec![attempt],
        node_id: NodeName::parse(&nodes().0).expect("a name"),
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

/// The same, asked for by hand.
fn run_by_hand(random: u8) -> Execution {
    let id = ExecutionId::manual(id(), at_ms(s(1.0)), [random; 10]);
    let (attempt_log, status) = (Vec::new(), Status::Cancelled);
    Execution { id, trigger: Trigger::Manual, attempts: 0, attempt_log, status, ..run(1) }
}

/// What each node has on record.
fn state(node: String) -> NodeState {
    let job = Job {
        id: id(),
        spec: Ok(spec()),
        version: 1,
        created_at: at_ms(s(0.0)),
        updated_at: at_ms(s(0.0)),
        next_due: Some(at_ms(s(4.0))),
    };
    let version = VersionRow { version: 1, updated_at: job.updated_at, by: None, spec: Ok(spec()) };
    let mut state = NodeState::of_nothing(node);
    let (seq, pending) = (JobSeq::new(1), Vec::new());
    let (by, set, last_run, paused, skips, stats) = (None, None, None, None, None, None);
    state.jobs = vec![JobRow { seq, job, by, set, last_run, pending, paused, skips, stats }];
    state.versions = HashMap::from([(id(), vec![version])]);
    state.executions = INSTANTS.into_iter().rev().map(run).collect();
    state
}

/// The names of all checks that find something wrong where this was seen, and this is on record of every node.
fn finds(
    see: impl FnOnce(&mut Seen),
    record: impl Fn(&mut NodeState),
    faults: &[(f64, Fault)],
) -> Vec<&'static str> {
    let made = |second: u8| {
        let made = delivery(second.into(), &nodes().0, second.into(), 1);
        Delivery { execution: run(second).id.to_string(), ..made }
    };
    let mut seen = Seen { drained: true, ..seen("allow") };
    seen.deliveries = INSTANTS.into_iter().map(made).collect();
    let job = seen.jobs.get_mut(JOB).expect("the job");
    job.first = Sets {
        enabled: Some(true),
        description: Some(String::new()),
        schedule: Some(("@every 1s".to_owned(), "UTC")),
    };
    see(&mut seen);
    let faults: Vec<_> = faults.iter().map(|(at, fault)| (s(*at), *fault)).collect();
    let troubles = Troubles::of(&faults, 3, s(30.0));
    let mut states: Vec<_> = (0..3).map(|number| state(name(number))).collect();
    states.iter_mut().for_each(record);
    let evidence = Evidence { seen: &seen, troubles, states };
    ALL.into_iter().filter(|(_, check)| !check(&evidence).is_empty()).map(|(name, _)| name).collect()
}

/// The same where nothing went wrong with any node.
fn with(see: impl FnOnce(&mut Seen), record: impl Fn(&mut NodeState)) -> Vec<&'static str> {
    finds(see, record, &[])
}

fn as_it_was(_: &mut Seen) {}

fn as_it_is(_: &mut NodeState) {}

fn job(seen: &mut Seen) -> &mut Created {
    seen.jobs.get_mut(JOB).expect("the job")
}

#[test]
fn nothing_is_wrong() {
    assert_eq!(with(as_it_was, as_it_is), [""; 0]);
}

#[test]
fn a_cluster_that_does_not_come_to_rest() {
    assert_eq!(with(|seen| seen.drained = false, as_it_is), ["backlog_drains"]);
    assert_eq!(with(as_it_was, |state| state.withdrawn = 1), ["backlog_drains"]);
}

#[test]
fn states_that_differ() {
    assert_eq!(with(as_it_was, |state| state.hash.clone_from(&state.node)), ["states_are_equal"]);
}

#[test]
fn states_that_a_node_found_to_differ() {
    let told = |seen: &mut Seen| seen.differences.push("the states of n1 and n2 differ".to_owned());
    assert_eq!(with(told, as_it_is), ["no_state_differs"]);
}

#[test]
fn a_job_that_is_not_as_it_was_acknowledged() {
    let is_lost = ["acknowledged_survives"];
    assert_eq!(with(as_it_was, |state| state.jobs.clear()), is_lost);
    assert_eq!(with(|seen| job(seen).deleting = true, |state| state.jobs.clear()), [""; 0]);
    assert_eq!(with(|seen| job(seen).deleted = true, as_it_is), is_lost);
    let change = |sets: Sets, version| {
        move |seen: &mut Seen| {
            let asked = Asked { asked: s(9.0), answered: Some(s(9.0)) };
            job(seen).changes.push(Change { sets, is_keyed: false, asked, version });
        }
    };
    let sets = [
        Sets { enabled: Some(false), ..Sets::default() },
        Sets { description: Some("other".to_owned()), ..Sets::default() },
        Sets { schedule: Some(("@every 2s".to_owned(), "UTC")), ..Sets::default() },
    ];
    for sets in sets {
        assert_eq!(with(change(sets.clone(), Some(1)), as_it_is), is_lost, "{sets:?}");
        // Nobody knows whether it was made.
        assert_eq!(with(change(sets, None), as_it_is), [""; 0]);
    }
    assert_eq!(with(change(Sets::default(), Some(2)), as_it_is), is_lost);
}

#[test]
fn an_acknowledged_run_that_is_lost_and_one_that_is_not_cancelled() {
    let asked_for = |seen: &mut Seen| {
        seen.triggered.insert(run_by_hand(1).id.to_string(), JOB.to_owned());
        let what = What::Run { job: JOB.to_owned() };
        seen.keyed.insert("key".to_owned(), Keyed { what, answers: vec![None] });
    };
    assert_eq!(with(asked_for, as_it_is), ["acknowledged_survives"]);
    assert_eq!(with(asked_for, |state| state.executions.push(run_by_hand(1))), [""; 0]);
    let cancelled = |seen: &mut Seen| {
        seen.cancelled.insert(run(3).id.to_string(), Some(s(3.5)));
    };
    assert_eq!(with(cancelled, as_it_is), ["acknowledged_survives"]);
    assert_eq!(with(cancelled, |state| state.executions[0].status = Status::Cancelled), [""; 0]);
}

#[test]
fn a_request_that_is_not_on_record() {
    let (own, _, number) = nodes();
    let again = |seen: &mut Seen| {
        let execution = run(3).id.to_string();
        seen.deliveries.push(Delivery { execution, ..delivery(5.0, &own, 3.0, 2) });
    };
    let succeeds_late = |state: &mut NodeState| {
        state.executions[0].attempts = 2;
        state.executions[0].attempt_log[0].number = 2;
    };
    assert_eq!(with(again, succeeds_late), [""; 0]);
    let fails = |state: &mut NodeState| {
        state.executions[0].status = Status::Failed;
        state.executions[0].node_id = NodeName::parse("n9").expect("a name");
    };
    assert_eq!(with(again, fails), ["received_is_recorded"]);
    let elsewhere = |state: &mut NodeState| state.executions[0].job_id = JobId::new(7, [7; 10]);
    assert_eq!(with(as_it_was, elsewhere), ["received_is_recorded", "no_instant_lost"]);
    let skipped = |state: &mut NodeState| {
        state.executions[0].status = Status::Skipped;
        state.executions[0].attempts = 0;
    };
    assert_eq!(with(as_it_was, skipped), ["received_is_recorded"]);
    let down = [(3.2, Fault::Crash { node: number, keeps: 100 }), (3.9, Fault::Restart { node: number })];
    assert_eq!(finds(as_it_was, skipped, &down), [""; 0]);
}

#[test]
fn a_success_that_nobody_received() {
    let unanswered = |seen: &mut Seen| seen.deliveries[0].reply.status = 0;
    assert_eq!(with(unanswered, as_it_is), ["success_was_delivered"]);
    let of_another_attempt = |state: &mut NodeState| state.executions[0].attempt_log[0].number = 2;
    assert_eq!(with(as_it_was, of_another_attempt), ["success_was_delivered"]);
}

#[test]
fn an_instant_that_is_lost() {
    let is_lost = ["no_instant_lost"];
    let unseen = |seen: &mut Seen| {
        seen.deliveries.remove(1);
    };
    let unrecorded = |state: &mut NodeState| {
        state.executions.remove(1);
    };
    assert_eq!(with(unseen, unrecorded), is_lost);
    let at = run(2).scheduled_time;
    let missed = move |state: &mut NodeState| {
        let missed = chronos_types::Missed { from: at, to: at, count: 1, reason: String::new() };
        let (id, attempt_log) = (ExecutionId::missed(id(), at), Vec::new());
        let (status, missed) = (Status::Skipped, Some(missed));
        state.executions.push(Execution { id, status, attempt_log, attempts: 0, missed, ..run(2) });
    };
    assert_eq!(with(unseen, |state| (unrecorded(state), missed(state)).1), [""; 0]);
    assert_eq!(with(as_it_was, missed), is_lost);
    let next_due = |state: &mut NodeState| state.jobs[0].job.next_due = Some(at_ms(s(6.0)));
    assert_eq!(with(as_it_was, next_due), is_lost);
    let between = |state: &mut NodeState| state.executions[1].scheduled_time += 1;
    assert_eq!(with(as_it_was, between), is_lost);
}

#[test]
fn the_instants_of_a_pause() {
    let asked = Asked { asked: s(1.2), answered: Some(s(1.2)) };
    let pause = |seen: &mut Seen| {
        job(seen).pauses.push(PauseRequest { begins: true, until: Some(s(2.5)), asked });
    };
    let unseen = |seen: &mut Seen| {
        seen.deliveries.remove(1);
        pause(seen);
    };
    let unrecorded = |state: &mut NodeState| {
        state.executions.remove(1);
    };
    assert_eq!(with(unseen, unrecorded), [""; 0]);
    assert_eq!(with(pause, as_it_is), ["paused_starts_nothing"]);
    let at = run(2).scheduled_time;
    let missed = |state: &mut NodeState| {
        let missed = chronos_types::Missed { from: at, to: at, count: 1, reason: String::new() };
        let (id, attempt_log) = (ExecutionId::missed(id(), at), Vec::new());
        let (status, missed) = (Status::Skipped, Some(missed));
        state.executions[1] = Execution { id, status, attempt_log, attempts: 0, missed, ..run(2) };
    };
    assert_eq!(with(unseen, missed), ["paused_starts_nothing"]);
}

#[test]
fn an_operation_that_is_lost_or_does_not_what_it_is_to() {
    let of = OperationId::new(at_ms(s(1.0)), [1; 10]);
    let asked = |seen: &mut Seen| {
        let what = Bulk::Trigger { jobs: vec![JOB.to_owned()] };
        seen.operations.push(Operation { id: of.to_string(), what });
    };
    let is_wrong = ["operation_has_one_effect"];
    assert_eq!(with(asked, as_it_is), is_wrong, "it is not on record");
    let made = |ended_at: Option<Millis>, done: u64, runs: u8| {
        move |state: &mut NodeState| {
            let row = OperationRow {
                id: of,
                spec: Err(String::new()),
                by: None,
                created_at: at_ms(s(1.0)),
                upto: 1,
                cursor: None,
                done,
                refused: 1 - done.min(1),
                ended_at,
                is_cancelled: false,
                cancelled_by: None,
            };
            state.operations.insert(of.to_string(), row);
            let run = |random| Execution { operation: Some(of), ..run_by_hand(random) };
            state.executions.extend((0..runs).map(run));
        }
    };
    let ended = Some(at_ms(s(2.0)));
    assert_eq!(with(asked, made(ended, 1, 1)), [""; 0]);
    assert_eq!(with(asked, made(None, 1, 1)), is_wrong, "it is not over");
    assert_eq!(with(asked, made(ended, 1, 0)), is_wrong, "it did nothing");
    assert_eq!(with(asked, made(ended, 1, 2)), is_wrong, "it did it twice");
    assert_eq!(with(asked, made(ended, 0, 0)), [""; 0], "it was refused");
}

#[test]
fn a_failure_that_is_not_its_nodes_word() {
    let failed = |state: &mut NodeState| state.executions[0].status = Status::Failed;
    assert_eq!(with(as_it_was, failed), ["failure_is_its_nodes_word"]);
    let silent = |seen: &mut Seen| seen.deliveries[2].reply.status = 0;
    assert_eq!(with(silent, failed), [""; 0]);
    // It was so when somebody looked.
    let seen_failed = |seen: &mut Seen| {
        let run = run(3);
        let of = (run.id.to_string(), run.node_id.as_str().to_owned());
        seen.failed.insert(of, run.completed_at.expect("it is over"));
    };
    assert_eq!(with(seen_failed, as_it_is), ["failure_is_its_nodes_word"]);
    // Its node ended before it could say so.
    let number = nodes().2;
    let down = [(3.5, Fault::Crash { node: number, keeps: 100 }), (3.9, Fault::Restart { node: number })];
    assert_eq!(finds(as_it_was, failed, &down), [""; 0]);
}

#[test]
fn a_request_that_has_two_effects() {
    let asked_for = |status| {
        move |seen: &mut Seen| {
            let answered = Answered { status, id: run_by_hand(1).id.to_string(), version: None };
            let what = What::Run { job: JOB.to_owned() };
            seen.keyed.insert("key".to_owned(), Keyed { what, answers: vec![None, Some(answered)] });
        }
    };
    let made = |count: u8| move |state: &mut NodeState| state.executions.extend((0..count).map(run_by_hand));
    assert_eq!(with(asked_for(202), made(1)), [""; 0]);
    assert_eq!(with(asked_for(202), made(2)), ["repeat_has_one_effect"]);
    let changed = |state: &mut NodeState| state.jobs[0].job.version = 2;
    assert_eq!(with(as_it_was, changed), ["repeat_has_one_effect"]);
}
