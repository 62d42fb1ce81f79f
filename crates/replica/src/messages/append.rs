//! Entries from a leader to a follower, as bytes.
//!
//! The body is a head in JSON, and behind it the entries: each as the bytes that the log holds already.

use bytes::{Buf as _, BufMut as _, Bytes};
use openraft::raft::AppendEntriesRequest;
use serde::{Deserialize, Serialize};

use super::error::MessageError;
use super::payload::{Append, To};
use super::wire::{Part, Unread, Writer, open, unreadable};
use crate::forms::{As, LogIdForm, VoteForm};
use crate::log::codec::{self, EntryError, Head};
use crate::log::tail::next;
use crate::presence::stamp::Stamp;
use crate::types::{Entry, LogId, Vote};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AppendHead {
    #[serde(with = "As::<VoteForm>")]
    vote: Vote,
    /// The entry before the first one.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "As::<Option<LogIdForm>>")]
    prev: Option<LogId>,
    /// The last entry that is committed.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "As::<Option<LogIdForm>>")]
    commit: Option<LogId>,
    /// How many there are.
    entries: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    proven: Option<Stamp>,
    #[serde(default, skip_serializing_if = "is_zero")]
    stalled_ms: u64,
}

/// It is, mostly, and then it is not sent.
fn is_zero(stalled_ms: &u64) -> bool {
    *stalled_ms == 0
}

/// An entry's index, term, leader and kind, and the length of its bytes.
const ENTRY_HEAD: usize = 8 + 8 + 8 + 1 + 4;

/// Entries for one node as a message.
pub(super) fn encode(part: Part<'_>, append: &To<Append>) -> Result<Bytes, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{part} cannot be written: {error}");
    let length = |bytes: usize| u32::try_from(bytes).map_err(|error| failed(&error));
    let To { to, message: Append { request, proven, stalled_ms } } = append;
    let head = AppendHead {
        vote: request.vote,
        prev: request.prev_log_id,
        commit: request.leader_commit,
        entries: request.entries.len(),
        proven: *proven,
        stalled_ms: *stalled_ms,
    };
    let head = serde_json::to_vec(&To { to: *to, message: head }).map_err(|error| failed(&error))?;
    let rows = request.entries.iter().map(codec::row).collect::<Result<Vec<_>, _>>()?;
    let bytes: usize = rows.iter().map(|(_, data)| ENTRY_HEAD + data.len()).sum();
    let mut message = Writer::new(4 + head.len() + bytes);
    let out = message.body();
    out.put_u32(length(head.len())?);
    out.put_slice(&head);
    for (head, data) in rows {
        out.put_i64(head.index);
        out.put_i64(head.term);
        out.put_i64(head.leader);
        out.put_u8(u8::try_from(head.kind).map_err(|error| failed(&error))?);
        out.put_u32(length(data.len())?);
        out.put_slice(&data);
    }
    Ok(message.seal(part))
}

/// Reads what [`encode`] wrote.
pub(super) fn decode(part: Part<'_>, message: &Bytes) -> Result<To<Append>, MessageError> {
    let mut body = open(part, message)?;
    let short = |error| unreadable(part, error);
    let length = body.try_get_u32().map_err(short)? as usize;
    let To { to, message: head } = serde_json::from_slice::<To<AppendHead>>(&take(part, &mut body, length)?)
        .map_err(|error| unreadable(part, error))?;
    let mut entries = Vec::<Entry>::with_capacity(head.entries.min(body.len() / ENTRY_HEAD));
    for _ in 0..head.entries {
        let row = Head {
            index: body.try_get_i64().map_err(short)?,
            term: body.try_get_i64().map_err(short)?,
            leader: body.try_get_i64().map_err(short)?,
            kind: body.try_get_u8().map_err(short)?.into(),
        };
        let length = body.try_get_u32().map_err(short)? as usize;
        let entry = codec::entry(&row, take(part, &mut body, length)?).map_err(|error| match error {
            EntryError::Unknown(sentence) => MessageError::Unknown { to: Some(to), sentence },
            EntryError::Damaged(what) => unreadable(part, what).into(),
        })?;
        let before = entries.last().map_or(head.prev, |entry| Some(entry.log_id));
        if entry.log_id.index != next(before.as_ref()) {
            return Err(unreadable(part, format!("entry {} is out of order", row.index)).into());
        }
        entries.push(entry);
    }
    if !body.is_empty() {
        return Err(unreadable(part, format!("{} bytes are left over", body.len())).into());
    }
    let request =
        AppendEntriesRequest { vote: head.vote, prev_log_id: head.prev, leader_commit: head.commit, entries };
    let append = Append { request, proven: head.proven, stalled_ms: head.stalled_ms };
    Ok(To { to, message: append })
}

/// The head of a message, for whoever is meant by it.
pub(super) fn head(part: Part<'_>, message: &Bytes) -> Result<Bytes, Unread> {
    let mut body = open(part, message)?;
    let length = body.try_get_u32().map_err(|error| unreadable(part, error))? as usize;
    take(part, &mut body, length)
}

fn take(part: Part<'_>, body: &mut Bytes, length: usize) -> Result<Bytes, Unread> {
    if body.len() < length {
        return Err(unreadable(part, format!("{length} bytes expected, {} left", body.len())));
    }
    Ok(body.split_to(length))
}
