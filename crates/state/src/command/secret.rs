//! Named secrets, and the keys that they are sealed by. The machine holds what is sealed, and never opens it.

use chronos_seal::{KeyId, Sealed, WrappedKey};
use chronos_types::OperationId;
use serde::{Deserialize, Serialize};

use super::operation::SealedPatch;
use crate::run::JobSeq;
use crate::stored::overrides::StoredOverrides;
use crate::stored::scope::StoredScope;
use crate::stored::text;
use crate::stored::webhook::StoredWebhook;

/// The version from which on there are named secrets.
pub const SECRETS_SINCE: u32 = 2;
/// So many secrets at most there are. It is part of what the commands mean.
pub const MAX_SECRETS: usize = 1_000;
/// So many data keys at most there are: the one that seals, and those before it that something is sealed by still. It is
/// part of what the command means.
pub(crate) const MAX_DATA_KEYS: usize = 16;

/// Says something of secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SecretWord {
    /// A data key. All that is written from here on is sealed by it, and what is there is sealed by it anew. Where the one
    /// that seals is wrapped by the same encryption key, that stays.
    Key(WrappedKey),
    /// A data key in place of all others, whose encryption keys are lost: what they have sealed opens no more, and is to be
    /// written anew.
    KeyAfterLoss(WrappedKey),
    /// Create or change a secret.
    Put(Box<PutSecret>),
    /// Delete a secret that no job names.
    Delete {
        /// Its name.
        name: String,
    },
    /// The key of the fingerprints of requests. Where there is one, that stays.
    Fingerprints(Sealed),
    /// Seal the next portion anew.
    Reseal(Box<ResealStep>),
}

/// How far it has come that all is sealed by the newest data key: the place of the last record that was looked at, in the
/// order in which it goes through them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SealCursor {
    /// Nothing was looked at.
    #[default]
    Start,
    /// A named secret.
    Secret(String),
    /// A job, as it stands.
    Job(JobSeq),
    /// A superseded version of a job.
    Version(JobSeq, u64),
    /// What an execution sends of its own, by its number.
    Execution(i64),
    /// An operation.
    Operation(#[serde(with = "text")] OperationId),
    /// All was looked at.
    End,
}

/// The next portion of what is sealed anew. It is made from what a leader has read, and does nothing that another one has
/// done already.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResealStep {
    /// The data key that seals. If there is another one by now, nothing is done.
    pub key: KeyId,
    /// The place that this was made from. If it has gone on since, nothing is done.
    pub from: SealCursor,
    /// What is sealed anew.
    pub items: Vec<Reseal>,
    /// The place that it has come to with this.
    pub to: SealCursor,
    /// So many records in between could not be opened, and stay as they are.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left: u32,
    /// Whether it is over with this.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_last: bool,
}

/// One value that is sealed anew. What is on record says the same and never changes but for this; so it is enough to say
/// which data key it is sealed by: none where it is in the clear. If that is another one by now, it stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reseal {
    /// The data key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<KeyId>,
    /// What takes its place.
    pub to: Resealed,
}

/// What takes the place of a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Resealed {
    /// Of a named secret.
    Secret {
        /// Its name.
        name: String,
        /// Its version.
        version: u64,
        /// The value.
        value: Sealed,
    },
    /// Of the webhook of a version of a job, superseded or not.
    Webhook {
        /// The job.
        job: JobSeq,
        /// Its version.
        version: u64,
        /// All of it but the body, which stays.
        webhook: Box<StoredWebhook<'static>>,
    },
    /// Of what an execution sends of its own.
    Overrides {
        /// The number of the execution.
        execution: i64,
        /// All of it but the body, which stays.
        overrides: Box<StoredOverrides>,
    },
    /// Of the change that an operation makes.
    Patch {
        /// The operation.
        #[serde(with = "text")]
        operation: OperationId,
        /// The change.
        patch: SealedPatch,
    },
    /// Of the key of fingerprints.
    Fingerprints(Sealed),
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Creates or changes a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PutSecret {
    /// Its name.
    pub name: String,
    /// The version that this change was made from; `None` creates it. It is refused where the secret is at another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_version: Option<u64>,
    /// Free text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The hosts that it may go to.
    pub hosts: Vec<String>,
    /// The jobs that may name it; all where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<StoredScope>,
    /// Its value.
    pub value: Sealed,
}

impl SecretWord {
    /// A rough count of its bytes in the log.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Key(key) | Self::KeyAfterLoss(key) => 100 + key.sealed.weight(),
            Self::Put(put) => {
                let PutSecret { name, description, hosts, scope, value, .. } = &**put;
                let hosts: usize = hosts.iter().map(|host| host.len() + 3).sum();
                let scope = scope.as_ref().map_or(0, StoredScope::weight);
                150 + name.len() + description.len() + hosts + scope + value.weight()
            }
            Self::Delete { name } => 60 + name.len(),
            Self::Fingerprints(key) => 60 + key.weight(),
            Self::Reseal(step) => 300 + step.items.iter().map(Reseal::weight).sum::<usize>(),
        }
    }

    /// How many rows it changes, but for a few that go with it.
    pub(super) fn rows(&self) -> usize {
        match self {
            Self::Key(_) | Self::Put(_) | Self::Delete { .. } | Self::Fingerprints(_) => 1,
            Self::KeyAfterLoss(_) => 1 + MAX_DATA_KEYS,
            Self::Reseal(step) => MAX_DATA_KEYS + step.items.len(),
        }
    }
}

impl Reseal {
    /// A rough count of its bytes in the log.
    #[must_use]
    pub fn weight(&self) -> usize {
        150 + match &self.to {
            Resealed::Secret { name, value, .. } => name.len() + value.weight(),
            // The marks of JSON around each header.
            Resealed::Webhook { webhook, .. } => 200 + webhook.weight() + 8 * webhook.headers.len(),
            Resealed::Overrides { overrides, .. } => overrides.weight(),
            Resealed::Patch { patch, .. } => patch.weight(),
            Resealed::Fingerprints(key) => key.weight(),
        }
    }
}
