//! The state as openraft applies to it.

use std::io;
use std::sync::Arc;

use chronos_env::Worker;
use futures::{Stream, TryStreamExt as _};
use openraft::OptionalSend;
use openraft::storage::{EntryResponder, RaftStateMachine, Snapshot};
use tokio::time::Instant;

use super::fault::StateFault;
use super::file::StateFile;
use super::snapshot::builder::SnapshotBuilder;
use super::snapshot::outgoing::OutgoingCopies;
use super::snapshot::source::{SnapshotDirectory, SnapshotSource, SourcedSnapshot};
use crate::health::Health;
use crate::log::in_step::InStep;
use crate::metrics::WriteMetrics;
use crate::types::{LogId, SnapshotMeta, StoredMembership, Types};

/// At most this many entries go into one transaction of the state. More would save little and keep the
/// first of them waiting for the last.
const GROUP: usize = 512;

/// The state, as openraft holds it.
pub(crate) struct StateStore {
    worker: Worker<StateFile>,
    in_step: InStep,
    directory: Arc<SnapshotDirectory>,
    outgoing: Arc<OutgoingCopies>,
    health: Arc<Health>,
    writes: WriteMetrics,
}

impl StateStore {
    pub(crate) fn new(
        worker: Worker<StateFile>,
        in_step: InStep,
        directory: Arc<SnapshotDirectory>,
        outgoing: Arc<OutgoingCopies>,
        health: Arc<Health>,
        writes: WriteMetrics,
    ) -> Self {
        Self { worker, in_step, directory, outgoing, health, writes }
    }

    fn source(&self) -> SnapshotSource {
        SnapshotSource::Live(self.worker.clone(), self.directory.clone())
    }

    fn fail(&self, fault: StateFault) -> io::Error {
        if !(self.health.stopping() && self.health.lacks_space(&fault)) {
            self.health.report(fault.to_string());
        }
        io::Error::other(fault)
    }
}

impl RaftStateMachine<Types> for StateStore {
    type SnapshotData = SnapshotSource;
    type SnapshotBuilder = SnapshotBuilder;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        let position = self.worker.call(|state| state.position().clone()).await?;
        Ok((position.applied, position.membership))
    }

    async fn apply<S>(&mut self, entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<Types>>> + Unpin + OptionalSend,
    {
        let mut groups = entries.try_ready_chunks(GROUP);
        while let Some(group) = groups.try_next().await.map_err(|error| error.1)? {
            let last = group.last().map_or(0, |(entry, _)| entry.log_id.index);
            self.in_step.durable(last).await?;
            let begun = Instant::now();
            let applied = self.worker.write(move |state| state.apply(group)).await?;
            applied.map_err(|fault| self.fail(fault))?;
            self.writes.applied(begun.elapsed());
            self.in_step.applied(last);
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> SnapshotBuilder {
        let (worker, directory) = (self.worker.clone(), self.directory.clone());
        SnapshotBuilder { worker, directory, health: self.health.clone() }
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, snapshot: SnapshotSource) -> io::Result<()> {
        let (meta, last) = (meta.clone(), meta.last_log_id.map(|id| id.index));
        let (file, _) = snapshot.into_file(meta.clone()).await?;
        let replaced = self.worker.write(move |state| state.replace_with(&file, &meta)).await?;
        replaced.map_err(|fault| self.fail(fault))?;
        if let Some(last) = last {
            self.health.progress().applied(last);
        }
        Ok(())
    }

    /// A copy that is kept goes first, so that whoever got a part of it gets the rest.
    async fn get_current_snapshot(&mut self) -> io::Result<Option<SourcedSnapshot>> {
        if let Some(copy) = self.outgoing.kept(self.in_step.first()) {
            return Ok(Some(Snapshot { meta: copy.meta.clone(), snapshot: SnapshotSource::Kept(copy) }));
        }
        let meta = self.worker.call(|state| state.snapshot().cloned()).await?;
        Ok(meta.map(|meta| Snapshot { meta, snapshot: self.source() }))
    }
}
