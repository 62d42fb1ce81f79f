//! The one map from whatever goes wrong to what the client is told: RFC 9457, with a `code` that
//! stays the same from release to release.

use std::time::Duration;

use axum::http::{HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use chronos_api::{BadBatch, BadField, JsonError, Problem};
use chronos_engine::{
    ChangeError, MembershipError, NotFound, PruneError, ReadError, RotateError, Unavailable, WriteError,
};
use chronos_state::{Refusal, StateError};
use chronos_types::{Invalid, JobId, Role, clip};

use crate::code::Code;
use crate::{etag, respond};

/// What a client can do whose question takes too long.
const NARROWER: &str = "ask for less: a lower limit, a tag or a job to look at, another status, or no q";

/// A request that was not done, and why.
#[derive(Debug)]
pub(crate) struct ApiError {
    code: Code,
    detail: String,
    errors: Vec<BadField>,
    /// Seconds.
    retry_after: Option<u64>,
    /// How to show a key (RFC 6750, section 3).
    challenge: Option<String>,
    accept_encoding: Option<&'static str>,
    closes: bool,
}

impl ApiError {
    fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
            challenge: None,
            accept_encoding: None,
            closes: false,
        }
    }

    /// What cannot be done now and may be done later.
    fn unavailable(code: Code, detail: impl Into<String>, retry_after: u64) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(code, detail) }
    }

    /// This node does as much of the kind as it can at once. Nothing was done.
    pub(crate) fn busy(detail: impl Into<String>) -> Self {
        Self::unavailable(Code::Busy, detail, 1)
    }

    /// As [`ApiError::busy`], of a request whose body was not read to its end.
    pub(crate) fn no_room_for_body() -> Self {
        let detail = "this node holds as much of request bodies as it can at once; nothing was done";
        Self { closes: true, ..Self::busy(detail) }
    }

    /// The connection cannot be used again: the rest of the body was not read.
    fn closing(code: Code, detail: impl Into<String>) -> Self {
        Self { closes: true, ..Self::new(code, detail) }
    }

    pub(crate) fn no_such_path(path: &str) -> Self {
        let detail = format!("there is nothing at {}; the API is described at /api/docs/", clip(path));
        Self::new(Code::NotFound, detail)
    }

    pub(crate) fn wrong_method(method: &Method) -> Self {
        let detail =
            format!("{} is not for this path; the Allow header lists what is", clip(method.as_str()));
        Self::new(Code::MethodNotAllowed, detail)
    }

    fn unauthenticated(detail: impl Into<String>, error: &str) -> Self {
        let challenge = Some(format!("Bearer realm=\"chronos\"{error}"));
        Self { challenge, ..Self::new(Code::Unauthenticated, detail) }
    }

    /// A request shows nothing.
    pub(crate) fn no_key() -> Self {
        let detail = "this needs a key of the API: send the header 'Authorization: Bearer ' with its token";
        Self::unauthenticated(detail, "")
    }

    /// A request shows something that is not read here.
    pub(crate) fn no_bearer() -> Self {
        let detail = "the Authorization header is not read; expected one of 'Bearer ' and the token of a key";
        Self::unauthenticated(detail, "")
    }

    pub(crate) fn bad_key() -> Self {
        let detail = "the key or the session is not known, was revoked, or has expired";
        Self::unauthenticated(detail, ", error=\"invalid_token\"")
    }

    /// The key may do less than is needed.
    pub(crate) fn forbidden(needed: Role, has: Role) -> Self {
        let (needed, has) = (needed.as_str(), has.as_str());
        let detail = format!("this needs the role {needed}, and the key has the role {has}");
        let challenge =
            Some(format!("Bearer realm=\"chronos\", error=\"insufficient_scope\", scope=\"{needed}\""));
        Self { challenge, ..Self::new(Code::Forbidden, detail) }
    }

    /// The key is limited, and this is about all of the cluster.
    pub(crate) fn limited() -> Self {
        let detail =
            "the key is limited to a scope, and this is about all of the cluster; use a key without one";
        let challenge = Some("Bearer realm=\"chronos\", error=\"insufficient_scope\"".to_owned());
        Self { challenge, ..Self::new(Code::Forbidden, detail) }
    }

    pub(crate) fn key_too_often(wait: Duration) -> Self {
        Self::too_often("the key sends more requests a second to this node than it may", wait)
    }

    pub(crate) fn too_many_failures(wait: Duration) -> Self {
        Self::too_often("too many keys that are not good came from this address", wait)
    }

    fn too_often(why: &str, wait: Duration) -> Self {
        let seconds = wait.as_secs().saturating_add(1);
        let detail = format!("{why}; come again in {seconds} s");
        Self { retry_after: Some(seconds), ..Self::new(Code::TooManyRequests, detail) }
    }

    /// Nobody is asked who they are, so there is nothing to begin a session with.
    pub(crate) fn no_sessions() -> Self {
        Self::new(Code::NotFound, "this node asks nobody who they are, so it has no sessions")
    }

    fn precondition_failed(id: JobId, current: u64) -> Self {
        let tag = etag::of(&id.to_string(), current);
        let detail = format!(
            "the job is at version {current}, its ETag is {}, and If-Match or If-None-Match demands another",
            tag.to_str().unwrap_or_default()
        );
        Self::new(Code::VersionMismatch, detail)
    }

    /// Others keep changing the job faster than this request can.
    fn contended() -> Self {
        let detail = "the job was changed by others each time this change was tried; nothing was changed";
        Self::new(Code::Conflict, detail)
    }

    pub(crate) fn body_too_large(limit: usize) -> Self {
        let detail = format!("the request body is larger than {limit} bytes ({} MiB)", limit >> 20);
        Self::closing(Code::BodyTooLarge, detail)
    }

    pub(crate) fn head_too_large(excess: String) -> Self {
        Self::new(Code::HeadTooLarge, excess)
    }

    pub(crate) fn body_too_slow(seconds: u64) -> Self {
        let detail = format!("the request body did not arrive within {seconds} seconds");
        Self::closing(Code::RequestTimeout, detail)
    }

    pub(crate) fn body_broken() -> Self {
        Self::closing(Code::BodyIncomplete, "the request body could not be read to its end")
    }

    /// `found` says what the type is.
    pub(crate) fn wrong_media_type(found: &str) -> Self {
        let detail = format!(
            "the Content-Type {found}; expected JSON: send the header 'Content-Type: application/json' \
             (with curl: -H 'Content-Type: application/json')"
        );
        Self::new(Code::UnsupportedMediaType, detail)
    }

    pub(crate) fn bad_host(why: String) -> Self {
        Self::new(Code::BadHost, why)
    }

    pub(crate) fn host_not_allowed(host: &str) -> Self {
        let detail = format!(
            "this node is not known as {:?}; expected an address, localhost, or one of security.allowed_hosts",
            clip(host)
        );
        Self::new(Code::HostNotAllowed, detail)
    }

    /// `whence` says what the browser said of where the request comes from.
    pub(crate) fn foreign_origin(whence: &str) -> Self {
        let detail = format!(
            "a page of another origin sends this request: {whence}; expected one of this node, or of \
             security.cors_origins"
        );
        Self::new(Code::ForeignOrigin, detail)
    }

    /// What it says to people.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// The answer says which codings are taken (RFC 9110, section 12.5.3).
    pub(crate) fn wrong_coding(found: &str) -> Self {
        let detail = format!(
            "the request body comes in the coding {:?}; expected none: send the JSON without compression",
            clip(found)
        );
        let accept_encoding = Some("identity");
        let wrong = Self::new(Code::UnsupportedMediaType, detail);
        Self { accept_encoding, ..wrong }
    }

    /// Says how much of a batch was done before.
    pub(crate) fn after(self, done: usize, of: usize) -> Self {
        if done == 0 {
            return self;
        }
        let detail = format!(
            "{}; the first {done} of the {of} jobs are written already: send the batch again, and they are left as \
             they are",
            self.detail
        );
        Self { detail, ..self }
    }

    /// Its code, and what it says to people.
    pub(crate) fn told(self) -> (&'static str, String) {
        (self.code.as_str(), self.detail)
    }

    /// A bug: a handler panicked, or the machine gave an answer that does not fit the question.
    pub(crate) fn internal() -> Self {
        let detail = "something went wrong inside Chronos; its log says what";
        Self::new(Code::Internal, detail)
    }
}

impl From<Invalid> for ApiError {
    fn from(invalid: Invalid) -> Self {
        let (errors, count) = (BadField::all(&invalid), invalid.fields().len() + invalid.more());
        let detail = match errors.as_slice() {
            [one] if one.field.is_empty() => format!("the request body {}", one.message),
            [one] => format!("{}: {}", one.field, one.message),
            many => {
                let fields: Vec<&str> = many.iter().take(20).map(|error| error.field.as_str()).collect();
                format!("{count} fields are bad: {}", fields.join(", "))
            }
        };
        Self { errors, ..Self::new(Code::Invalid, detail) }
    }
}

impl From<JsonError> for ApiError {
    fn from(error: JsonError) -> Self {
        Self::new(Code::MalformedJson, format!("the request body is not JSON: {error}"))
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NameTaken { name } => {
                Self::new(Code::NameTaken, format!("there is already a job named {name:?}"))
            }
            Refusal::NoSuchJob => Self::new(Code::JobNotFound, "the job was deleted"),
            Refusal::NoSuchExecution => {
                Self::new(Code::ExecutionNotFound, "the execution is not on record any more")
            }
            Refusal::VersionMismatch { current } => {
                Self::new(Code::VersionMismatch, format!("the job is at version {current} by now"))
            }
            Refusal::Overlap { unfinished } => Self::new(
                Code::Overlap,
                format!("the job forbids overlap, and its execution {unfinished} is unfinished"),
            ),
            Refusal::Finished { status } => {
                Self::new(Code::ExecutionFinished, format!("the execution is over: its status is {status}"))
            }
            Refusal::Stale { .. } => Self::contended(),
            Refusal::NoSuchApply => Self::new(Code::UnknownApply, "the set remembers no such apply"),
            Refusal::NoSuchOperation => {
                Self::new(Code::OperationNotFound, "the operation is not kept any more")
            }
            Refusal::OperationEnded { cancelled } => {
                let how = if cancelled { "it was cancelled" } else { "it is done" };
                Self::new(Code::OperationEnded, format!("the operation is over: {how}"))
            }
            Refusal::TooManyOperations { most } => Self::new(
                Code::TooManyOperations,
                format!(
                    "{most} operations are under way, which is as many as may be: wait until one is over, or cancel one"
                ),
            ),
            Refusal::NoSuchSecret { name } => {
                Self::new(Code::SecretNotFound, format!("there is no secret {:?}", clip(&name)))
            }
            Refusal::SecretInUse { jobs, more } => {
                let jobs: Vec<_> = jobs.iter().map(|job| format!("{job:?}")).collect();
                let others = if more { ", and others," } else { "" };
                let detail = format!(
                    "the jobs {}{others} name the secret: change or delete them first",
                    jobs.join(", ")
                );
                Self::new(Code::SecretInUse, detail)
            }
            Refusal::TooManySecrets { most } => Self::new(
                Code::TooManySecrets,
                format!("there are {most} secrets, which is as many as may be: delete some"),
            ),
            Refusal::SealedOtherwise => {
                Self::busy("what is there is being sealed anew; nothing was changed".to_owned())
            }
            Refusal::OperationMovedOn | Refusal::SealingMovedOn => {
                tracing::error!("a client was to hear of a step that no client can ask for");
                Self::internal()
            }
            Refusal::NoSuchKey => Self::bad_key(),
            Refusal::TooManyKeys { most } => Self::new(
                Code::TooManyKeys,
                format!("{most} keys are on record, which is as many as may be: revoke one first"),
            ),
            Refusal::KeyReused => Self::new(
                Code::IdempotencyKeyReused,
                "this Idempotency-Key was used with another request; expected the same path and body, or a new key",
            ),
            Refusal::Unreadable => Self::new(
                Code::Unreadable,
                "what is on record and needed for this cannot be read; write the job anew",
            ),
            Refusal::OverBound { in_use, bound } => Self::new(
                Code::OverMaxBytes,
                format!(
                    "the records take {in_use} bytes, more than history.max_bytes ({bound}), and all history is \
                     forgotten already: delete jobs, make them smaller, or raise history.max_bytes on every node"
                ),
            ),
            Refusal::ClockNotBehind { least_ms } => Self::new(
                Code::ClockNotBehind,
                format!(
                    "the clock of the leader is not behind the cluster's time by {} seconds or more; set that clock \
                     right first",
                    2 * least_ms / 1_000
                ),
            ),
            Refusal::VersionNotFollowed { follows } => {
                Self::new(Code::VersionNotFollowed, format!("the cluster follows versions up to {follows}"))
            }
        }
    }
}

impl From<NotFound> for ApiError {
    fn from(error: NotFound) -> Self {
        let code = match error {
            NotFound::Job(_) => Code::JobNotFound,
            NotFound::Execution { .. } => Code::ExecutionNotFound,
            NotFound::Operation(_) => Code::OperationNotFound,
            NotFound::Key(_) => Code::KeyNotFound,
            NotFound::Secret(_) => Code::SecretNotFound,
            NotFound::Version { .. } => Code::VersionNotFound,
        };
        Self::new(code, error.to_string())
    }
}

impl From<Unavailable> for ApiError {
    fn from(error: Unavailable) -> Self {
        let (code, retry_after) = match error {
            Unavailable::TooLarge(why) => {
                return Self::new(Code::WriteTooLarge, why);
            }
            Unavailable::NoCluster(_) => (Code::NoCluster, 1),
            Unavailable::NoLeader(_) => (Code::NoLeader, 1),
            Unavailable::DiskFull(_) => (Code::DiskFull, 10),
            Unavailable::NotInUse(_) => (Code::ClusterVersion, 60),
            Unavailable::OutcomeUnknown(_) => (Code::OutcomeUnknown, 1),
            Unavailable::Stopping(_) => (Code::Stopping, 5),
            Unavailable::Busy(reason) => return Self::busy(reason),
            Unavailable::TooLong(_) => {
                let detail = format!("{error}; {NARROWER}");
                return Self::unavailable(Code::QueryTooLong, detail, 10);
            }
        };
        Self::unavailable(code, error.to_string(), retry_after)
    }
}

impl From<RotateError> for ApiError {
    fn from(error: RotateError) -> Self {
        let detail = error.to_string();
        match error {
            RotateError::NoKey | RotateError::Lacking(_) => Self::new(Code::EncryptionKeyMissing, detail),
            RotateError::UnderWay => Self::new(Code::SealingUnderWay, detail),
            RotateError::Write(error) => error.into(),
        }
    }
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::NotFound(error) => error.into(),
            ReadError::Unavailable(error) => error.into(),
            ReadError::Storage(error) => error.into(),
        }
    }
}

impl From<WriteError> for ApiError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::NotFound(error) => error.into(),
            WriteError::Refused(refusal) => refusal.into(),
            WriteError::Unreadable { .. } => {
                let detail = format!("{error}; write the job anew (PUT or PATCH)");
                Self::new(Code::JobInvalid, detail)
            }
            WriteError::Unavailable(error) => error.into(),
            WriteError::Storage(error) => error.into(),
            WriteError::Unexpected(_) => {
                tracing::error!(%error, "a command has an outcome that it cannot have");
                Self::internal()
            }
        }
    }
}

impl From<ChangeError> for ApiError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Invalid(invalid) => invalid.into(),
            ChangeError::Precondition { id, current } => Self::precondition_failed(id, current),
            ChangeError::Contended => Self::contended(),
            ChangeError::Write(error) => error.into(),
        }
    }
}

impl From<PruneError> for ApiError {
    fn from(error: PruneError) -> Self {
        let code = match error {
            PruneError::UnknownApply { .. } => Code::UnknownApply,
            PruneError::Count { .. } | PruneError::TooMany { .. } => Code::PruneCount,
            PruneError::Write(error) => return error.into(),
        };
        Self::new(code, error.to_string())
    }
}

impl From<BadBatch> for ApiError {
    fn from(bad: BadBatch) -> Self {
        match bad {
            BadBatch::Json(error) => error.into(),
            BadBatch::Invalid(invalid) => invalid.into(),
        }
    }
}

impl From<MembershipError> for ApiError {
    fn from(error: MembershipError) -> Self {
        match error {
            MembershipError::NotFound(detail) => Self::new(Code::NodeNotFound, detail),
            MembershipError::Refused(detail) => Self::new(Code::MembershipRefused, detail),
            MembershipError::Unavailable(error) => error.into(),
        }
    }
}

impl From<StateError> for ApiError {
    fn from(error: StateError) -> Self {
        // Paths and SQL are for the operator's log, not for clients.
        tracing::error!(%error, "a question to the state failed");
        if error.is_disk_full() {
            return Self::unavailable(Code::DiskFull, "the disk is full", 10);
        }
        Self::internal()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Self { code, detail, errors, retry_after, challenge, accept_encoding, closes } = self;
        let status = code.status();
        let problem = Problem { errors, ..code.problem(detail) };
        let mut response = respond::json(status, &problem);
        response.extensions_mut().insert(code);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if let Some(challenge) = challenge.and_then(|text| HeaderValue::from_str(&text).ok()) {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(codings) = accept_encoding {
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(codings));
        }
        if closes {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;

    #[test]
    fn what_is_too_much_is_a_503_that_says_what_to_do() {
        for (error, code, says) in [
            (Unavailable::Busy("full".into()), Code::Busy, "full"),
            (Unavailable::TooLong("slow".into()), Code::QueryTooLong, "slow; ask for less: "),
        ] {
            let error = ApiError::from(ReadError::from(error));
            assert!(error.code == code && error.detail.starts_with(says), "{error:?}");
            let response = error.into_response();
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert!(response.headers().contains_key(header::RETRY_AFTER));
        }
    }
}
