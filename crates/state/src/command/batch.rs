//! Batches of commands: the entries of the replicated log, and their bytes.
//!
//! An entry is stored as JSON with a number in front: the version of the cluster since which all that is in
//! it exists. A new kind of command, a new field or a changed meaning needs a new version. A node that finds
//! a version, a command or a field that it does not know stops: if it skipped something, its state would
//! differ from that of its peers.

use chronos_seal::KeyId;
use chronos_types::{By, Millis};
use serde::{Deserialize, Serialize};

use super::{AUTHORS_SINCE, ClockWord, Command, FIRST, SECRETS_SINCE, VERSION};
use crate::error::StateError;
use crate::stored::by;

/// One entry of the log: commands that waited at the same time. They are applied in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// The time by the leader's clock when it proposed the batch. It is never earlier than that of the batch
    /// before, unless a command of this one sets the time back ([`Batch::sets_back`]).
    pub at: Millis,
    /// The commands.
    pub items: Vec<Proposal>,
}

/// A command, who asks for it, and the key that makes it harmless to send the command again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// Present where the client sent an `Idempotency-Key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<Idempotency>,
    /// Who asks for it. None where Chronos itself does, or before the version of the cluster that has this.
    #[serde(default, with = "by", skip_serializing_if = "Option::is_none")]
    pub by: Option<By>,
    /// The data key by which the credentials in it are sealed; none where they are in the clear. Where another one seals
    /// by then, nothing is done. Said from [`SECRETS_SINCE`](super::SECRETS_SINCE) on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_by: Option<KeyId>,
    /// What to do.
    pub command: Command,
}

impl From<Command> for Proposal {
    fn from(command: Command) -> Self {
        Self { idempotency: None, by: None, sealed_by: None, command }
    }
}

impl Proposal {
    /// The same, with the data key by which the credentials in it are sealed. A command in which none can stand says
    /// nothing of it.
    #[must_use]
    pub fn sealed_by(self, key: Option<KeyId>) -> Self {
        Self { sealed_by: key.filter(|_| self.command.may_have_credentials()), ..self }
    }

    /// The first version of the cluster that has all of it; see [`Command::since`].
    #[must_use]
    pub fn since(&self) -> u32 {
        let by = if self.by.is_some() { AUTHORS_SINCE } else { FIRST };
        let sealed = if self.sealed_by.is_some() { SECRETS_SINCE } else { FIRST };
        self.command.since().max(by).max(sealed)
    }

    /// A rough count of its bytes in the log.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.command.weight() + self.by.as_ref().map_or(0, by::weight)
    }
}

/// A client's own name for a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Idempotency {
    /// As sent by the client.
    pub key: String,
    /// A hash of the request. A request with the same key and another hash is refused.
    pub fingerprint: String,
}

/// Commands with the versions that each of them may count on.
#[derive(Clone, Copy, Debug)]
pub struct LogBatch<'a> {
    /// The commands.
    pub batch: &'a Batch,
    /// The place of the batch in the log. It grows from batch to batch.
    pub index: u64,
    /// The highest version that every member of the cluster followed at this place of the log. It comes from
    /// the members as the log has them, so that it is the same on every node.
    pub follows: u32,
}

impl Batch {
    /// The first version of the cluster that has all of its commands.
    #[must_use]
    pub fn since(&self) -> u32 {
        self.items.iter().map(Proposal::since).fold(FIRST, u32::max)
    }

    /// Whether it may be of an earlier time than the batch before.
    #[must_use]
    pub fn sets_back(&self) -> bool {
        self.items.iter().any(|item| matches!(item.command, Command::Clock(ClockWord::Back)))
    }

    /// The bytes that the log keeps.
    ///
    /// # Errors
    /// None, for a batch that is made of this crate's types.
    pub fn encode(&self) -> Result<Vec<u8>, StateError> {
        // The version stands in front, so that it can be read before the rest.
        let mut out = format!("{} ", self.since()).into_bytes();
        serde_json::to_writer(&mut out, self).map_err(StateError::encode)?;
        Ok(out)
    }

    /// Reads what [`Batch::encode`] wrote.
    ///
    /// # Errors
    /// A command is of a newer Chronos than this binary, or the bytes are damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let (version, json) = split(bytes)
            .ok_or_else(|| StateError::Corrupt("a log entry does not begin with its version".into()))?;
        if version > VERSION {
            return Err(StateError::NewerVersion { found: version, known: VERSION });
        }
        let batch: Self = serde_json::from_slice(json).map_err(StateError::decode)?;
        let since = batch.since();
        if since != version {
            let what = format!("a log entry says version {version} and holds commands of version {since}");
            return Err(StateError::Corrupt(what));
        }
        Ok(batch)
    }
}

/// The version in front of an entry, and the rest.
fn split(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let space = bytes.iter().position(|byte| *byte == b' ')?;
    let (number, json) = (&bytes[..space], &bytes[space + 1..]);
    let is_plain = number.iter().all(u8::is_ascii_digit) && number.first() != Some(&b'0');
    let version = std::str::from_utf8(number).ok()?.parse().ok()?;
    is_plain.then_some((version, json))
}
