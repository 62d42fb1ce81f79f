//! Entries from a leader to a follower, as bytes.
//!
//! A head in JSON, to which fields can be added, and behind it the entries: each as the bytes that the log
//! holds already.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use openraft::raft::AppendEntriesRequest;
use serde::{Deserialize, Serialize};

use super::payload::{Append, To};
use super::wire::{FORMAT, body, damaged};
use crate::log::codec::{self, Head};
use crate::presence::stamp::Stamp;
use crate::types::{LogId, Vote};

#[derive(Serialize, Deserialize)]
struct AppendHead {
    vote: Vote,
    prev: Option<LogId>,
    commit: Option<LogId>,
    entries: usize,
    #[serde(default)]
    proven: Option<Stamp>,
}

/// An entry's index, term, leader and kind, and the length of its bytes.
const ENTRY_HEAD: usize = 8 + 8 + 8 + 1 + 4;

/// Entries for one node as a message.
pub(super) fn encode(append: &To<Append>) -> Result<Bytes, String> {
    let To { to, message: Append { request, proven } } = append;
    let head = AppendHead {
        vote: request.vote,
        prev: request.prev_log_id,
        commit: request.leader_commit,
        entries: request.entries.len(),
        proven: *proven,
    };
    let head = serde_json::to_vec(&To { to: *to, message: head }).map_err(damaged)?;
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

/// Reads what [`encode`] wrote.
pub(super) fn decode(mut message: Bytes) -> Result<To<Append>, String> {
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

fn take(message: &mut Bytes, length: usize) -> Result<Bytes, String> {
    if message.len() < length {
        return Err(damaged(format!("{length} bytes expected, {} left", message.len())));
    }
    Ok(message.split_to(length))
}

fn length(of: usize) -> Result<u32, String> {
    u32::try_from(of).map_err(damaged)
}

#[cfg(test)]
mod tests {
    use chronos_state::Batch;
    use openraft::EntryPayload;

    use super::*;
    use crate::presence::stamp::StampClock;
    use crate::types::{Entry, LoggedBatch, Types};

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

    fn append(to: u64, proven: Option<Stamp>) -> To<Append> {
        To { to, message: Append { request: request(), proven } }
    }

    #[test]
    fn entries_come_out_as_they_went_in() {
        let stamp = StampClock::new(9).now();
        let bytes = encode(&append(u64::MAX, Some(stamp))).expect("bytes");
        let read = decode(bytes).expect("a message");
        assert_eq!(read.to, u64::MAX);
        assert_eq!(format!("{:?}", read.message.request), format!("{:?}", request()));
        assert_eq!(read.message.proven, Some(stamp));
    }

    #[test]
    fn what_is_cut_short_is_refused() {
        let bytes = encode(&append(1, None)).expect("bytes");
        for end in 0..bytes.len() {
            assert!(decode(bytes.slice(..end)).is_err(), "{end} bytes of {}", bytes.len());
        }
    }
}
