//! The domain of Chronos: jobs, webhooks, executions, and the limits on each.
//!
//! Everything here is plain data with its rules. A value of one of these types is valid, because its
//! parts were checked when it was made. Nothing here does I/O, reads a clock or draws a random number.

mod actor;
mod auth;
pub mod calendar;
mod choice;
mod client_certificate;
mod clip;
mod credentials;
mod duration;
mod event;
mod execution;
mod headers;
mod host_port;
mod id;
mod invalid;
mod job;
mod key;
mod name;
mod node_name;
mod oauth;
mod overrides;
mod pause;
pub mod request;
mod retry;
mod role;
mod scope;
mod secret;
mod secret_hosts;
mod set;
mod signing;
mod target_url;
mod template;
mod text;
mod time;
mod timing;
mod token;
mod webhook;

pub use actor::{Actor, ActorKind, By, MAX_NOTE_BYTES, Note};
pub use auth::Auth;
pub use client_certificate::ClientCertificate;
pub use clip::{MAX_QUOTED_BYTES, clip};
pub use credentials::{Credentials, MisplacedCredential, SealedCredentials};
pub use duration::{DurationError, DurationMs, ExactDuration, parse_duration};
pub use event::EventType;
pub use execution::{Attempt, ErrorKind, Execution, Missed, Response, Status, Trigger};
pub use headers::{HeaderError, Headers, NODES_PREFIX, REDACTED, is_credential_header};
pub use host_port::{HostPortError, check_host_port};
pub use id::{ExecutionId, IdError, JobId, OperationId};
pub use invalid::{FieldError, Invalid};
pub use job::{
    Concurrency, Job, JobSpec, JobTimes, MAX_TAGS, MissedRuns, Tags, Window, check_tag_key, check_tag_value,
};
pub use key::{KeyId, KeyName, KeyScope, MAX_KEY_PER_SECOND, MAX_KEY_SCOPE};
pub use name::{JobName, NameError};
pub use node_name::{NodeName, NodeNameError};
pub use oauth::{
    ClientAuthMethod, ClientCredentials, FilledCredentials, MAX_TOKEN_BYTES, MAX_TOKEN_PARAMETERS,
};
pub use overrides::Overrides;
pub use pause::{MAX_SKIPPED, Pause, Skip, Skips};
pub use retry::RetryPolicy;
pub use role::Role;
pub use scope::{Limit, Scope};
pub use secret::{
    MAX_SECRET_BYTES, MAX_SECRET_USES, PlaceholderError, SecretName, SecretValues, check_secret_value,
    is_secret_reference, not_for, secrets_in, sent_forms,
};
pub use secret_hosts::{MAX_SECRET_HOSTS, SecretHosts};
pub use set::{ApplyId, SetName, WordError};
pub use signing::{
    ID_HEADER, KEY_PREFIX, PreviousSecret, SIGNING_KEY_BYTES, Signing, SigningKey, SigningKeyError,
    SigningKeys, is_signature_header,
};
pub use target_url::{MAX_URL_CHARS, TargetUrl, UrlError, redacted_url};
pub use template::{Template, TemplateError, TemplateValues, VARIABLES};
pub use text::control_character;
pub use time::{LAST_INSTANT, Millis, TimeError, format_rfc3339, parse_rfc3339};
pub use timing::{Phases, Waited};
pub use token::{Token, TokenHash, TokenKind};
pub use webhook::{MAX_BODY_BYTES, MAX_REDIRECTS, Method, Secrets, SuccessCodes, Webhook};
