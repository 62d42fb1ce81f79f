//! The requests between nodes: the one list of them, with their names on the wire and their bytes.
//!
//! The names and the bytes are a contract with the nodes of other versions.

use bytes::Bytes;
use chronos_peer::Lane;
use chronos_state::Batch;
use openraft::raft::{TransferLeaderRequest, VoteRequest};

use super::payload::{Append, Change, CopyId, JoinRequest, PresenceNote, SnapshotHead, To};
use super::{append, wire};
use crate::types::Types;

/// What one node asks of another. Each says what answers it; a refusal is text.
pub(crate) enum Request {
    /// Take these entries, or this heartbeat: [`super::payload::Appended`].
    Append(To<Append>),
    /// Vote for me: openraft's `VoteResponse`.
    Vote(To<VoteRequest<Types>>),
    /// Would you vote for me? The same.
    PreVote(To<VoteRequest<Types>>),
    /// Stand for election, for I give up the lead: openraft's answer to that.
    TransferLeader(To<TransferLeaderRequest<Types>>),
    /// How much of this copy have you? A number of bytes.
    SnapshotOffset(To<CopyId>),
    /// Install the state in the body behind this: the vote of the node that does.
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
    /// Know whether I am about to stop: nothing.
    Presence(PresenceNote),
    /// Leave the cluster, for you are to be removed: nothing.
    Leave(To<()>),
    /// Join by way of me, at this address: a `Result` of who the other node is, a [`JoinRequest`].
    Invite(String),
    /// Is the node of this raft id a member? A [`super::payload::Standing`].
    Standing(u64),
    /// How are you? A [`crate::NodeReport`], as JSON without a format.
    Report,
}

/// A request as bytes, with the name that it travels under and the connection that carries it.
#[derive(Clone)]
pub(crate) struct Message {
    pub kind: &'static str,
    pub lane: Lane,
    pub bytes: Bytes,
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
            Self::Presence(_) => "presence",
            Self::Leave(_) => "leave",
            Self::Invite(_) => "invite",
            Self::Standing(_) => "standing",
            Self::Report => "report",
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
        let bytes = match self {
            Self::Append(append) => append::encode(append),
            Self::Vote(request) | Self::PreVote(request) => wire::encode(request),
            Self::TransferLeader(request) => wire::encode(request),
            Self::SnapshotOffset(copy) => wire::encode(copy),
            Self::Snapshot(head) => wire::encode(head),
            Self::Propose(batch) => batch.encode().map(Bytes::from).map_err(|error| error.to_string()),
            Self::Change(change) => wire::encode(change),
            Self::Join(request) | Self::Update(request) => wire::encode(request),
            Self::Presence(note) => wire::encode(note),
            Self::Leave(to) => wire::encode(to),
            Self::Invite(address) => wire::encode(address),
            Self::Standing(id) => wire::encode(id),
            Self::ReadIndex | Self::Report => Ok(Bytes::new()),
        };
        Ok(Message { kind: self.kind(), lane: self.lane(), bytes: bytes? })
    }

    /// Reads what another node, `from`, has sent.
    pub(crate) fn decode(from: &str, kind: &str, bytes: Bytes) -> Result<Self, String> {
        Ok(match kind {
            "append" => Self::Append(append::decode(bytes)?),
            "vote" => Self::Vote(wire::decode(&bytes)?),
            "pre_vote" => Self::PreVote(wire::decode(&bytes)?),
            "transfer_leader" => Self::TransferLeader(wire::decode(&bytes)?),
            "snapshot_offset" => Self::SnapshotOffset(wire::decode(&bytes)?),
            "snapshot" => Self::Snapshot(wire::decode(&bytes)?),
            "propose" => {
                let batch = Batch::decode(&bytes);
                Self::Propose(batch.map_err(|error| format!("proposals of {from}: {error}"))?)
            }
            "read_index" => Self::ReadIndex,
            "change" => Self::Change(wire::decode(&bytes)?),
            "join" => Self::Join(wire::decode(&bytes)?),
            "update" => Self::Update(wire::decode(&bytes)?),
            "presence" => Self::Presence(wire::decode(&bytes)?),
            "leave" => Self::Leave(wire::decode(&bytes)?),
            "invite" => Self::Invite(wire::decode(&bytes)?),
            "standing" => Self::Standing(wire::decode(&bytes)?),
            "report" => Self::Report,
            other => return Err(unknown(other)),
        })
    }
}

/// The refusal of a request that this Chronos does not know, or not in this form.
pub(crate) fn unknown(kind: &str) -> String {
    format!("this Chronos does not know the message {kind}")
}

#[cfg(test)]
mod tests {
    use chronos_types::NodeName;

    use super::*;
    use crate::types::Member;

    /// What nodes of today send, byte for byte.
    fn sent() -> Vec<(Request, Lane, &'static str, &'static str)> {
        let member = || Member {
            name: NodeName::unchecked("two"),
            address: "two:1".into(),
            http: "h".into(),
            version: "1".into(),
            tz_release: "2026a".into(),
            follows: 1,
        };
        let join = || JoinRequest { id: 2, member: member() };
        let who = r#"{"id":2,"member":{"name":"two","address":"two:1","http":"h","version":"1","tz_release":"2026a","follows":1}}"#;
        let joins = r#"{"kind":"join","id":2,"member":{"name":"two","address":"two:1","http":"h","version":"1","tz_release":"2026a","follows":1}}"#;
        let name = || NodeName::unchecked("two");
        let copy = || CopyId { sha256: "ab".into(), length: 3 };
        vec![
            (
                Request::SnapshotOffset(To { to: 7, message: copy() }),
                Lane::Log,
                "snapshot_offset",
                r#"{"to":7,"message":{"sha256":"ab","length":3}}"#,
            ),
            (Request::Change(Change::Join { id: 2, member: member() }), Lane::Log, "change", joins),
            (
                Request::Change(Change::Remove { name: name() }),
                Lane::Log,
                "change",
                r#"{"kind":"remove","name":"two"}"#,
            ),
            (
                Request::Change(Change::Transfer { to: None }),
                Lane::Log,
                "change",
                r#"{"kind":"transfer","to":null}"#,
            ),
            (Request::Join(join()), Lane::Log, "join", who),
            (Request::Update(join()), Lane::Log, "update", who),
            (
                Request::Presence(PresenceNote { id: 7, leaving: true }),
                Lane::Log,
                "presence",
                r#"{"id":7,"leaving":true}"#,
            ),
            (Request::Leave(To { to: 7, message: () }), Lane::Control, "leave", r#"{"to":7,"message":null}"#),
            (Request::Invite("one:1".into()), Lane::Log, "invite", r#""one:1""#),
            (Request::Standing(7), Lane::Log, "standing", "7"),
        ]
    }

    #[test]
    fn requests_travel_under_their_names_as_the_bytes_of_always() {
        for (request, lane, kind, json) in sent() {
            let message = request.encode().expect("a message");
            assert_eq!((message.kind, message.lane), (kind, lane));
            assert_eq!(message.bytes, [b"\x01", json.as_bytes()].concat(), "{kind}");
            let read = Request::decode("two", kind, message.bytes.clone()).expect("a request");
            assert_eq!(read.encode().expect("a message").bytes, message.bytes, "{kind}");
        }
        for request in [Request::ReadIndex, Request::Report] {
            let message = request.encode().expect("a message");
            assert!(message.bytes.is_empty(), "{}", message.kind);
            assert_eq!(Request::decode("two", message.kind, message.bytes).expect("it").kind(), message.kind);
        }
        let strange = Request::decode("two", "gossip", Bytes::new()).err().expect("refused");
        assert_eq!(strange, "this Chronos does not know the message gossip");
    }
}
