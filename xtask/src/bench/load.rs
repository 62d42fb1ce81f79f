//! Loads jobs and executions into a state file before a server starts on it. It applies the state machine's own
//! commands in large batches, so that a million jobs take half a minute.

use std::net::SocketAddr;
use std::path::Path;

use chronos_state::{
    Batch, Command, JobSeq, LogBatch, Machine, Outcome, Plan, PlanStep, PlannedRun, PutJob, Report, Reported,
    RunRef, StoredSpec, VERSION,
};
use chronos_types::{ExecutionId, JobId, Millis, NodeName, Response, Trigger};

use super::jobs::Job;
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

    /// Loads jobs.
    pub fn put(&mut self, jobs: impl Iterator<Item = Job>) -> Result<()> {
        self.in_batches(jobs, |loader, at, jobs| {
            let mut items = Vec::with_capacity(jobs.len());
            for job in jobs {
                items.push(loader.create(job, at, job.first_due(at)?)?.1);
            }
            Ok(items)
        })
    }

    /// Loads jobs. The run of each one's first instant is on record as a success of `node`.
    pub fn put_with_run(&mut self, jobs: impl Iterator<Item = Job>, node: &NodeName) -> Result<()> {
        self.in_batches(jobs, |loader, at, jobs| {
            let (mut puts, mut steps, mut reports) = (Vec::new(), Vec::new(), Vec::new());
            for job in jobs {
                let start = job.start_at.ok_or_else(|| format!("{} has no start_at", job.name))?;
                let scheduled_time =
                    job.first_due(start)?.ok_or_else(|| format!("{} is never due", job.name))?;
                let (id, put) = loader.create(job, at, Some(scheduled_time))?;
                let run = RunRef {
                    execution: ExecutionId::scheduled(id, scheduled_time),
                    job: JobSeq::new(loader.serial),
                    version: 1,
                    scheduled_time,
                    trigger: Trigger::Schedule,
                };
                puts.push(put);
                let planned = PlannedRun {
                    execution: run.execution,
                    scheduled_time,
                    trigger: run.trigger,
                    fire_at: scheduled_time,
                    node: node.clone(),
                };
                steps.push(PlanStep {
                    job: run.job,
                    version: run.version,
                    from: scheduled_time,
                    next_due: job.first_due(at)?,
                    run: Some(planned),
                });
                let what = success(scheduled_time);
                reports.push(Command::Report(Report { run, node: node.clone(), what }));
            }
            puts.push(Command::Plan(Plan { steps }));
            puts.append(&mut reports);
            Ok(puts)
        })
    }

    /// Makes the command that creates a job, and the job's id. The machine numbers jobs from 1 in the order in
    /// which they come, and so does `serial`.
    fn create(&mut self, job: &Job, at: Millis, next_due: Option<Millis>) -> Result<(JobId, Command)> {
        self.serial += 1;
        let mut random = [0; 10];
        random[2..].copy_from_slice(&self.serial.to_be_bytes());
        let id = JobId::new(at, random);
        let spec = job.to_spec(self.sink)?;
        let spec = StoredSpec::of(&spec);
        let put = PutJob { id, from_version: None, created_at: at, spec, next_due };
        Ok((id, Command::PutJob(Box::new(put))))
    }

    /// Applies the commands that `commands` makes of a batch of jobs and of the instant, batch by batch.
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
            let batch = Batch { at, items };
            let applied = self.machine.apply(&[LogBatch { batch: &batch, follows: VERSION }], &[])?;
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

/// The report of a run that took 12 ms, with a typical answer of a target.
fn success(at: Millis) -> Reported {
    Reported::Ended {
        attempt: 1,
        started_at: at,
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
