//! Whether `log.db` and `state.db` belong together: files of one node, and of one time.
//!
//! What either file has lost shows only beside the other. Each rule here is kept by the order in which a node
//! writes; a node that finds one broken must not vote, nor answer for what it has acknowledged.

use std::path::Path;

use crate::error::ReplicaError;
use crate::forms::told;
use crate::log::change::Found;
use crate::log::error::LogError;
use crate::log::tail::next;
use crate::types::{LogId, SnapshotMeta};

/// Holds what was found in the log against the state in the same directory: its last entry, and its snapshot.
pub(crate) fn check(
    data_dir: &Path,
    log: &Found,
    applied: Option<LogId>,
    snapshot: Option<&SnapshotMeta>,
) -> Result<(), ReplicaError> {
    let is_empty = log.vote.is_none() && log.last.is_none();
    match applied {
        // Without its identity it would vote again, as another node.
        Some(applied) if log.identity.is_none() && is_empty => {
            let (log, state) = (data_dir.join("log.db"), data_dir.join("state.db"));
            return Err(ReplicaError::LogLost { log, state, applied: applied.index });
        }
        _ if log.identity.is_none() && !is_empty => {
            return Err(LogError::Damaged("it does not say whose log it is".to_owned()).into());
        }
        _ => {}
    }
    if let Some(begin) = log.purged.filter(|begin| next(applied.as_ref()) <= begin.index) {
        return Err(ReplicaError::StateBehindLog { state: applied.map(|end| end.index), log: begin.index });
    }
    // A node applies nothing that its log has not made durable. But where a copy of a state takes the place of
    // entries, the state has it first.
    let is_copy = snapshot.is_some_and(|snapshot| snapshot.last_log_id == applied);
    let is_behind = applied > log.last || next(applied.as_ref()) > next(log.last.as_ref());
    if is_behind && !is_copy {
        return Err(ReplicaError::LogBehindState { log: told(log.last), state: told(applied) });
    }
    // A node takes entries only from a leader for which it has written its vote.
    let leader = log.last.max(applied).map(|newest| newest.leader_id).filter(|leader| leader.term > 0);
    if leader > log.vote.map(|vote| vote.leader_id) {
        let term = leader.map_or(0, |leader| leader.term);
        return Err(LogError::Damaged(format!("its vote is older than its entries, of term {term}")).into());
    }
    Ok(())
}
