//! Log entries as rows, and rows as log entries.

use bytes::Bytes;
use openraft::{EntryPayload, Membership as RawMembership};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::types::{Entry, LogId, LoggedBatch, Member};

/// Kinds of rows; numbers on disk, never to be reused.
const BLANK: i64 = 0;
const BATCH: i64 = 1;
const MEMBERSHIP: i64 = 2;

/// The columns of a row before its bytes: the entry's position and kind.
pub(crate) struct Head {
    pub index: i64,
    pub term: i64,
    /// The proposing leader's raft id, its bits taken as a signed number.
    pub leader: i64,
    pub kind: i64,
}

/// The row's head, and the bytes behind it.
pub(crate) fn row(entry: &Entry) -> Result<(Head, Bytes), String> {
    let (kind, data) = match &entry.payload {
        EntryPayload::Blank => (BLANK, Bytes::new()),
        EntryPayload::Normal(logged) => (BATCH, logged.bytes().clone()),
        EntryPayload::Membership(membership) => (MEMBERSHIP, json(membership)?.into()),
    };
    let leader = &entry.log_id.leader_id;
    let head = Head {
        index: entry.log_id.index.cast_signed(),
        term: leader.term.cast_signed(),
        leader: leader.node_id.cast_signed(),
        kind,
    };
    Ok((head, data))
}

/// Reads a row back.
pub(crate) fn entry(head: &Head, data: Bytes) -> Result<Entry, String> {
    let index = head.index.cast_unsigned();
    let payload = match head.kind {
        BLANK => EntryPayload::Blank,
        BATCH => {
            EntryPayload::Normal(LoggedBatch::decode(data).map_err(|e| format!("log entry {index}: {e}"))?)
        }
        MEMBERSHIP => EntryPayload::Membership(from_json::<RawMembership<u64, Member>>(&data)?),
        kind => {
            return Err(format!(
                "log entry {index} is of kind {kind}, which this Chronos does not know; start a newer Chronos"
            ));
        }
    };
    Ok(Entry { log_id: log_id(head), payload })
}

/// The position that a row stands at.
pub(crate) fn log_id(head: &Head) -> LogId {
    let leader = openraft::impls::leader_id_adv::LeaderId {
        term: head.term.cast_unsigned(),
        node_id: head.leader.cast_unsigned(),
    };
    LogId { leader_id: leader, index: head.index.cast_unsigned() }
}

/// A note as bytes.
pub(crate) fn json(value: &impl Serialize) -> Result<Vec<u8>, String> {
    serde_json::to_vec(value).map_err(|error| format!("a note cannot be written: {error}"))
}

/// A note from bytes.
pub(crate) fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| format!("a note is damaged: {error}"))
}
