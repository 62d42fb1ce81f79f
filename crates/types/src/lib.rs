//! The words of Chronos: jobs, webhooks, executions, and the limits on each.
//!
//! Everything here is plain data with its rules. A value of one of these types is valid: it was
//! parsed at the door. Nothing here does I/O, reads a clock or draws a random number.

mod duration;
mod execution;
mod id;
mod invalid;
mod job;
mod name;
mod node_name;
pub mod request;
mod template;
mod time;
mod webhook;

pub use duration::{DurationMs, parse_duration};
pub use execution::{Attempt, ErrorKind, Execution, Response, Status, Trigger};
pub use id::{ExecutionId, IdError, JobId};
pub use invalid::{FieldError, Invalid};
pub use job::{Concurrency, Job, JobSpec, MissedRuns, RetryPolicy, Tags};
pub use name::{JobName, NameError};
pub use node_name::{NodeName, NodeNameError};
pub use template::{Template, TemplateError, TemplateValues, VARIABLES};
pub use time::{Millis, format_rfc3339, parse_rfc3339};
pub use webhook::{
    Auth, HeaderError, Headers, MAX_BODY_BYTES, MAX_REDIRECTS, MAX_URL_CHARS, Method, REDACTED, SuccessCodes,
    TargetUrl, UrlError, Webhook, is_credential_header,
};
