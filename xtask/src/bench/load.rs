//! Puts jobs into a state file before a server starts on it: the state machine's own commands, in
//! batches as large as it likes, so that a million jobs take half a minute.

use std::net::SocketAddr;
use std::path::Path;

use chronos_state::{Batch, Command, Machine, Outcome, PutJob};
use chronos_types::JobId;

use super::fleet::Job;
use super::now_ms;
use crate::Result;

/// Jobs in one transaction.
const AT_ONCE: usize = 5_000;

/// A state file that is being filled.
pub struct Loader {
    machine: Machine,
    sink: SocketAddr,
    serial: u64,
}

impl Loader {
    /// Creates the state file in a data directory.
    pub fn open(directory: &Path, sink: SocketAddr) -> Result<Self> {
        Ok(Self { machine: Machine::open(&directory.join("state.db"))?, sink, serial: 0 })
    }

    /// Puts jobs in.
    pub fn put(&mut self, jobs: impl Iterator<Item = Job>) -> Result<()> {
        let mut jobs = jobs.peekable();
        while jobs.peek().is_some() {
            let at = now_ms();
            let mut items = Vec::with_capacity(AT_ONCE);
            for job in jobs.by_ref().take(AT_ONCE) {
                self.serial += 1;
                let mut random = [0; 10];
                random[2..].copy_from_slice(&self.serial.to_be_bytes());
                let put = PutJob {
                    id: JobId::new(at, random),
                    from_version: None,
                    created_at: at,
                    spec: job.to_spec(self.sink)?,
                    next_due: job.first_due(at)?,
                };
                items.push(Command::PutJob(Box::new(put)).into());
            }
            let applied = self.machine.apply(&[&Batch { at, items }], &[])?;
            let mut outcomes = applied.iter().flat_map(|applied| &applied.outcomes);
            if let Some(other) = outcomes.find(|outcome| !matches!(outcome, Outcome::Job { .. })) {
                return Err(format!("a job was not taken: {other:?}").into());
            }
        }
        Ok(())
    }

    /// Closes the file.
    pub fn finish(mut self) -> Result<()> {
        Ok(self.machine.make_durable()?)
    }
}
