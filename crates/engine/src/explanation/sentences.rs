//! The sentences: a table of what can happen, with what to do about it.

use chronos_types::{
    By, ErrorKind, Execution, JobSpec, Missed, NodeName, Phases, Status, clip, format_rfc3339,
};

/// What happened to an execution that did not succeed, and what to do next.
pub(super) fn of(execution: &Execution, spec: Option<&JobSpec>) -> Option<(String, String)> {
    let reason = execution.last_error.as_deref().map_or("no reason is on record".into(), clip);
    match execution.status {
        Status::Pending | Status::Running | Status::Success => None,
        Status::Skipped => Some(skipped(execution, &reason)),
        Status::Cancelled => Some(cancelled(execution, &reason)),
        Status::Failed => Some(failed(execution, spec, &reason)),
        Status::Retrying => Some(retrying(execution, spec, &reason)),
    }
}

fn skipped(execution: &Execution, reason: &str) -> (String, String) {
    if let Some(Missed { from, to, count, reason }) = &execution.missed {
        let (from, to) = (format_rfc3339(*from), format_rfc3339(*to));
        let instants = match count {
            1 => format!("The run of {to} was missed"),
            count => format!("{count} runs from {from} to {to} were missed"),
        };
        return (
            format!("{instants} and passed over: {}.", clip(reason)),
            "If their work is still to be done, trigger the job by hand; `missed_runs` says what becomes of runs that are \
             missed."
                .into(),
        );
    }
    let (what, next) = if reason.starts_with("another execution of the job") {
        (
            format!("This run was not made: {reason}."),
            "See why that one takes so long; or set `concurrency` to `allow`, `queue` or `replace`, or let the job run \
             less often.",
        )
    } else if reason.starts_with("version ") || reason.starts_with("the version of the job") {
        (
            format!("This run was not made: {reason}."),
            "Write the job anew (PUT), so that this release can read it; then trigger it.",
        )
    } else {
        (
            format!("This run was not made: {reason}."),
            "If its work is still to be done, trigger the job by hand.",
        )
    };
    (what, next.into())
}

fn cancelled(execution: &Execution, reason: &str) -> (String, String) {
    let by = execution.cancelled_by.as_ref().map(|by| format!(" by {}", named(by))).unwrap_or_default();
    let cut = if execution.attempts > 0 {
        "; its attempt was cut off, and its target may have done the work"
    } else {
        ""
    };
    let (what, next) = if reason.starts_with("replaced") {
        (
            format!("A newer run of the job took its place{cut}."),
            "Nothing, if that is what `concurrency: replace` is for; else give the job more time between its runs, or \
             set `concurrency` to `queue`.",
        )
    } else if reason.starts_with("cancelled") {
        (format!("It was cancelled{by}{cut}."), "If it is wanted after all, replay it.")
    } else {
        (format!("It was cancelled{by}, for {reason}{cut}."), "Nothing, if the change of the job was meant.")
    };
    (what, next.into())
}

fn failed(execution: &Execution, spec: Option<&JobSpec>, reason: &str) -> (String, String) {
    let (what, next) = attempt(execution, spec, reason);
    let what = match execution.attempts {
        0 | 1 => capital(&what),
        attempts => format!("On the last of {attempts} attempts, {what}"),
    };
    (format!("{what}."), next)
}

fn retrying(execution: &Execution, spec: Option<&JobSpec>, reason: &str) -> (String, String) {
    let (what, _) = attempt(execution, spec, reason);
    let of = spec.map(|spec| format!(" of {}", spec.retry_policy.max_attempts())).unwrap_or_default();
    let next = execution.next_attempt_at.map(format_rfc3339);
    let next = next.map_or("soon".to_owned(), |at| format!("at {at}"));
    let number = execution.attempts;
    (
        format!("On attempt {number}{of}, {what}."),
        format!("Nothing for now: the next attempt is made {next}."),
    )
}

/// What the last attempt came to, and what to do about it.
fn attempt(execution: &Execution, spec: Option<&JobSpec>, reason: &str) -> (String, String) {
    let target =
        spec.map_or("the target".to_owned(), |spec| format!("the target {}", clip(spec.webhook.url.host())));
    let last = execution.attempt_log.last();
    let status = last.and_then(|attempt| attempt.status_code);
    let Some(kind) = execution.error_kind else {
        return (format!("the call of {target} failed: {reason}"), REPLAY.into());
    };
    match kind {
        ErrorKind::Status => {
            let (what, next) = of_status(status.unwrap_or_default());
            let code = status.map_or("no status".to_owned(), |status| status.to_string());
            (format!("{target} answered {code}: {what}"), next.into())
        }
        kind => of_kind(kind, &target, &execution.node_id, last.and_then(|attempt| attempt.phases), reason),
    }
}

const REPLAY: &str = "Once the cause is gone, replay this execution.";

/// What it means that an attempt ended in this way, where no status decided.
fn of_kind(
    kind: ErrorKind,
    target: &str,
    node: &NodeName,
    phases: Option<Phases>,
    reason: &str,
) -> (String, String) {
    // A token is fetched before the target is called.
    let called = if reason.starts_with("the token endpoint ") { "its token endpoint" } else { target };
    let (what, next) = match kind {
        ErrorKind::Timeout => (
            format!("{target} gave no complete answer in time ({})", at(phases)),
            "See why it is slow, or give it more time (`webhook.timeout`); it may have done the work all the same. Then \
             replay this execution."
                .to_owned(),
        ),
        ErrorKind::Dns => (
            format!("the name of {target} could not be resolved"),
            format!("Check the host in `webhook.url`, and the name servers of the node {node}; then replay this execution."),
        ),
        ErrorKind::Connect => (
            format!("no connection to {target} could be made"),
            format!(
                "See whether the target is up, and whether the node {node} can reach its address and port; then replay \
                 this execution."
            ),
        ),
        ErrorKind::Tls => (
            format!("{target} could be reached, and TLS with it failed"),
            "Check its certificate: the names in it, its dates, and who signed it (an authority of your own belongs in \
             `dispatcher.http.tls.ca_file`). Then replay this execution."
                .to_owned(),
        ),
        ErrorKind::Reset => (
            format!("the connection to {target} broke before an answer was read"),
            "See in the target's log whether it took the request: it may have done the work. Otherwise replay this \
             execution."
                .to_owned(),
        ),
        ErrorKind::Body => (
            format!("{target} answered, and the body of its answer could not be read to its end"),
            "See in the target's log why its answer broke off: it may have done the work. Otherwise replay this \
             execution."
                .to_owned(),
        ),
        ErrorKind::EgressDenied => (
            format!("the address of {called} may not be called from here (`dispatcher.http.egress`)"),
            "The error names the rule. Have the operator allow that address, or call another one.".to_owned(),
        ),
        ErrorKind::Secret => (
            format!("a secret stopped the call of {target}: {reason}"),
            format!(
                "See whether the secret is there and which hosts it may go to (`GET /api/v1/secrets/{{name}}`), and whether \
                 the node {node} has the key that opens it. What `webhook.signing` and `webhook.client_certificate` name \
                 must hold a key for signatures and PEM. Then replay this execution."
            ),
        ),
        ErrorKind::Auth => (
            format!("the call of {target} failed for the sake of its token: {reason}"),
            "See whether the token endpoint (`webhook.auth.token_url`) is up, and whether it takes this client: its \
             `client_id`, `client_secret`, `scope` and `parameters`. Then replay this execution."
                .to_owned(),
        ),
        ErrorKind::Status | ErrorKind::Overlap | ErrorKind::Cancelled => {
            (format!("the call of {target} failed: {reason}"), REPLAY.to_owned())
        }
    };
    (what, next)
}

/// What an attempt was at when its time was over.
fn at(phases: Option<Phases>) -> &'static str {
    match phases {
        Some(Phases { body_ms: Some(_), .. }) => "its answer had begun, and did not end",
        Some(Phases { first_byte_ms: Some(_), .. }) => {
            "it took the connection, and no byte of an answer came"
        }
        Some(Phases { tls_ms: Some(_), .. }) => "the TLS handshake did not end",
        Some(Phases { connect_ms: Some(_), .. }) => "it did not take the connection",
        Some(Phases { dns_ms: Some(_), .. }) => "its name was still being looked up",
        _ => "it is not known what it was at",
    }
}

/// What a status means that is no success, and what to do.
fn of_status(status: u16) -> (&'static str, &'static str) {
    match status {
        200..=299 => (
            "the job does not list that among `success_codes`",
            "If it means success, list it in `webhook.success_codes`, or leave them out to take any 2xx.",
        ),
        300..=399 => (
            "that is a redirect, and it was not followed",
            "Set `webhook.url` to where it leads, or `webhook.max_redirects` to follow it; then trigger the job.",
        ),
        401 | 403 | 407 => (
            "it does not accept the credentials, or they may not do this",
            "Give the job credentials that the target accepts (`webhook.auth` or a header); then trigger the job.",
        ),
        404 | 410 => (
            "it has nothing at this URL",
            "Check the path in `webhook.url`, and whether the target has moved; then trigger the job.",
        ),
        405 | 501 => (
            "it does not take this method here",
            "Set `webhook.method` to one that the target takes; then trigger the job.",
        ),
        408 | 425 => (
            "it asks for the request to be made again later",
            "Replay this execution; where this happens often, raise `retry_policy.max_attempts`.",
        ),
        413 => ("the request is too large for it", "Make the body smaller, or have the target take more."),
        400 | 406 | 411 | 414 | 415 | 422 | 431 => (
            "it does not take the request as it is",
            "Compare `request` with what the target expects (its body, its `Content-Type`, its headers), and read \
             `response.body`. Then change the job, or replay with another `body`.",
        ),
        409 | 412 | 423 | 428 => (
            "the request does not fit how things stand there",
            "Read `response.body`: the work may be done already. Otherwise replay this execution later.",
        ),
        429 => (
            "it gets more requests than it takes",
            "Call it less often or spread the runs (`jitter`), or raise `retry_policy.max_interval`, so that its \
             `Retry-After` can be kept; then replay this execution.",
        ),
        400..=499 => (
            "it refuses the request",
            "Read `response.body` for the reason; then change the job, or replay with another `body` or other `headers`.",
        ),
        502 | 504 => (
            "a gateway in front of it got no good answer from it",
            "See whether the service behind the gateway is up, and whether it is quick enough for the gateway; then \
             replay this execution.",
        ),
        503 => (
            "it is overloaded, or being restarted",
            "See whether it is up again; then replay this execution.",
        ),
        500..=599 => (
            "it met a fault of its own",
            "Look for this execution's id in the target's log (`X-Chronos-Execution-ID`); once that is mended, replay \
             this execution.",
        ),
        _ => ("that is no answer to a request", REPLAY),
    }
}

/// Who, for people.
fn named(by: &By) -> String {
    let actor = &by.actor;
    let name = actor.name.as_deref().or(actor.id.as_deref()).unwrap_or(actor.kind.as_str());
    let at = actor.address.map(|address| format!(" at {address}")).unwrap_or_default();
    format!("{}{at}", clip(name))
}

/// The text with a capital letter at its begin.
fn capital(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or(String::new(), |first| first.to_uppercase().chain(rest).collect())
}

#[cfg(test)]
mod tests;
