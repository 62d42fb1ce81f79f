//! A version of a job, ready to be fired, in two parts: what deciding needs, and what is sent.

use std::collections::BTreeSet;
use std::sync::Arc;

use chronos_state::{Fire, JobSeq, RunRef};
use chronos_types::{
    Concurrency, DurationMs, ExecutionId, JobId, JobName, JobSpec, RetryPolicy, SecretName, Tags, Webhook,
};

/// A webhook with so many bytes is read ahead of its instant. A larger one is read when its attempt has a
/// slot, which takes some milliseconds.
const SMALL: usize = 8 << 10;
/// What a variable of a body stands for has at most so many bytes, or as many as the job's name: ids have 36,
/// times at most 31.
const VALUE: usize = 36;

/// What deciding needs of a version of a job. All that wait hold one.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) job_id: JobId,
    pub(crate) name: JobName,
    /// Scheme, host and port of the target. Attempts to the same one share its slots.
    pub(crate) origin: Arc<str>,
    /// The target's host, as [`TargetUrl::host`](chronos_types::TargetUrl::host) has it.
    pub(crate) host: Box<str>,
    pub(crate) concurrency: Concurrency,
    pub(crate) retry_policy: RetryPolicy,
    /// Time for one attempt.
    pub(crate) timeout: Option<DurationMs>,
    /// Bytes that its request has at most.
    pub(crate) bytes: usize,
    /// The secrets that its request is made with.
    pub(crate) secrets: BTreeSet<SecretName>,
    /// Its tags, by which a secret may be for it; where it names none, none.
    pub(crate) tags: Tags,
}

/// A version of a job as it was read.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    pub(crate) job: Arc<Prepared>,
    /// What is sent, where that is small enough to be kept at hand.
    pub(crate) webhook: Option<Arc<Webhook>>,
    /// Bytes of it that are kept.
    pub(crate) bytes: usize,
}

impl Loaded {
    /// Prepares a version of a job.
    pub(crate) fn new(job_id: JobId, spec: JobSpec) -> Self {
        let JobSpec { name, webhook, retry_policy, timeout, concurrency, tags, .. } = spec;
        let secrets = webhook.secrets();
        let job = Prepared {
            job_id,
            origin: webhook.url.origin().into(),
            host: webhook.url.host().into(),
            concurrency,
            retry_policy,
            timeout: webhook.timeout.or(timeout),
            bytes: webhook.request_bytes(VALUE.max(name.as_str().len())),
            tags: if secrets.is_empty() { Tags::default() } else { tags },
            secrets,
            name,
        };
        let bytes = webhook.bytes();
        let webhook = (bytes <= SMALL).then(|| Arc::new(webhook));
        Self { job: Arc::new(job), bytes: if webhook.is_some() { bytes } else { 0 }, webhook }
    }

    /// The same, without what is sent.
    pub(crate) fn without_webhook(self) -> Self {
        Self { webhook: None, bytes: 0, ..self }
    }
}

/// What is read for a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// The job's number.
    pub(crate) job: JobSeq,
    /// The version of the job.
    pub(crate) version: u64,
    /// The execution that may send something in place of what the job says. Other runs of a version share what is read.
    pub(crate) overridden: Option<ExecutionId>,
}

impl From<&Fire> for Key {
    fn from(fire: &Fire) -> Self {
        let RunRef { execution, job, version, .. } = fire.run;
        Self { job, version, overridden: fire.overridden.then_some(execution) }
    }
}
