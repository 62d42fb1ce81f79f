//! Named secrets, and the keys that they are sealed by. The machine holds what is sealed, and never opens it.

use chronos_seal::{Sealed, WrappedKey};
use serde::{Deserialize, Serialize};

/// The version from which on there are named secrets.
pub const SECRETS_SINCE: u32 = 2;
/// So many secrets at most there are. It is part of what the commands mean.
pub const MAX_SECRETS: usize = 1_000;
/// So many data keys at most there are: one for each encryption key that ever sealed. It is part of what the command
/// means.
pub(crate) const MAX_DATA_KEYS: usize = 1_000;

/// Says something of secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SecretWord {
    /// A data key. Where the encryption key that wraps it has one already, that stays.
    Key(WrappedKey),
    /// Create or change a secret.
    Put(Box<PutSecret>),
    /// Delete a secret that no job names.
    Delete {
        /// Its name.
        name: String,
    },
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
    /// Its value.
    pub value: Sealed,
}

impl SecretWord {
    /// A rough count of its bytes in the log.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Key(key) => 100 + key.sealed.weight(),
            Self::Put(put) => {
                let PutSecret { name, description, hosts, value, .. } = &**put;
                let hosts: usize = hosts.iter().map(|host| host.len() + 3).sum();
                150 + name.len() + description.len() + hosts + value.weight()
            }
            Self::Delete { name } => 60 + name.len(),
        }
    }
}
