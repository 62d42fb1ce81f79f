//! Reports on runs, true ones and others.

use super::*;

#[derive(Clone, Copy, Debug)]
pub enum What {
    Begun,
    Delivered,
    Retry,
    GivenUp,
    Skipped,
    Replaced(bool),
    NotBegun,
    Unknown,
}

/// The node that holds a run, or the one that does not.
pub(super) fn holder(fire: &Fire, other: bool, model: &Model) -> NodeName {
    let holder = model.runs.get(&fire.run.execution).map_or(&fire.node, |run| &run.execution.node_id);
    let place = usize::from((*holder == NODES[1]) != other);
    support::node(NODES[place])
}

pub(super) fn report(
    fire: &Fire,
    other: bool,
    attempt: i64,
    what: What,
    timed: bool,
    model: &Model,
    at: Millis,
) -> Command {
    let natural = match model.runs.get(&fire.run.execution).map(|run| &run.execution) {
        Some(run) if run.status == Status::Running => run.attempts,
        Some(run) => run.attempts + 1,
        None => 1,
    };
    let attempt = u32::try_from((i64::from(natural) + attempt).max(1)).unwrap();
    let started_at = at - 20;
    let response = Response { status_code: 200, body: Some(at.to_string()), truncated: true, error: None };
    let wrong = Response { error: Some("no route".into()), ..Response::default() };
    let failure = Some((ErrorKind::Connect, "no route".to_owned()));
    let ended = |response, failure, retry_at| Reported::Ended {
        attempt,
        started_at,
        duration_ms: 15,
        response,
        failure,
        retry_at,
        phases: timed.then(|| Phases {
            connect_ms: Some(attempt),
            first_byte_ms: Some(7),
            body_ms: (at % 2 == 0).then_some(0),
            ..Phases::default()
        }),
        waited: if timed { Waited { target_ms: 3, ..Waited::default() } } else { Waited::default() },
        host: None,
    };
    let what = match what {
        What::Begun => Reported::Begun { attempt, started_at },
        What::Delivered => ended(response, None, None),
        What::Retry => ended(wrong, failure, Some(at + 800)),
        What::GivenUp if model.raised => {
            let host = if at % 2 == 0 { "h" } else { "xn--bcher-kva.example" };
            support::calling(ended(wrong, failure, None), host)
        }
        What::GivenUp => ended(wrong, failure, None),
        What::Skipped => Reported::Skipped { reason: "another is running".into() },
        What::Replaced(begun) => Reported::Replaced { attempt: begun.then_some((attempt, started_at)) },
        What::NotBegun => Reported::NotBegun,
        What::Unknown => Reported::Unknown,
    };
    let node = holder(fire, other, model);
    support::report(&Fire { node, ..fire.clone() }, what)
}
