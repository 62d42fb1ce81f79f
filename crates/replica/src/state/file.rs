//! The state machine as a thread owns it, with the notes that raft needs.

use std::path::Path;
use std::sync::Arc;
#[cfg(test)]
use std::sync::atomic::{AtomicI64, Ordering};

use chronos_env::ScratchFile;
use chronos_state::{Applied, LogBatch, Machine, StateError};
use openraft::EntryPayload;
use openraft::storage::EntryResponder;

use super::fault::StateFault;
use super::position::{
    POSITION, Position, SNAPSHOT, damaged, mismatch, position_of, read_snapshot, snapshot_note,
};
use super::version::{ClusterVersion, followed_by_all};
use crate::comparison::differences::{DIFFERENCE, Difference, Differences};
use crate::comparison::digests::Digests;
use crate::forms::note;
use crate::health::{DataFile, Health};
use crate::log::time::{self, LogTime};
use crate::log_targets;
use crate::types::{Reply, SnapshotMeta, StoredMembership, Types};

/// The key of the note that a state file was cleaned. A copy of it has none of what was taken out.
const CLEANED: &str = "cleaned";

/// What happened to the state of this node.
#[derive(Debug)]
pub enum StateChange {
    /// A batch was applied, and this is what it came to. Batches come in log order.
    Applied(Applied),
    /// The state was replaced by a snapshot. It holds what the batches in between came to; nothing else
    /// tells of them.
    Replaced,
}

/// Is told of every change of the state, once for each time that it is applied, in log order, on the state's
/// thread. A batch is applied again after a crash that took the state back.
pub type Sink = Box<dyn Fn(StateChange) + Send + Sync>;

/// The machine, and this crate's notes in it.
pub(crate) struct StateFile {
    machine: Machine,
    position: Position,
    snapshot: Option<SnapshotMeta>,
    sink: Sink,
    health: Arc<Health>,
    time: Arc<LogTime>,
    version: ClusterVersion,
    digests: Arc<Digests>,
    differences: Arc<Differences>,
    /// For tests: only this many more attempts to write find space on the disk.
    #[cfg(test)]
    pub(crate) room: Arc<AtomicI64>,
}

impl StateFile {
    /// Reads the notes of an open machine. `time` is told every batch that is applied, and
    /// `version` is kept as the state has it.
    pub(crate) fn new(
        machine: Machine,
        sink: Sink,
        health: Arc<Health>,
        time: Arc<LogTime>,
        version: ClusterVersion,
    ) -> Result<Self, StateFault> {
        let mut file = Self {
            machine,
            position: Position::default(),
            snapshot: None,
            sink,
            health,
            time,
            version,
            digests: Arc::default(),
            differences: Arc::default(),
            #[cfg(test)]
            room: Arc::new(AtomicI64::new(i64::MAX)),
        };
        file.load()?;
        Ok(file)
    }

    /// Where the state stands.
    pub(crate) fn position(&self) -> &Position {
        &self.position
    }

    /// What this node has had in the rows that were compared last, and what came of it.
    pub(crate) fn comparison(&self) -> (Arc<Digests>, Arc<Differences>) {
        (self.digests.clone(), self.differences.clone())
    }

    /// The last snapshot, if one was made or installed.
    pub(crate) fn snapshot(&self) -> Option<&SnapshotMeta> {
        self.snapshot.as_ref()
    }

    /// Applies entries in one transaction, tells the sink what they came to, and answers their proposers.
    /// Waits while the disk is full.
    pub(crate) fn apply(&mut self, entries: Vec<EntryResponder<Types>>) -> Result<(), StateFault> {
        let mut position = self.position.clone();
        let mut follows = followed_by_all(position.membership.nodes());
        let mut batches = Vec::with_capacity(entries.len());
        for (entry, _) in &entries {
            position.applied = Some(entry.log_id);
            match &entry.payload {
                EntryPayload::Blank => {}
                EntryPayload::Normal(logged) => {
                    position.at = time::after(position.at, logged.batch());
                    batches.push(LogBatch { batch: logged.batch(), index: entry.log_id.index, follows });
                }
                EntryPayload::Membership(membership) => {
                    position.membership = StoredMembership::new(Some(entry.log_id), membership.clone());
                    follows = followed_by_all(membership.nodes());
                }
            }
        }
        let note = note::encode(&position).map_err(StateFault::Damaged)?;
        let applied = self.write(&batches, &[(POSITION, &note)])?;
        for (entry, _) in &entries {
            if let EntryPayload::Normal(logged) = &entry.payload {
                self.time.note(entry.log_id.index, logged.batch());
            }
        }
        self.version.set(self.machine.version()?);
        self.position = position;
        let mut applied = applied.into_iter();
        for (entry, responder) in entries {
            let mut reply = Reply::default();
            if matches!(entry.payload, EntryPayload::Normal(_))
                && let Some(applied) = applied.next()
            {
                self.digests.note(entry.log_id.index, &applied);
                if responder.is_some() {
                    reply.outcomes.clone_from(&applied.outcomes);
                }
                (self.sink)(StateChange::Applied(applied));
            }
            if let Some(responder) = responder {
                responder.send(reply);
            }
        }
        Ok(())
    }

    /// Makes the state as it stands the snapshot: the log may be purged up to it. So the note of the snapshot is durable
    /// when this returns, as the state is: else a power cut would leave a log that begins behind the snapshot.
    ///
    /// # Errors
    /// A full disk is one too. It is not waited for, because entries must go on being applied.
    pub(crate) fn make_snapshot(&mut self) -> Result<SnapshotMeta, StateFault> {
        let meta = self.position.snapshot();
        let note = snapshot_note(&meta)?;
        self.machine.apply(&[], &[(SNAPSHOT, &note)])?;
        self.machine.make_durable()?;
        self.snapshot = Some(meta.clone());
        Ok(meta)
    }

    /// The state was found not to be that of most nodes: that counts from now on, and is noted in it. Where another
    /// state has taken its place since, nothing is done.
    ///
    /// # Errors
    /// It counts, and is not noted. A full disk is an error too: it is not waited for, because entries must go on
    /// being applied.
    pub(crate) fn differs(&mut self, difference: &Difference) -> Result<(), StateFault> {
        if !self.differences.differs() {
            if self.digests.at(difference.index).is_none() {
                return Ok(());
            }
            self.differences.set(Some(difference.clone()));
        }
        let note = note::encode(difference).map_err(StateFault::Damaged)?;
        self.machine.apply(&[], &[(DIFFERENCE, &note)])?;
        Ok(())
    }

    /// Whether this file was cleaned with this mark.
    pub(crate) fn is_cleaned(&self, mark: &str) -> Result<bool, StateFault> {
        Ok(self.machine.meta(CLEANED)?.is_some_and(|known| known == mark.as_bytes()))
    }

    /// Writes the file anew without what was written over in it or deleted, and notes the mark.
    ///
    /// # Errors
    /// A full disk is one too: it is not waited for, because entries must go on being applied.
    pub(crate) fn clean(&mut self, mark: &str) -> Result<(), StateFault> {
        self.machine.write_anew()?;
        self.machine.apply(&[], &[(CLEANED, mark.as_bytes())])?;
        Ok(())
    }

    /// Where the state file is.
    pub(crate) fn path(&self) -> &Path {
        self.machine.path()
    }

    /// Replaces the whole state by that of a file, which must stand where `meta` says. It is durable when
    /// this returns, because the entries that led to it are purged from the log then.
    pub(crate) fn replace_with(&mut self, file: &ScratchFile, meta: &SnapshotMeta) -> Result<(), StateFault> {
        let stands = position_of(file.path())?;
        if stands != *meta {
            return Err(StateFault::Damaged(mismatch(&stands, meta)));
        }
        let note = snapshot_note(meta)?;
        let replaced = self.until_space(|machine| machine.replace_with(file.path(), &[(SNAPSHOT, &note)]));
        replaced.map_err(StateFault::of_copy)?;
        // A step of its own, that is tried again alone: the state is in the write-ahead log now. Where there is no
        // space to bring it back into the file, writing it once more would leave even less.
        self.until_space(Machine::make_durable)?;
        self.load()?;
        tracing::info!(
            target: log_targets::STATE,
            index = meta.last_log_id.map(|id| id.index),
            "the state was replaced by that of another node"
        );
        (self.sink)(StateChange::Replaced);
        Ok(())
    }

    fn load(&mut self) -> Result<(), StateFault> {
        self.position = Position::read(self.machine.meta(POSITION)?)?;
        self.snapshot = read_snapshot(self.machine.meta(SNAPSHOT)?)?;
        let difference = self.machine.meta(DIFFERENCE)?.map(|note| note::decode(&note)).transpose();
        self.digests.clear();
        self.differences.set(difference.map_err(damaged(DIFFERENCE))?);
        self.time.set(self.position.applied.map_or(0, |id| id.index), self.position.at);
        self.version.set(self.machine.version()?);
        Ok(())
    }

    fn write(
        &mut self,
        batches: &[LogBatch<'_>],
        notes: &[(&str, &[u8])],
    ) -> Result<Vec<Applied>, StateError> {
        self.until_space(|machine| machine.apply(batches, notes))
    }

    /// Attempts one write again and again while the disk is full.
    fn until_space<R>(
        &mut self,
        mut write: impl FnMut(&mut Machine) -> Result<R, StateError>,
    ) -> Result<R, StateError> {
        let machine = &mut self.machine;
        #[cfg(test)]
        let room = self.room.clone();
        self.health.until_space(DataFile::State, || {
            #[cfg(test)]
            if room.fetch_sub(1, Ordering::Relaxed) <= 0 {
                let error = std::io::ErrorKind::StorageFull.into();
                return Err(StateError::File { path: "state.db".into(), error });
            }
            write(machine)
        })
    }
}
