//! Puts jobs and executions into a state file before a server starts on it: the state machine's own
//! commands, in batches as large as it likes, so that a million jobs take half a minute.

use std::net::SocketAddr;
use std::path::Path;

use chronos_state::{Batch, Command, Machine, Outcome, Plan, PlannedRun, PutJob, Report, Reported};
use chronos_types::{ExecutionId, JobId, Millis, Response, Trigger};

use super::fleet::Job;
use super::now_ms;
use crate::Result;

/// Jobs in one transaction.
const AT_ONCE: usize = 5_000;

/// A state file that is being filled.
pub struct Loader {
    machine: Machine,
    sink: SocketAddr,
    serial: i64,
}

impl Loader {
    /// Creates the state file in a data directory.
    pub fn open(directory: &Path, sink: SocketAddr) -> Result<Self> {
        Ok(Self { machine: Machine::open(&directory.join("state.db"))?, sink, serial: 0 })
    }

    /// Puts jobs in.
    pub fn put(&mut self, jobs: impl Iterator<Item = Job>) -> Result<()> {
        self.in_batches(jobs, |loader, at, jobs| {
            let mut items = Vec::with_capacity(jobs.len());
            for job in jobs {
                items.push(loader.create(job, at, job.first_due(at)?)?.1);
            }
            Ok(items)
        })
    }

    /// Puts jobs in, each with the run of its first instant on record as a success of `node`.
    pub fn put_with_run(&mut self, jobs: impl Iterator<Item = Job>, node: &str) -> Result<()> {
        self.in_batches(jobs, |loader, at, jobs| {
            let (mut puts, mut runs, mut reports) = (Vec::new(), Vec::new(), Vec::new());
            for job in jobs {
                let start = job.start_at.ok_or_else(|| format!("{} has no start_at", job.name))?;
                let slot = job.first_due(start)?.ok_or_else(|| format!("{} is never due", job.name))?;
                let (id, put) = loader.create(job, at, Some(slot))?;
                let execution = ExecutionId::scheduled(id, slot);
                puts.push(put);
                runs.push(PlannedRun {
                    job: loader.serial,
                    version: 1,
                    from: slot,
                    slot: Some(slot),
                    fire_at: slot,
                    execution: Some(execution),
                    trigger: Trigger::Schedule,
                    next_due: job.first_due(at)?,
                    node: node.to_owned(),
                });
                reports.push(Command::Report(Report {
                    execution,
                    job: loader.serial,
                    version: 1,
                    slot,
                    trigger: Trigger::Schedule,
                    node: node.to_owned(),
                    what: success(slot),
                }));
            }
            puts.push(Command::Plan(Plan { runs }));
            puts.append(&mut reports);
            Ok(puts)
        })
    }

    /// The command that creates a job, and its id. The machine numbers jobs from 1 in the order in
    /// which they come, as `serial` does.
    fn create(&mut self, job: &Job, at: Millis, next_due: Option<Millis>) -> Result<(JobId, Command)> {
        self.serial += 1;
        let mut random = [0; 10];
        random[2..].copy_from_slice(&self.serial.to_be_bytes());
        let id = JobId::new(at, random);
        let spec = job.to_spec(self.sink)?;
        let put = PutJob { id, from_version: None, created_at: at, spec, next_due };
        Ok((id, Command::PutJob(Box::new(put))))
    }

    /// Applies what `commands` makes of some jobs at a time, and of the instant.
    fn in_batches(
        &mut self,
        jobs: impl Iterator<Item = Job>,
        commands: impl Fn(&mut Self, Millis, &[Job]) -> Result<Vec<Command>>,
    ) -> Result<()> {
        let mut jobs = jobs.peekable();
        while jobs.peek().is_some() {
            let at = now_ms();
            let some: Vec<_> = jobs.by_ref().take(AT_ONCE).collect();
            let items = commands(self, at, &some)?.into_iter().map(Into::into).collect();
            let applied = self.machine.apply(&[&Batch { at, items }], &[])?;
            let mut outcomes = applied.iter().flat_map(|applied| &applied.outcomes);
            if let Some(other) = outcomes.find(|outcome| matches!(outcome, Outcome::Refused { .. })) {
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

/// A run that took 12 ms, and what a target might answer.
fn success(slot: Millis) -> Reported {
    Reported::Ended {
        attempt: 1,
        started_at: slot,
        duration_ms: 12,
        response: Response {
            status_code: 200,
            body: Some(r#"{"accepted": true}"#.to_owned()),
            truncated: false,
            error: None,
        },
        failure: None,
        retry_at: None,
    }
}
