//! Executions as clients read them.

use chronos_types::request::{self, Occasion};
use chronos_types::{self as domain, format_rfc3339, redacted_url};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::actor::{self, Actor};
use crate::{Explanation, Phases, RunInput, TextMap, Waited};

/// One run of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Execution {
    /// Identifier, the same on every attempt: the receiver's idempotency key.
    pub id: String,
    /// The job.
    pub job_id: String,
    /// The job's name in the version that ran.
    pub job_name: String,
    /// The version that ran.
    pub job_version: u64,
    /// `schedule`, `manual`, `catch_up`, `replay` or `backfill`.
    #[schema(example = "schedule")]
    pub trigger: String,
    /// The instant it was scheduled for (RFC 3339).
    #[schema(format = DateTime)]
    pub scheduled_time: String,
    /// When its first attempt began.
    #[schema(format = DateTime)]
    pub started_at: Option<String>,
    /// When it was over.
    #[schema(format = DateTime)]
    pub completed_at: Option<String>,
    /// How long it took from the begin of the first attempt to the end, waits included.
    pub duration_ms: Option<u64>,
    /// `pending`, `running`, `retrying`, `success`, `failed`, `cancelled` or `skipped`.
    #[schema(example = "success")]
    pub status: String,
    /// Attempts begun.
    pub attempts: u32,
    /// The last thing that went wrong.
    pub last_error: Option<String>,
    /// Its kind: `timeout`, `dns`, `connect`, `tls`, `reset`, `body`, `status`, `egress_denied`, `auth`,
    /// `secret`, `overlap` or `cancelled`.
    pub error_kind: Option<String>,
    /// What the last attempt sent; absent before the first, and in a summary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<WebhookRequest>,
    /// What came back on the last attempt that ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<WebhookResponse>,
    /// Every attempt that ended; absent in a summary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt_log: Option<Vec<Attempt>>,
    /// How long after the instant at which it was to fire its first attempt began, in milliseconds: that instant is the
    /// scheduled time with its jitter, or when it was asked for. Null before the first attempt, and where it is not
    /// known: it began before cluster version 2.
    #[schema(example = 3)]
    #[serde(default)]
    pub lateness_ms: Option<u64>,
    /// When its next attempt is due (RFC 3339). Present while it is `retrying`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub next_attempt_at: Option<String>,
    /// Present where it waited for something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited: Option<Waited>,
    /// What was given for this run alone, credentials redacted. Present where anything was, but not in a summary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overrides: Option<RunInput>,
    /// Why it did not succeed, and what to do. Present where one execution is asked for that failed, was cancelled or
    /// skipped, or waits for a retry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
    /// The node that fires it.
    pub node_id: String,
    /// The execution that this one repeats.
    pub replay_of: Option<String>,
    /// The operation that asked for it; absent where none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Who asked for it; `system` where its schedule did, and null where that is not known: it was asked for before
    /// cluster version 2.
    pub by: Option<Actor>,
    /// What they said of it (`Chronos-Note`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Present where it was cancelled by a request, or for the deletion of its job, and it is known by whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled: Option<Cancellation>,
    /// Present where it is no run, but stands for all instants of a stretch that the job's missed-runs policy passed
    /// over. It is `skipped` then, and its scheduled time is the last of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed: Option<Missed>,
    /// Present where this release refuses a part of what is on record: why. The other fields show what can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invalid: Option<String>,
}

/// Who cancelled an execution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cancellation {
    /// Who.
    pub by: Actor,
    /// What they said of it (`Chronos-Note`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A stretch of instants that were missed and passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Missed {
    /// The first of them (RFC 3339).
    #[schema(format = DateTime)]
    pub from: String,
    /// The last of them (RFC 3339).
    #[schema(format = DateTime)]
    pub to: String,
    /// How many there were.
    pub count: u64,
    /// Why none of them runs.
    pub reason: String,
}

/// A request as it was sent, credentials redacted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookRequest {
    /// The URL.
    pub url: String,
    /// The method.
    pub method: String,
    /// Every header that Chronos set.
    #[schema(value_type = HashMap<String, String>)]
    pub headers: TextMap,
    /// The body, its template variables filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookResponse {
    /// 0 where there was no response.
    pub status_code: u16,
    /// The start of the body; what is not UTF-8 is replaced. Absent in a summary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Whether the body was longer than what is kept.
    #[serde(default)]
    pub truncated: bool,
    /// Why there was no response, or no whole one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// One attempt that ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    /// When it began (RFC 3339).
    #[schema(format = DateTime)]
    pub started_at: String,
    /// How long it took.
    pub duration_ms: u64,
    /// The response's status; null where there was none.
    pub status_code: Option<u16>,
    /// What went wrong; null on success.
    pub error: Option<String>,
    /// Its kind.
    pub error_kind: Option<String>,
    /// How its time was spent. Absent where it was cut off from outside, and before cluster version 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phases: Option<Phases>,
}

impl Execution {
    /// The execution as clients see it. `spec` is the version of the job that ran.
    #[must_use]
    pub fn new(execution: &domain::Execution, spec: &domain::JobSpec) -> Self {
        Self::shown(execution, Some(spec), None, None)
    }

    /// An execution that sends `overrides` in place of what its job says, and of which a part is `invalid` for the reason
    /// given. Where that is the version of the job, there is no `spec`, and the request cannot be shown.
    #[must_use]
    pub fn shown(
        execution: &domain::Execution,
        spec: Option<&domain::JobSpec>,
        overrides: Option<&domain::Overrides>,
        invalid: Option<String>,
    ) -> Self {
        let domain::Execution {
            id,
            job_id,
            job_name,
            job_version,
            trigger,
            scheduled_time,
            started_at,
            completed_at,
            status,
            attempts,
            last_error,
            error_kind,
            response,
            attempt_log,
            node_id,
            replay_of,
            operation,
            by,
            cancelled_by,
            missed,
            lateness_ms,
            next_attempt_at,
            waited,
        } = execution;
        let webhook = spec.map(|spec| &spec.webhook);
        let sent = webhook.filter(|_| *attempts >= 1).map(|webhook| match overrides {
            None => WebhookRequest::of(execution, webhook),
            Some(overrides) => WebhookRequest::of(execution, &webhook.clone().overridden(overrides.clone())),
        });
        let (by, note) = actor::shown(by.as_ref());
        let (cancelled_by, cancel_note) = actor::shown(cancelled_by.as_ref());
        let took = |(from, to): (&i64, &i64)| (to - from).max(0).cast_unsigned();
        Self {
            id: id.to_string(),
            job_id: job_id.to_string(),
            job_name: job_name.to_string(),
            job_version: *job_version,
            trigger: trigger.as_str().to_owned(),
            scheduled_time: format_rfc3339(*scheduled_time),
            started_at: started_at.map(format_rfc3339),
            completed_at: completed_at.map(format_rfc3339),
            duration_ms: started_at.as_ref().zip(completed_at.as_ref()).map(took),
            status: status.as_str().to_owned(),
            attempts: *attempts,
            last_error: last_error.clone(),
            error_kind: error_kind.map(|kind| kind.as_str().to_owned()),
            request: sent,
            response: response.as_ref().map(WebhookResponse::from),
            attempt_log: Some(attempt_log.iter().map(Attempt::from).collect()),
            lateness_ms: *lateness_ms,
            next_attempt_at: next_attempt_at.map(format_rfc3339),
            waited: (!waited.is_nothing()).then(|| Waited::from(*waited)),
            overrides: overrides.map(|overrides| RunInput::shown(overrides, webhook)),
            explanation: None,
            node_id: node_id.to_string(),
            replay_of: replay_of.map(|id| id.to_string()),
            operation: operation.map(|id| id.to_string()),
            by,
            note,
            cancelled: cancelled_by.map(|by| Cancellation { by, note: cancel_note }),
            missed: missed.as_ref().map(Missed::from),
            invalid,
        }
    }
}

impl Execution {
    /// The execution as lists show it: without what was sent, what came back, and its attempts.
    #[must_use]
    pub fn summary(self) -> Self {
        let response = self.response.map(|response| WebhookResponse { body: None, ..response });
        Self { request: None, response, attempt_log: None, overrides: None, ..self }
    }
}

impl WebhookRequest {
    fn of(execution: &domain::Execution, webhook: &domain::Webhook) -> Self {
        let occasion = Occasion {
            job_id: execution.job_id,
            job_name: &execution.job_name,
            execution_id: execution.id,
            scheduled_time: execution.scheduled_time,
            trigger: execution.trigger,
            attempt: execution.attempts.max(1),
        };
        let request = request::build(webhook, &occasion);
        let headers = request::shown_headers(webhook, &request);
        Self::from(request::Request { headers, ..request })
    }
}

impl From<request::Request> for WebhookRequest {
    /// A request whose credentials are redacted already.
    fn from(shown: request::Request) -> Self {
        let request::Request { method, url, headers, body } = shown;
        let url = redacted_url(&url).into_owned();
        Self { url, method: method.as_str().to_owned(), headers: TextMap(headers), body }
    }
}

impl From<&domain::Missed> for Missed {
    fn from(missed: &domain::Missed) -> Self {
        let domain::Missed { from, to, count, reason } = missed;
        Self { from: format_rfc3339(*from), to: format_rfc3339(*to), count: *count, reason: reason.clone() }
    }
}

impl From<&domain::Response> for WebhookResponse {
    fn from(response: &domain::Response) -> Self {
        let domain::Response { status_code, body, truncated, error } = response;
        Self { status_code: *status_code, body: body.clone(), truncated: *truncated, error: error.clone() }
    }
}

impl From<&domain::Attempt> for Attempt {
    fn from(attempt: &domain::Attempt) -> Self {
        let domain::Attempt { number, started_at, duration_ms, status_code, error, error_kind, phases } =
            attempt;
        Self {
            number: *number,
            started_at: format_rfc3339(*started_at),
            duration_ms: *duration_ms,
            status_code: *status_code,
            error: error.clone(),
            error_kind: error_kind.map(|kind| kind.as_str().to_owned()),
            phases: phases.map(Phases::from),
        }
    }
}
