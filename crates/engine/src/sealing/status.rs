//! The use cases of encryption as a whole: how it stands, and another encryption key.

use std::collections::BTreeSet;

use chronos_replica::Replica;
use chronos_seal::{KeyId, NewKey};
use chronos_state::{Command, Outcome, Reader, Refusal, SECRETS_SINCE, Sealing, SecretWord, StateError};
use chronos_types::{By, NodeName};

use crate::cluster::asked;
use crate::error::{ReadError, Unavailable, WriteError};
use crate::lookup;
use crate::read::Consistency;
use crate::services::Services;

/// Reads how encryption stands, and changes the key.
#[derive(Debug)]
pub struct Encryption {
    services: Services,
    replica: Replica,
}

/// How encryption stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncryptionStatus {
    /// The encryption key that wraps the data key which seals; none where nothing is sealed.
    pub key: Option<KeyId>,
    /// All encryption keys that a node needs.
    pub needed: Vec<KeyId>,
    /// The first one of the node that is asked: that to which the key is changed.
    pub first: Option<KeyId>,
    /// The members that lack it.
    pub lacking: Vec<NodeName>,
    /// How far it has come that all is sealed by the data key that seals.
    pub sealing: Option<Sealing>,
}

/// Why the key was not changed.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// The node that is asked has none.
    #[error(
        "security.encryption_keys of the node that was asked has no key; expected one, and the same on all nodes"
    )]
    NoKey,
    /// Members lack it, or one that is needed for what is there.
    #[error("{0}")]
    Lacking(String),
    /// An earlier change is not over.
    #[error("what is there is still being sealed anew; expected this once that is over")]
    UnderWay,
    /// The write failed.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<Unavailable> for RotateError {
    fn from(error: Unavailable) -> Self {
        Self::Write(error.into())
    }
}

impl Encryption {
    /// The use cases, with what they work with.
    #[must_use]
    pub fn new(services: Services, replica: Replica) -> Self {
        Self { services, replica }
    }

    /// How encryption stands, as this node has it.
    ///
    /// # Errors
    /// It cannot be read as demanded.
    pub async fn status(&self, consistency: Consistency) -> Result<EncryptionStatus, ReadError> {
        lookup::catch_up(&self.services, consistency).await?;
        let first = self.services.keyring.first();
        let read = |reader: &Reader| reader.at_once(Known::of);
        let Known { key, needed, sealing } = self.services.store.query(read).await?;
        let lacking = first.map(|first| self.lacking(&[first])).unwrap_or_default();
        Ok(EncryptionStatus { key, needed, first, lacking, sealing })
    }

    /// Has the first encryption key of this node wrap the data key which seals, a new one, and has all sealed anew by that.
    /// It goes on in the background. Where that key does so already, nothing is done. Where the others `are_lost`, what they
    /// have sealed is given up. Answers with how it stands.
    ///
    /// # Errors
    /// A member lacks a key, an earlier change is not over, or the write failed.
    pub async fn rotate(&self, by: &By, are_lost: bool) -> Result<EncryptionStatus, RotateError> {
        asked(by, "the encryption key is to be changed", None);
        let Services { env, keyring, proposer, .. } = &self.services;
        let first = keyring.first().ok_or(RotateError::NoKey)?;
        // A node that has nothing but the new key may be all that is left.
        let consistency = if are_lost { Consistency::Local } else { Consistency::Linearizable };
        let before = self.status(consistency).await.map_err(WriteError::from)?;
        if before.key == Some(first) {
            return Ok(before);
        }
        if proposer.version() < SECRETS_SINCE {
            let why = format!(
                "keys are there from cluster version {SECRETS_SINCE} on, until every node can follow that; come again"
            );
            return Err(Unavailable::NotInUse(why).into());
        }
        // Those that are needed now are needed until all is sealed anew.
        let before = if are_lost { Vec::new() } else { before.needed };
        let needed: Vec<_> = before.into_iter().chain([first]).collect();
        let lacking = self.lacking(&needed);
        if !lacking.is_empty() {
            let nodes: Vec<_> = lacking.iter().map(NodeName::as_str).collect();
            return Err(RotateError::Lacking(format!(
                "security.encryption_keys of {} lacks a key that is needed, or the new one ({first}); expected all of \
                 them on every node",
                nodes.join(", ")
            )));
        }
        let new = NewKey { id: env.random_bytes(), bytes: env.random_bytes(), nonce: env.random_bytes() };
        let key = keyring.data_key(new).ok_or(RotateError::NoKey)?;
        let word = if are_lost { SecretWord::KeyAfterLoss(key) } else { SecretWord::Key(key) };
        let proposal = self.services.proposal(by, None, Command::Secret(word))?;
        match proposer.propose(proposal).await.map_err(WriteError::from)? {
            Outcome::Done => {}
            Outcome::Refused { refusal: Refusal::SealingMovedOn } => return Err(RotateError::UnderWay),
            Outcome::Refused { refusal: Refusal::TooManySecrets { most } } => {
                return Err(RotateError::Lacking(format!(
                    "there are {most} data keys, which is as many as may be, for values that could not be opened; expected \
                     these to be written anew, or given up with \"lost\": true"
                )));
            }
            other => return Err(WriteError::of(other).into()),
        }
        Ok(self.status(Consistency::Local).await.map_err(WriteError::from)?)
    }

    /// The members that lack one of these keys, as they said when they joined or started.
    fn lacking(&self, keys: &[KeyId]) -> Vec<NodeName> {
        let keys: BTreeSet<_> = keys.iter().map(KeyId::to_string).collect();
        let members = self.replica.status().members.into_iter();
        let lacks = members.filter(|member| !keys.iter().all(|key| member.encryption_keys.contains(key)));
        lacks.map(|member| member.name).collect()
    }
}

struct Known {
    key: Option<KeyId>,
    needed: Vec<KeyId>,
    sealing: Option<Sealing>,
}

impl Known {
    fn of(reader: &Reader) -> Result<Self, StateError> {
        let key = reader.sealing_key()?.and_then(|key| key.by());
        Ok(Self { key, needed: reader.needed_keys()?, sealing: reader.sealing()? })
    }
}
