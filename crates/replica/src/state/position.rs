//! Where a state stands in the log: notes that are written into the state with what they are about.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::fault::StateFault;
use crate::forms::Form as _;
use crate::forms::{As, LogIdForm, SnapshotForm, StoredMembersForm, note};
use crate::types::{LogId, SnapshotMeta, StoredMembership};

/// The keys of this crate's notes in the state begin with this.
pub const NOTE_PREFIX: &str = "raft.";
/// The key of the note that is written with every batch, a [`Position`].
pub(crate) const POSITION: &str = "raft.position";
/// The key of the note of the last snapshot.
pub(crate) const SNAPSHOT: &str = "raft.snapshot";

/// Where the state stands. It changes with the state, in the same transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Position {
    /// The last entry in the state.
    #[serde(with = "As::<Option<LogIdForm>>")]
    pub applied: Option<LogId>,
    /// The last membership in the state.
    #[serde(with = "As::<StoredMembersForm>")]
    pub membership: StoredMembership,
    /// The time of the log after the last batch in the state.
    pub at: i64,
}

impl Position {
    /// The note of a state, if it has one.
    pub(crate) fn read(note: Option<Vec<u8>>) -> Result<Self, StateFault> {
        let position = note.map(|note| note::decode(&note)).transpose().map_err(damaged(POSITION))?;
        Ok(position.unwrap_or_default())
    }

    /// Where a snapshot of this state stands.
    pub(crate) fn snapshot(&self) -> SnapshotMeta {
        SnapshotMeta { last_log_id: self.applied, last_membership: self.membership.clone() }
    }
}

/// The note of the last snapshot.
pub(crate) fn snapshot_note(meta: &SnapshotMeta) -> Result<Vec<u8>, StateFault> {
    note::encode(&SnapshotForm::of(meta)).map_err(StateFault::Damaged)
}

/// Reads what [`snapshot_note`] wrote.
pub(crate) fn read_snapshot(note: Option<Vec<u8>>) -> Result<Option<SnapshotMeta>, StateFault> {
    let form = note.map(|note| note::decode::<SnapshotForm>(&note)).transpose();
    form.and_then(Option::<SnapshotForm>::into_value).map_err(damaged(SNAPSHOT))
}

/// Where the state in a copy stands.
pub(crate) fn position_of(copy: &Path) -> Result<SnapshotMeta, StateFault> {
    let note = chronos_state::note(copy, POSITION).map_err(StateFault::of_copy)?;
    Ok(Position::read(note)?.snapshot())
}

/// That a copy does not stand where it was said to.
pub(crate) fn mismatch(stands: &SnapshotMeta, said: &SnapshotMeta) -> String {
    format!("the copy was said to stand at {said:?}, and stands at {stands:?}")
}

/// That a note cannot be read.
pub(crate) fn damaged(key: &str) -> impl Fn(String) -> StateFault {
    move |what| StateFault::Damaged(format!("state.db is damaged: the note {key:?} cannot be read: {what}"))
}
