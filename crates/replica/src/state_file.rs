//! The state machine on its thread, with what raft must remember beside it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chronos_env::ScratchFile;
use chronos_state::{Applied, Batch, Machine, StateError};
use openraft::EntryPayload;
use openraft::storage::EntryResponder;
use serde::{Deserialize, Serialize};

use super::codec;
use super::health::{Health, Store};
use super::types::{LogId, Membership, Reply, SnapshotMeta, Types};

/// How the keys of our notes in the state begin.
pub const NOTES: &str = "raft.";
/// The key of the note that is written with every batch.
const POSITION: &str = "raft.position";
/// The key of the note of the last snapshot.
const SNAPSHOT: &str = "raft.snapshot";

/// What the state machine hands on.
#[derive(Debug)]
pub enum Handed {
    /// What a batch came to; in log order.
    Applied(Applied),
    /// The state was replaced by a snapshot: what the batches in between came to is only in there.
    Replaced,
}

/// Receives it.
pub(super) type Sink = Box<dyn Fn(Handed) + Send + Sync>;

/// Where the state stands; changes with it, in the same transaction.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Position {
    /// The last entry in the state.
    pub applied: Option<LogId>,
    /// The last membership in the state.
    pub membership: Membership,
    /// The `at` of the last batch in the state.
    pub at: i64,
}

/// Where the state in a copy stands.
pub(super) fn standing_of(copy: &Path) -> Result<SnapshotMeta, StateFault> {
    let note = chronos_state::note(copy, POSITION)?.map(|note| codec::from_json(&note));
    let position: Position = note.transpose().map_err(StateFault::Damaged)?.unwrap_or_default();
    Ok(SnapshotMeta { last_log_id: position.applied, last_membership: position.membership })
}

/// Why the state cannot go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum StateFault {
    #[error(transparent)]
    State(#[from] StateError),
    #[error("{0}")]
    Damaged(String),
}

impl StateFault {
    pub(super) fn is_disk_full(&self) -> bool {
        matches!(self, Self::State(error) if error.is_disk_full())
    }
}

/// The machine, and raft's notes on it.
pub(super) struct StateFile {
    machine: Machine,
    position: Position,
    snapshot: Option<SnapshotMeta>,
    sink: Sink,
    health: Arc<Health>,
    newest_at: Arc<AtomicI64>,
    /// So many more attempts to write find space on the disk.
    #[cfg(test)]
    pub(super) room: Arc<AtomicI64>,
}

impl StateFile {
    /// Reads the notes of an open machine. `newest_at` is raised to the last applied instant.
    pub(super) fn new(
        machine: Machine,
        sink: Sink,
        health: Arc<Health>,
        newest_at: Arc<AtomicI64>,
    ) -> Result<Self, StateFault> {
        let mut file = Self {
            machine,
            position: Position::default(),
            snapshot: None,
            sink,
            health,
            newest_at,
            #[cfg(test)]
            room: Arc::new(AtomicI64::new(i64::MAX)),
        };
        file.load()?;
        Ok(file)
    }

    /// Where the state stands.
    pub(super) fn position(&self) -> &Position {
        &self.position
    }

    /// The last snapshot, if one was made or installed.
    pub(super) fn snapshot(&self) -> Option<&SnapshotMeta> {
        self.snapshot.as_ref()
    }

    /// Applies entries in one transaction, hands on what they came to and answers their proposers.
    /// While the disk is full it waits.
    pub(super) fn apply(&mut self, entries: Vec<EntryResponder<Types>>) -> Result<(), StateFault> {
        let mut position = self.position.clone();
        let mut batches: Vec<&Batch> = Vec::with_capacity(entries.len());
        for (entry, _) in &entries {
            position.applied = Some(entry.log_id);
            match &entry.payload {
                EntryPayload::Blank => {}
                EntryPayload::Normal(logged) => {
                    position.at = position.at.max(logged.batch().at);
                    batches.push(logged.batch());
                }
                EntryPayload::Membership(membership) => {
                    position.membership = Membership::new(Some(entry.log_id), membership.clone());
                }
            }
        }
        let note = codec::json(&position).map_err(StateFault::Damaged)?;
        let applied = self.write(&batches, &[(POSITION, &note)])?;
        self.newest_at.fetch_max(position.at, Ordering::Relaxed);
        self.position = position;
        let mut applied = applied.into_iter();
        for (entry, responder) in entries {
            let mut reply = Reply::default();
            if matches!(entry.payload, EntryPayload::Normal(_))
                && let Some(applied) = applied.next()
            {
                if responder.is_some() {
                    reply.outcomes.clone_from(&applied.outcomes);
                }
                (self.sink)(Handed::Applied(applied));
            }
            if let Some(responder) = responder {
                responder.send(reply);
            }
        }
        Ok(())
    }

    /// Makes the state as it stands the snapshot: the log may be purged up to it.
    ///
    /// # Errors
    /// Also a full disk, which is not waited for: the state must go on being applied to.
    pub(super) fn make_snapshot(&mut self) -> Result<SnapshotMeta, StateFault> {
        self.machine.make_durable()?;
        let meta = SnapshotMeta {
            last_log_id: self.position.applied,
            last_membership: self.position.membership.clone(),
        };
        let note = codec::json(&meta).map_err(StateFault::Damaged)?;
        self.machine.apply(&[], &[(SNAPSHOT, &note)])?;
        self.snapshot = Some(meta.clone());
        Ok(meta)
    }

    /// Where the state file is.
    pub(super) fn path(&self) -> &Path {
        self.machine.path()
    }

    /// Replaces the whole state by that of a file, which must stand where `meta` says. It is durable when
    /// this returns: what led to it is purged from the log then.
    pub(super) fn replace_with(&mut self, file: &ScratchFile, meta: &SnapshotMeta) -> Result<(), StateFault> {
        let note = codec::json(meta).map_err(StateFault::Damaged)?;
        self.until_space(|machine| machine.replace_with(file.path(), &[(SNAPSHOT, &note)]))?;
        // Apart: the state is in the write-ahead log now. Where there is no space to bring it back into the file,
        // another copy behind it would leave less.
        self.until_space(Machine::make_durable)?;
        self.load()?;
        if self.position.applied != meta.last_log_id {
            return Err(StateFault::Damaged(format!(
                "a snapshot of {:?} holds the state of {:?}",
                meta.last_log_id, self.position.applied
            )));
        }
        tracing::info!(
            index = meta.last_log_id.map(|id| id.index),
            "the state was replaced by that of another node"
        );
        (self.sink)(Handed::Replaced);
        Ok(())
    }

    fn load(&mut self) -> Result<(), StateFault> {
        let position = self.machine.meta(POSITION)?.map(|note| codec::from_json(&note));
        self.position = position.transpose().map_err(StateFault::Damaged)?.unwrap_or_default();
        let snapshot = self.machine.meta(SNAPSHOT)?.map(|note| codec::from_json(&note));
        self.snapshot = snapshot.transpose().map_err(StateFault::Damaged)?;
        self.newest_at.fetch_max(self.position.at, Ordering::Relaxed);
        Ok(())
    }

    fn write(&mut self, batches: &[&Batch], notes: &[(&str, &[u8])]) -> Result<Vec<Applied>, StateError> {
        self.until_space(|machine| machine.apply(batches, notes))
    }

    /// Attempts a write of the whole of something, and waits while the disk is full.
    fn until_space<R>(
        &mut self,
        mut write: impl FnMut(&mut Machine) -> Result<R, StateError>,
    ) -> Result<R, StateError> {
        let machine = &mut self.machine;
        #[cfg(test)]
        let room = self.room.clone();
        self.health.until_space(Store::State, StateError::is_disk_full, || {
            #[cfg(test)]
            if room.fetch_sub(1, Ordering::Relaxed) <= 0 {
                let error = std::io::ErrorKind::StorageFull.into();
                return Err(StateError::File { path: "state.db".into(), error });
            }
            write(machine)
        })
    }
}
