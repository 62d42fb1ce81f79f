//! Log entries as rows, and rows as log entries.

use bytes::Bytes;
use chronos_state::StateError;
use openraft::EntryPayload;

use crate::forms::{Form as _, LogIdForm, MembersForm};
use crate::types::{Entry, LogId, LoggedBatch};

/// Kinds of rows; numbers on disk, never to be reused.
const BLANK: i64 = 0;
const BATCH: i64 = 1;
const MEMBERSHIP: i64 = 2;

/// The columns of a row before its bytes: the entry's position and kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub index: i64,
    /// Like the leader, its bits taken as a signed number.
    pub term: i64,
    /// The proposing leader's raft id.
    pub leader: i64,
    pub kind: i64,
}

/// Why a row that is whole is no entry.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EntryError {
    /// It is what was written, and this Chronos cannot read that. A whole sentence.
    #[error("{0}")]
    Unknown(String),
    /// It is not what was written.
    #[error("{0}")]
    Damaged(String),
}

/// The row's head, and the bytes behind it.
pub(crate) fn row(entry: &Entry) -> Result<(Head, Bytes), String> {
    let (kind, data) = match &entry.payload {
        EntryPayload::Blank => (BLANK, Bytes::new()),
        EntryPayload::Normal(logged) => (BATCH, logged.bytes().clone()),
        EntryPayload::Membership(members) => {
            let json = serde_json::to_vec(&MembersForm::of(members));
            let json = json.map_err(|error| format!("the members cannot be written: {error}"))?;
            (MEMBERSHIP, json.into())
        }
    };
    let LogIdForm { term, leader, index } = LogIdForm::of(&entry.log_id);
    let head = Head {
        index: i64::try_from(index).map_err(|error| format!("entry {index} cannot be written: {error}"))?,
        term: term.cast_signed(),
        leader: leader.cast_signed(),
        kind,
    };
    Ok((head, data))
}

/// The checksum of a row, over all its columns. `total` is the one that only the file has.
pub(crate) fn sum(head: &Head, total: i64, data: &[u8]) -> u32 {
    let Head { index, term, leader, kind } = *head;
    let mut sum = crc32fast::Hasher::new();
    let mut columns = [0; 40];
    for (bytes, column) in columns.chunks_exact_mut(8).zip([index, term, leader, kind, total]) {
        bytes.copy_from_slice(&column.to_be_bytes());
    }
    sum.update(&columns);
    sum.update(data);
    sum.finalize()
}

/// Reads a row back, which has the checksum that it should have.
pub(crate) fn entry(head: &Head, data: Bytes) -> Result<Entry, EntryError> {
    let log_id = log_id(head)?;
    let unreadable = |error: &dyn std::fmt::Display| {
        EntryError::Unknown(format!(
            "log entry {} is whole, and not in a form that this Chronos knows: {error}; start a newer Chronos",
            log_id.index
        ))
    };
    let payload = match head.kind {
        BLANK if data.is_empty() => EntryPayload::Blank,
        BLANK => return Err(unreadable(&"it should be empty")),
        BATCH => EntryPayload::Normal(LoggedBatch::decode(data).map_err(|error| match error {
            StateError::NewerVersion { .. } => {
                EntryError::Unknown(format!("log entry {}: {error}", log_id.index))
            }
            StateError::Corrupt(what) => unreadable(&what),
            other => unreadable(&other),
        })?),
        MEMBERSHIP => {
            let form: MembersForm<'_> = serde_json::from_slice(&data).map_err(|error| unreadable(&error))?;
            EntryPayload::Membership(form.into_value().map_err(|error| unreadable(&error))?)
        }
        kind => {
            return Err(EntryError::Unknown(format!(
                "log entry {} is of kind {kind}, which this Chronos does not know; start a newer Chronos",
                log_id.index
            )));
        }
    };
    Ok(Entry { log_id, payload })
}

/// The position that a row stands at.
pub(crate) fn log_id(head: &Head) -> Result<LogId, EntryError> {
    let Head { index, term, leader, .. } = *head;
    let form = u64::try_from(index).map(|index| LogIdForm {
        term: term.cast_unsigned(),
        leader: leader.cast_unsigned(),
        index,
    });
    let form = form.map_err(|_| EntryError::Damaged(format!("no log entry can have the index {index}")))?;
    form.into_value().map_err(EntryError::Damaged)
}

/// For tests: a position.
#[cfg(test)]
pub(crate) fn at(term: u64, leader: u64, index: u64) -> LogId {
    LogIdForm { term, leader, index }.into_value().expect("a position")
}
