//! Messages between nodes as bytes.
//!
//! Each begins with the number of its format, so that a newer Chronos can tell what an older one
//! sent, and an older one refuses what it does not know. What follows is JSON, to which fields can
//! be added; entries travel as the bytes that the log holds already.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::codec::{self, Head};
use super::contact::Sign;
use super::types::{LogId, Types, Vote};

/// The format written, and the newest one understood.
const FORMAT: u8 = 1;

/// A message to one node. An address may have passed to another node since; raft must not take the
/// answer of one for that of the other.
#[derive(Serialize, Deserialize)]
pub(super) struct To<T> {
    /// The raft id of the node that is meant.
    pub to: u64,
    pub message: T,
}

#[derive(Serialize, Deserialize)]
struct AppendHead {
    vote: Vote,
    prev: Option<LogId>,
    commit: Option<LogId>,
    entries: usize,
    /// See [`super::contact`].
    #[serde(default)]
    proven: Option<Sign>,
}

/// What a leader sends.
pub(super) struct Append {
    pub request: AppendEntriesRequest<Types>,
    /// A sign of the one it is sent to.
    pub proven: Option<Sign>,
}

/// The answer to it.
#[derive(Serialize, Deserialize)]
pub(super) struct Answered {
    pub answer: AppendEntriesResponse<Types>,
    /// From one who follows the leader that asked.
    pub sign: Option<Sign>,
}

/// An entry's index, term, leader and kind, and the length of its bytes.
const ENTRY_HEAD: usize = 8 + 8 + 8 + 1 + 4;

/// A value as a message.
pub(super) fn encode(value: &impl Serialize) -> Result<Bytes, String> {
    let mut out = vec![FORMAT];
    serde_json::to_writer(&mut out, value)
        .map_err(|error| format!("a message cannot be written: {error}"))?;
    Ok(out.into())
}

/// Reads what [`encode`] wrote.
pub(super) fn decode<T: DeserializeOwned>(message: &Bytes) -> Result<T, String> {
    serde_json::from_slice(body(message)?).map_err(damaged)
}

/// Entries for one node as a message.
pub(super) fn encode_append(
    to: u64,
    request: &AppendEntriesRequest<Types>,
    proven: Option<Sign>,
) -> Result<Bytes, String> {
    let head = AppendHead {
        vote: request.vote,
        prev: request.prev_log_id,
        commit: request.leader_commit,
        entries: request.entries.len(),
        proven,
    };
    let head = serde_json::to_vec(&To { to, message: head }).map_err(damaged)?;
    let rows = request.entries.iter().map(codec::row).collect::<Result<Vec<_>, _>>()?;
    let bytes: usize = rows.iter().map(|(_, data)| ENTRY_HEAD + data.len()).sum();
    let mut out = BytesMut::with_capacity(1 + 4 + head.len() + bytes);
    out.put_u8(FORMAT);
    out.put_u32(length(head.len())?);
    out.put_slice(&head);
    for (head, data) in rows {
        out.put_i64(head.index);
        out.put_i64(head.term);
        out.put_i64(head.leader);
        out.put_u8(u8::try_from(head.kind).map_err(damaged)?);
        out.put_u32(length(data.len())?);
        out.put_slice(&data);
    }
    Ok(out.freeze())
}

/// Reads what [`encode_append`] wrote.
pub(super) fn decode_append(mut message: Bytes) -> Result<To<Append>, String> {
    body(&message)?;
    message.advance(1);
    let length = message.try_get_u32().map_err(damaged)? as usize;
    let To { to, message: head } =
        serde_json::from_slice::<To<AppendHead>>(&take(&mut message, length)?).map_err(damaged)?;
    let mut entries = Vec::with_capacity(head.entries.min(message.len() / ENTRY_HEAD));
    for _ in 0..head.entries {
        let row = Head {
            index: message.try_get_i64().map_err(damaged)?,
            term: message.try_get_i64().map_err(damaged)?,
            leader: message.try_get_i64().map_err(damaged)?,
            kind: message.try_get_u8().map_err(damaged)?.into(),
        };
        let length = message.try_get_u32().map_err(damaged)? as usize;
        entries.push(codec::entry(&row, take(&mut message, length)?)?);
    }
    let request =
        AppendEntriesRequest { vote: head.vote, prev_log_id: head.prev, leader_commit: head.commit, entries };
    Ok(To { to, message: Append { request, proven: head.proven } })
}

fn body(message: &Bytes) -> Result<&[u8], String> {
    match message.split_first() {
        Some((&FORMAT, body)) => Ok(body),
        Some((format, _)) => {
            Err(format!("a message is of format {format}, and this Chronos knows formats up to {FORMAT}"))
        }
        None => Err("a message is empty".to_owned()),
    }
}

fn take(message: &mut Bytes, length: usize) -> Result<Bytes, String> {
    if message.len() < length {
        return Err(damaged(format!("{length} bytes expected, {} left", message.len())));
    }
    Ok(message.split_to(length))
}

fn length(of: usize) -> Result<u32, String> {
    u32::try_from(of).map_err(damaged)
}

fn damaged(error: impl std::fmt::Display) -> String {
    format!("a message is damaged: {error}")
}

#[cfg(test)]
mod tests {
    use chronos_state::Batch;
    use openraft::EntryPayload;

    use super::*;
    use crate::contact::Signs;
    use crate::types::{Entry, LoggedBatch};

    fn request() -> AppendEntriesRequest<Types> {
        let leader = openraft::impls::leader_id_adv::LeaderId { term: 3, node_id: u64::MAX };
        let at = |index| LogId { leader_id: leader, index };
        let batch = LoggedBatch::new(Batch { at: 5, items: Vec::new() }).expect("a batch");
        let members = openraft::Membership::new_with_defaults(vec![[7].into()], [7]);
        AppendEntriesRequest {
            vote: Vote { leader_id: leader, committed: true },
            prev_log_id: Some(at(1)),
            leader_commit: None,
            entries: vec![
                Entry { log_id: at(2), payload: EntryPayload::Blank },
                Entry { log_id: at(3), payload: EntryPayload::Normal(batch) },
                Entry { log_id: at(4), payload: EntryPayload::Membership(members) },
            ],
        }
    }

    #[test]
    fn entries_come_out_as_they_went_in() {
        let sign = Signs::new(9).sign();
        let bytes = encode_append(u64::MAX, &request(), Some(sign)).expect("bytes");
        let read = decode_append(bytes).expect("a message");
        assert_eq!(read.to, u64::MAX);
        assert_eq!(format!("{:?}", read.message.request), format!("{:?}", request()));
        assert_eq!(read.message.proven, Some(sign));
    }

    #[test]
    fn what_is_newer_or_cut_short_is_refused() {
        let bytes = encode_append(1, &request(), None).expect("bytes");
        for end in 0..bytes.len() {
            assert!(decode_append(bytes.slice(..end)).is_err(), "{end} bytes of {}", bytes.len());
        }
        let newer = Bytes::from_static(b"\x02{}");
        let error = decode::<serde_json::Value>(&newer).expect_err("refused");
        assert!(error.contains("format 2"), "{error}");
    }
}
