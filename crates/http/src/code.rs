//! The codes of problems. Each has one status, a sentence that says when it is answered, and an example.

use axum::http::StatusCode;
use chronos_api::Problem;

/// A set of codes, a bit each.
pub(crate) type Codes = u128;

struct Facts {
    text: &'static str,
    status: StatusCode,
    when: &'static str,
    example: &'static str,
}

macro_rules! codes {
    ($($name:ident: $status:ident $text:literal, $when:literal, $example:literal;)*) => {
        /// What is wrong, in a word that stays the same from release to release.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Code { $($name),* }

        impl Code {
            /// All of them, in the order of their statuses.
            pub(crate) const ALL: &[Self] = &[$(Self::$name),*];

            const fn facts(self) -> Facts {
                match self {
                    $(Self::$name => Facts {
                        text: $text,
                        status: StatusCode::$status,
                        when: $when,
                        example: $example,
                    }),*
                }
            }
        }
    };
}

codes! {
    Invalid: BAD_REQUEST "invalid",
        "A field, a parameter or a header is bad; `errors` lists them",
        "schedule: \"0 25 * * *\" is not a schedule: hour 25 is not 0 to 23";
    MalformedJson: BAD_REQUEST "malformed_json",
        "The body is not JSON",
        "the request body is not JSON: expected `,` or `}` at line 3 column 5";
    BodyIncomplete: BAD_REQUEST "body_incomplete",
        "The body broke off",
        "the request body could not be read to its end";
    BadHost: BAD_REQUEST "bad_host",
        "The request names no host, or more than one",
        "the request has more than one Host header; expected one";
    Unauthenticated: UNAUTHORIZED "unauthenticated",
        "No key is shown, or one that is not known, was revoked, or has expired",
        "the key or the session is not known, was revoked, or has expired";
    ForeignOrigin: FORBIDDEN "foreign_origin",
        "A web page of another origin sends the request",
        "a page of another origin sends this request: Origin is \"https://evil.example\"; expected one of this node, or of security.cors_origins";
    Forbidden: FORBIDDEN "forbidden",
        "The key may not do it; `WWW-Authenticate` says which role may",
        "this needs the role editor, and the key has the role viewer";
    NotFound: NOT_FOUND "not_found",
        "There is nothing at this path, as one that is not UTF-8",
        "there is nothing at /api/v1/jobs/%FF; the API is described at /api/docs/";
    JobNotFound: NOT_FOUND "job_not_found",
        "No job has this id or name",
        "there is no job with the id or name \"nightly-report\"";
    ExecutionNotFound: NOT_FOUND "execution_not_found",
        "No execution with this id is on record, or none of the job",
        "there is no execution \"0192f0c4-7d1e-7c53-9d0a-5b1c1f0c2a9b\" of job \"nightly-report\"";
    VersionNotFound: NOT_FOUND "version_not_found",
        "The job has no such version on record",
        "there is no version \"7\" of job \"nightly-report\"";
    OperationNotFound: NOT_FOUND "operation_not_found",
        "No operation has this id, or it is not kept any more",
        "there is no operation \"019ab2c4-5d6e-7f80-9a0b-1c2d3e4f5a6b\"";
    KeyNotFound: NOT_FOUND "key_not_found",
        "No key has this id",
        "there is no key \"5f0c1e7a9b3d2468\"";
    SecretNotFound: NOT_FOUND "secret_not_found",
        "No secret has this name",
        "there is no secret \"slack\"";
    NodeNotFound: NOT_FOUND "node_not_found",
        "No member has this name",
        "there is no node chronos-4";
    MethodNotAllowed: METHOD_NOT_ALLOWED "method_not_allowed",
        "The path takes other methods; `Allow` lists them",
        "PUT is not for this path; the Allow header lists what is";
    RequestTimeout: REQUEST_TIMEOUT "request_timeout",
        "The body took longer than 30 seconds",
        "the request body did not arrive within 30 seconds";
    NameTaken: CONFLICT "name_taken",
        "Another job has the name",
        "there is already a job named \"nightly-report\"";
    Conflict: CONFLICT "conflict",
        "Others kept changing the job meanwhile; nothing was changed",
        "the job was changed by others each time this change was tried; nothing was changed";
    Overlap: CONFLICT "overlap",
        "The job forbids overlap and has an unfinished execution",
        "the job forbids overlap, and its execution 0192f0c4-7d1e-7c53-9d0a-5b1c1f0c2a9b is unfinished";
    ExecutionFinished: CONFLICT "execution_finished",
        "The execution is over",
        "the execution is over: its status is success";
    OperationEnded: CONFLICT "operation_ended",
        "The operation is over",
        "the operation is over: it is done";
    TooManyOperations: CONFLICT "too_many_operations",
        "As many operations are under way as may be",
        "16 operations are under way, which is as many as may be: wait until one is over, or cancel one";
    TooManyKeys: CONFLICT "too_many_keys",
        "As many keys are on record as may be, and none of them is over",
        "1000 keys are on record, which is as many as may be: revoke one first";
    SecretInUse: CONFLICT "secret_in_use",
        "Jobs name the secret",
        "the jobs \"nightly-report\" and \"weekly-report\" name the secret: change or delete them first";
    TooManySecrets: CONFLICT "too_many_secrets",
        "There are as many secrets as may be",
        "there are 1000 secrets, which is as many as may be: delete some";
    Unreadable: CONFLICT "unreadable",
        "What is on record and needed for this cannot be read",
        "what is on record and needed for this cannot be read; write the job anew";
    JobInvalid: CONFLICT "job_invalid",
        "This release refuses the version of the job that is to run",
        "version 3 of the job is on record in a form that this release refuses; write the job anew (PUT or PATCH)";
    UnknownApply: CONFLICT "unknown_apply",
        "The set remembers no such apply; nothing was deleted",
        "the set \"billing\" knows no apply \"42\": it named none of its jobs, or many have begun since";
    PruneCount: CONFLICT "prune_count",
        "Another number of jobs would be deleted than `if_count` says, or more than `max`; nothing was deleted",
        "7 jobs would be deleted, and if_count expects 2; nothing was deleted";
    EncryptionKeyMissing: CONFLICT "encryption_key_missing",
        "A node lacks an encryption key that all need",
        "security.encryption_keys of chronos-2 lacks a key that is needed, or the new one (9f2c41d07be86a35); expected all of them on every node";
    SealingUnderWay: CONFLICT "sealing_under_way",
        "What is there is still being sealed anew",
        "what is there is still being sealed anew; expected this once that is over";
    MembershipRefused: CONFLICT "membership_refused",
        "The members cannot change in this way",
        "chronos-1 is the last voter";
    ClockNotBehind: CONFLICT "clock_not_behind",
        "The clock of the leader is not behind the cluster's time",
        "the clock of the leader is not behind the cluster's time by 2 seconds or more; set that clock right first";
    VersionNotFollowed: CONFLICT "version_not_followed",
        "The cluster does not follow the version that this needs",
        "the cluster follows versions up to 1";
    VersionMismatch: PRECONDITION_FAILED "version_mismatch",
        "`If-Match` or `If-None-Match` demands another version",
        "the job is at version 4, its ETag is \"4-1f0c2a9b\", and If-Match or If-None-Match demands another";
    BodyTooLarge: PAYLOAD_TOO_LARGE "body_too_large",
        "The body has more than 1 MiB, or 16 MiB in a batch",
        "the request body is larger than 1048576 bytes (1 MiB)";
    WriteTooLarge: PAYLOAD_TOO_LARGE "write_too_large",
        "The write takes more room in the log than one may",
        "the write takes 2200000 bytes in the log; expected at most 2097152";
    UnsupportedMediaType: UNSUPPORTED_MEDIA_TYPE "unsupported_media_type",
        "The body does not say that it is JSON, or is compressed",
        "the Content-Type is \"text/plain\"; expected JSON: send the header 'Content-Type: application/json'";
    HostNotAllowed: MISDIRECTED_REQUEST "host_not_allowed",
        "The request names a host that the node is not known by",
        "this node is not known as \"evil.example\"; expected an address, localhost, or one of security.allowed_hosts";
    IdempotencyKeyReused: UNPROCESSABLE_ENTITY "idempotency_key_reused",
        "The `Idempotency-Key` was used with another request",
        "this Idempotency-Key was used with another request; expected the same path and body, or a new key";
    TooManyRequests: TOO_MANY_REQUESTS "too_many_requests",
        "The key is used more often than its `per_second` says, or too many keys that are not good come from an address",
        "the key may send 50 requests a second to this node; come again later";
    HeadTooLarge: REQUEST_HEADER_FIELDS_TOO_LARGE "head_too_large",
        "The URL and the headers have more than 32 KiB, or 100 fields",
        "the request has 120 header fields; expected at most 100";
    Internal: INTERNAL_SERVER_ERROR "internal",
        "A bug or a fault of the storage; the log says which",
        "something went wrong inside Chronos; its log says what";
    Busy: SERVICE_UNAVAILABLE "busy",
        "Too much is under way at once; nothing was done",
        "this node holds as much of request bodies as it can at once; nothing was done";
    NoCluster: SERVICE_UNAVAILABLE "no_cluster",
        "The node belongs to no cluster yet, or not any more",
        "this node waits to be taken into a cluster";
    NoLeader: SERVICE_UNAVAILABLE "no_leader",
        "No leader could be asked; nothing was done",
        "no leader is known: a majority of the voters cannot be reached";
    DiskFull: SERVICE_UNAVAILABLE "disk_full",
        "A disk is full",
        "the disk is full";
    ClusterVersion: SERVICE_UNAVAILABLE "cluster_version",
        "It is used once every member follows the version that brings it",
        "the cluster is at version 1, and this came with version 2";
    OutcomeUnknown: SERVICE_UNAVAILABLE "outcome_unknown",
        "It may still be done; repeat it with the same `Idempotency-Key`",
        "the leader did not answer in time, so whether the write is done is not known";
    Stopping: SERVICE_UNAVAILABLE "stopping",
        "The node is stopping",
        "this node is stopping";
    QueryTooLong: SERVICE_UNAVAILABLE "query_too_long",
        "The question took more than 5 seconds",
        "the question took longer than 5 s; ask for less: a lower limit, a tag or a job to look at, another status, or no q";
    OverMaxBytes: INSUFFICIENT_STORAGE "over_max_bytes",
        "Jobs alone take more than `history.max_bytes`",
        "the records take 10737420000 bytes, more than history.max_bytes (10737418240), and all history is forgotten already: delete jobs, make them smaller, or raise history.max_bytes on every node";
}

impl Code {
    /// As clients see it.
    pub(crate) const fn as_str(self) -> &'static str {
        self.facts().text
    }

    /// The status that it comes with.
    pub(crate) const fn status(self) -> StatusCode {
        self.facts().status
    }

    /// The problem document, without bad fields.
    pub(crate) fn problem(self, detail: String) -> Problem {
        let status = self.status();
        let title = status.canonical_reason().unwrap_or("Error");
        Problem::new(status.as_u16(), title, self.as_str(), detail)
    }

    /// When it is answered.
    pub(crate) const fn when(self) -> &'static str {
        self.facts().when
    }

    /// What a `detail` says, for example.
    pub(crate) const fn example(self) -> &'static str {
        self.facts().example
    }

    /// The set that has this one alone.
    pub(crate) const fn only(self) -> Codes {
        1 << self as u8
    }
}
