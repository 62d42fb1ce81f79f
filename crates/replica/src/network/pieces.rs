//! Cuts what openraft has for a follower into pieces of what the link carries.
//!
//! openraft asks for entries by number. It would send all that it has read as one message, and count nothing of it
//! until all of it is answered. Each piece is answered, and counts, by itself.

use openraft::EntryPayload;
use openraft::raft::AppendEntriesRequest;

use crate::types::{Entry, Types};

/// An entry's position and kind, and about what a change of the members takes.
const ENTRY_HEAD: usize = 29;
const MEMBERS: usize = 4 << 10;

/// The first entries of a request, as many as fit in `bytes` and at least one, and the rest.
pub(super) fn split(
    mut request: AppendEntriesRequest<Types>,
    bytes: usize,
) -> (AppendEntriesRequest<Types>, Option<AppendEntriesRequest<Types>>) {
    let mut taken = 0;
    let fitting = request.entries.iter().take_while(|entry| {
        taken += length(entry);
        taken <= bytes
    });
    let fitting = fitting.count().max(1);
    if fitting >= request.entries.len() {
        return (request, None);
    }
    let entries = request.entries.split_off(fitting);
    let prev_log_id = request.entries.last().map(|entry| entry.log_id);
    let rest = AppendEntriesRequest {
        vote: request.vote,
        prev_log_id,
        entries,
        leader_commit: request.leader_commit,
    };
    (request, Some(rest))
}

/// About the bytes of an entry on its way.
pub(super) fn length(entry: &Entry) -> usize {
    match &entry.payload {
        EntryPayload::Normal(logged) => ENTRY_HEAD + logged.bytes().len(),
        EntryPayload::Blank => ENTRY_HEAD,
        EntryPayload::Membership(_) => ENTRY_HEAD + MEMBERS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::codec::at;
    use crate::tests::put_job;
    use crate::types::{LoggedBatch, Vote};

    fn request(entries: u64) -> AppendEntriesRequest<Types> {
        let entry = |index| {
            let batch = LoggedBatch::new(put_job(1, &"x".repeat(1_000))).expect("a batch");
            Entry { log_id: at(1, 1, index), payload: EntryPayload::Normal(batch) }
        };
        AppendEntriesRequest {
            vote: Vote::new_committed(1, 1),
            prev_log_id: Some(at(1, 1, 4)),
            entries: (5..5 + entries).map(entry).collect(),
            leader_commit: Some(at(1, 1, 9)),
        }
    }

    #[test]
    fn a_request_is_cut_by_bytes_and_its_pieces_follow_each_other() {
        let one = length(&request(1).entries[0]);
        for (bytes, expected) in [
            (10 * one, vec![10]),
            (4 * one, vec![4, 4, 2]),
            (4 * one - 1, vec![3, 3, 3, 1]),
            // What cannot be cut goes as it is.
            (1, vec![1; 10]),
        ] {
            let (mut rest, mut pieces, mut has) = (Some(request(10)), Vec::new(), Some(at(1, 1, 4)));
            while let Some(whole) = rest {
                let (piece, more) = split(whole, bytes);
                assert_eq!((piece.prev_log_id, piece.leader_commit), (has, Some(at(1, 1, 9))));
                has = piece.entries.last().map(|entry| entry.log_id);
                pieces.push(piece.entries.len());
                rest = more;
            }
            assert_eq!((pieces, has), (expected, Some(at(1, 1, 14))), "{bytes}");
        }
        // A request without entries says what is committed.
        let (heartbeat, more) = split(request(0), 10);
        assert!(heartbeat.entries.is_empty() && more.is_none());
    }
}
