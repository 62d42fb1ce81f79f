//! Where a state stands in the log: notes that are written into the state with what they are about.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::fault::StateFault;
use crate::log::codec;
use crate::types::{LogId, SnapshotMeta, StoredMembership};

/// The keys of this crate's notes in the state begin with this.
pub const NOTE_PREFIX: &str = "raft.";
/// The key of the note that is written with every batch, a [`Position`].
pub(crate) const POSITION: &str = "raft.position";
/// The key of the note of the last snapshot.
pub(crate) const SNAPSHOT: &str = "raft.snapshot";

/// Where the state stands. It changes with the state, in the same transaction.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Position {
    /// The last entry in the state.
    pub applied: Option<LogId>,
    /// The last membership in the state.
    pub membership: StoredMembership,
    /// The `at` of the last batch in the state.
    pub at: i64,
}

/// Where the state in a copy stands.
pub(crate) fn position_of(copy: &Path) -> Result<SnapshotMeta, StateFault> {
    let note = chronos_state::note(copy, POSITION)?.map(|note| codec::from_json(&note));
    let position: Position = note.transpose().map_err(StateFault::Damaged)?.unwrap_or_default();
    Ok(SnapshotMeta { last_log_id: position.applied, last_membership: position.membership })
}
