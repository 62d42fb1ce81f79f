//! The requests between nodes: the one list of them, with their names on the wire and their bytes.
//!
//! The names and the bytes are a contract with the nodes of other versions.

use std::time::Duration;

use super::append;
use super::error::MessageError;
use super::payload::{Append, Change, CopyId, JoinRequest, SnapshotHead, To};
use super::raft::{AskVote, Transfer};
use super::wire::{self, Part, Unread};
use bytes::Bytes;
use chronos_peer::{Answer, Lane, Transport};
use chronos_state::Batch;
use serde::de::DeserializeOwned;

/// What one node asks of another. Each says what answers it; a refusal is text.
#[derive(Debug)]
pub(crate) enum Request {
    /// Take these entries, or this heartbeat: [`super::payload::Appended`].
    Append(To<Append>),
    /// Vote for me: a [`super::raft::VoteAnswer`].
    Vote(To<AskVote>),
    /// Would you vote for me? The same.
    PreVote(To<AskVote>),
    /// Stand for election, for I give up the lead: a [`super::raft::TransferAnswer`].
    TransferLeader(To<Transfer>),
    /// How much of this copy have you? A number of bytes.
    SnapshotOffset(To<CopyId>),
    /// Install the state in the body behind this: a [`super::payload::CopyAnswer`].
    Snapshot(To<SnapshotHead>),
    /// Propose these, since you lead: a `Result` of [`super::payload::Accepted`]. The instant of the batch
    /// is the leader's to give.
    Propose(Batch),
    /// The index that a node must have applied to show all that was acknowledged: a `Result`.
    ReadIndex,
    /// Change the membership, since you lead: a `Result` of [`super::payload::Changed`].
    Change(Change),
    /// Have me taken in, whether you lead or not: the same.
    Join(JoinRequest),
    /// Have my address or version noted, whether you lead or not: the same.
    Update(JoinRequest),
    /// Leave the cluster, for you are to be removed: nothing.
    Leave(To<()>),
    /// Join by way of me, at this address: a `Result` of who the other node is, a [`JoinRequest`].
    Invite(String),
    /// Is the node of this raft id a member? A [`super::payload::Standing`].
    Standing(u64),
    /// How are you? A [`crate::NodeReport`].
    Report,
    /// What have you in the rows that were compared last? A list of [`super::payload::Compared`].
    Compared(To<()>),
}

/// A request as bytes, with the name that it travels under and the connection that carries it.
#[derive(Clone)]
pub(crate) struct Message {
    pub kind: &'static str,
    pub lane: Lane,
    pub bytes: Bytes,
}

impl Message {
    /// Sends it to the node at an address.
    pub(crate) async fn send(&self, transport: &dyn Transport, to: &str, timeout: Duration) -> Answer {
        transport.call(to, self.lane, self.kind, self.bytes.clone(), timeout).await
    }

    /// Reads the answer to it.
    pub(crate) fn answer<T: DeserializeOwned>(&self, answer: &Bytes) -> Result<T, String> {
        Ok(self.read_answer(answer)?)
    }

    /// The same, for whoever tells an answer that is newer from one that is damaged.
    pub(crate) fn read_answer<T: DeserializeOwned>(&self, answer: &Bytes) -> Result<T, Unread> {
        wire::decode(Part::Answer(self.kind), answer)
    }
}

impl Request {
    /// The name of the request on the wire.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Append(_) => "append",
            Self::Vote(_) => "vote",
            Self::PreVote(_) => "pre_vote",
            Self::TransferLeader(_) => "transfer_leader",
            Self::SnapshotOffset(_) => "snapshot_offset",
            Self::Snapshot(_) => "snapshot",
            Self::Propose(_) => "propose",
            Self::ReadIndex => "read_index",
            Self::Change(_) => "change",
            Self::Join(_) => "join",
            Self::Update(_) => "update",
            Self::Leave(_) => "leave",
            Self::Invite(_) => "invite",
            Self::Standing(_) => "standing",
            Self::Report => "report",
            Self::Compared(_) => "compared",
        }
    }

    /// Heartbeats and votes never wait behind entries, nor entries behind a snapshot.
    fn lane(&self) -> Lane {
        match self {
            Self::Append(append) if append.message.request.entries.is_empty() => Lane::Control,
            Self::Vote(_) | Self::PreVote(_) | Self::TransferLeader(_) | Self::Leave(_) => Lane::Control,
            Self::Snapshot(_) => Lane::Bulk,
            _ => Lane::Log,
        }
    }

    /// The request as it travels.
    pub(crate) fn encode(&self) -> Result<Message, String> {
        let kind = self.kind();
        let part = Part::Request(kind);
        let bytes = match self {
            Self::Append(append) => append::encode(part, append),
            Self::Vote(request) | Self::PreVote(request) => wire::encode(part, request),
            Self::TransferLeader(request) => wire::encode(part, request),
            Self::SnapshotOffset(copy) => wire::encode(part, copy),
            Self::Snapshot(head) => wire::encode(part, head),
            Self::Propose(batch) => propose(part, batch),
            Self::Change(change) => wire::encode(part, change),
            Self::Join(request) | Self::Update(request) => wire::encode(part, request),
            Self::Leave(to) | Self::Compared(to) => wire::encode(part, to),
            Self::Invite(address) => wire::encode(part, address),
            Self::Standing(id) => wire::encode(part, id),
            Self::ReadIndex | Self::Report => wire::encode(part, &()),
        };
        Ok(Message { kind, lane: self.lane(), bytes: bytes? })
    }

    /// Reads what another node, `from`, has sent.
    pub(crate) fn decode(from: &str, kind: &str, message: &Bytes) -> Result<Self, MessageError> {
        Self::read(from, kind, message).map_err(|error| match error {
            MessageError::Unknown { to, sentence } if is_of_raft(kind) => {
                MessageError::Unknown { to: to.or_else(|| addressee(kind, message)), sentence }
            }
            MessageError::Unknown { sentence, .. } => MessageError::Refused(sentence),
            refused => refused,
        })
    }

    fn read(from: &str, kind: &str, message: &Bytes) -> Result<Self, MessageError> {
        let part = Part::Request(kind);
        Ok(match kind {
            "append" => Self::Append(append::decode(part, message)?),
            "vote" => Self::Vote(wire::decode(part, message)?),
            "pre_vote" => Self::PreVote(wire::decode(part, message)?),
            "transfer_leader" => Self::TransferLeader(wire::decode(part, message)?),
            "snapshot_offset" => Self::SnapshotOffset(wire::decode(part, message)?),
            "snapshot" => Self::Snapshot(wire::decode(part, message)?),
            "propose" => {
                let batch = Batch::decode(&wire::open(part, message)?);
                Self::Propose(batch.map_err(|error| format!("proposals of {from}: {error}"))?)
            }
            "read_index" => {
                let () = wire::decode(part, message)?;
                Self::ReadIndex
            }
            "change" => Self::Change(wire::decode(part, message)?),
            "join" => Self::Join(wire::decode(part, message)?),
            "update" => Self::Update(wire::decode(part, message)?),
            "leave" => Self::Leave(wire::decode(part, message)?),
            "invite" => Self::Invite(wire::decode(part, message)?),
            "standing" => Self::Standing(wire::decode(part, message)?),
            "report" => {
                let () = wire::decode(part, message)?;
                Self::Report
            }
            "compared" => Self::Compared(wire::decode(part, message)?),
            other => return Err(unknown(other).into()),
        })
    }
}

/// Whether only members of this node's own cluster send messages of this kind, by what the cluster has agreed to use.
/// A node that asks to be taken in, or how this one is, may be of a newer release: it has to ask in the words of this
/// one, and is refused if it does not.
fn is_of_raft(kind: &str) -> bool {
    matches!(kind, "append" | "vote" | "pre_vote" | "transfer_leader" | "snapshot_offset" | "snapshot")
}

/// The node that is meant by a message of which nothing else can be read.
fn addressee(kind: &str, message: &Bytes) -> Option<u64> {
    #[derive(serde::Deserialize)]
    struct Addressee {
        to: u64,
    }
    let part = Part::Request(kind);
    let json = if kind == "append" { append::head(part, message) } else { wire::open(part, message) };
    serde_json::from_slice(&json.ok()?).ok().map(|Addressee { to }| to)
}

/// Commands as a message: the bytes of a batch, as the log has them.
fn propose(part: Part<'_>, batch: &Batch) -> Result<Bytes, String> {
    let bytes = batch.encode().map_err(|error| error.to_string())?;
    let mut message = wire::Writer::new(bytes.len());
    message.body().extend_from_slice(&bytes);
    Ok(message.seal(part))
}

/// The refusal of a request that this Chronos does not know, or not in this form.
pub(crate) fn unknown(kind: &str) -> String {
    format!("this Chronos does not know the message {kind}")
}
