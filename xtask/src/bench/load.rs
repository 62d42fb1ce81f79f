//! Loads jobs and executions into a state file before a server starts on it. It applies the state machine's own
//! commands in large batches, so that a million jobs take half a minute.

use std::net::SocketAddr;
use std::path::Path;

use chronos_state::{
    Batch, Command, EVENTS_SINCE, JobSeq, LogBatch, Machine, Outcome, Plan, PlanStep, PlannedRun, Proposal,
    PutJob, Report, Reported, RunRef, StoredSpec, VERSION,
};
use chronos_types::{ExecutionId, JobId, JobSpec, Millis, NodeName, Response, Trigger, Waited};
use rusqlite::{Connection, OpenFlags};

use super::jobs::Job;
use super::now_ms;
use crate::Result;

/// Jobs in one transaction, and runs.
const AT_ONCE: usize = 5_000;
/// Steps in one command: a server proposes no larger ones.
const STEPS: usize = 250;
/// Bytes of the bodies of the jobs in one transaction.
const BYTES_AT_ONCE: usize = 16 << 20;

/// A state file that is being filled.
pub struct Loader {
    machine: Machine,
    sink: SocketAddr,
    /// The number of the last job.
    serial: i64,
    /// How many batches were applied.
    batches: u64,
    /// The same file.
    file: Connection,
}

impl Loader {
    /// Opens the state file in a data directory, or creates it. It is of the version that a cluster of this build
    /// comes to have, as it would be had the jobs been created through its API.
    pub fn open(directory: &Path, sink: SocketAddr) -> Result<Self> {
        let mut loader = Self::open_as_it_is(directory, sink)?;
        loader.raise(now_ms())?;
        Ok(loader)
    }

    /// The same, and a new one is of the first version: every release can open it, and raises it by itself.
    pub fn open_as_it_is(directory: &Path, sink: SocketAddr) -> Result<Self> {
        let path = directory.join("state.db");
        let machine = Machine::open(&path)?;
        let file = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let last = "SELECT last FROM counters WHERE name = 'job'";
        let serial = file.query_row(last, [], |row| row.get(0))?;
        Ok(Self { machine, sink, serial, batches: 0, file })
    }

    /// Raises the version of the state to what this build has, at this instant.
    pub fn raise(&mut self, at: Millis) -> Result<()> {
        if self.machine.version()? == VERSION {
            return Ok(());
        }
        self.apply(at, vec![Command::RaiseVersion { to: VERSION }])
    }

    /// The version of the state.
    pub fn version(&self) -> Result<u32> {
        Ok(self.machine.version()?)
    }

    /// Loads jobs.
    pub fn put(&mut self, jobs: impl Iterator<Item = Job>) -> Result<()> {
        self.in_batches(jobs, |loader, at, jobs| {
            let mut items = Vec::with_capacity(jobs.len());
            for job in jobs {
                let put = loader.create(&job.to_spec(loader.sink)?, at, job.first_due(at)?);
                items.push(Command::PutJob(Box::new(put)));
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
                let put = loader.create(&job.to_spec(loader.sink)?, at, Some(scheduled_time));
                let job_seq = JobSeq::new(loader.serial);
                let (step, report) = finished_run(put.id, job_seq, scheduled_time, job.first_due(at)?, node);
                puts.push(Command::PutJob(Box::new(put)));
                steps.push(step);
                reports.push(report);
            }
            puts.extend(plans(steps));
            puts.append(&mut reports);
            Ok(puts)
        })
    }

    /// Loads jobs that are never due again. Each has had a run at each of these instants, on record as a success
    /// of `node`.
    pub fn put_with_history(&mut self, jobs: &[Job], instants: &[Millis], node: &NodeName) -> Result<()> {
        let (at, mut known) = (now_ms(), Vec::with_capacity(jobs.len()));
        let mut puts = Vec::with_capacity(jobs.len());
        for job in jobs {
            let put = self.create(&job.to_spec(self.sink)?, at, instants.first().copied());
            known.push((put.id, JobSeq::new(self.serial)));
            puts.push(Command::PutJob(Box::new(put)));
        }
        self.apply(at, puts)?;
        let mut runs = instants.iter().enumerate().flat_map(|(n, scheduled_time)| {
            let next = instants.get(n + 1).copied();
            known.iter().map(move |(id, job)| finished_run(*id, *job, *scheduled_time, next, node))
        });
        loop {
            let (steps, reports): (Vec<_>, Vec<_>) = runs.by_ref().take(AT_ONCE).unzip();
            if steps.is_empty() {
                return Ok(());
            }
            self.apply(now_ms(), plans(steps).chain(reports).collect())?;
        }
    }

    /// Makes what creates a job. The machine numbers jobs from 1 in the order in
    /// which they come, and so does `serial`.
    pub fn create(&mut self, spec: &JobSpec, at: Millis, next_due: Option<Millis>) -> PutJob {
        self.serial += 1;
        let mut random = [0; 10];
        random[2..].copy_from_slice(&self.serial.to_be_bytes());
        let id = JobId::new(at, random);
        let spec = StoredSpec::of(spec);
        PutJob { id, from_version: None, created_at: at, spec, next_due, resumes: false }
    }

    /// The machine's number of the job that was created last.
    pub fn last(&self) -> JobSeq {
        JobSeq::new(self.serial)
    }

    /// Applies the commands that `commands` makes of a batch of jobs and of the instant, batch by batch.
    fn in_batches(
        &mut self,
        jobs: impl Iterator<Item = Job>,
        commands: impl Fn(&mut Self, Millis, &[Job]) -> Result<Vec<Command>>,
    ) -> Result<()> {
        let mut jobs = jobs.peekable();
        while jobs.peek().is_some() {
            let (at, mut some, mut bytes) = (now_ms(), Vec::new(), 0);
            while some.len() < AT_ONCE
                && bytes < BYTES_AT_ONCE
                && let Some(job) = jobs.next()
            {
                bytes += job.body.len();
                some.push(job);
            }
            let items = commands(self, at, &some)?;
            self.apply(at, items)?;
        }
        Ok(())
    }

    /// Applies commands in one transaction, as one batch.
    fn apply(&mut self, at: Millis, commands: Vec<Command>) -> Result<()> {
        self.apply_all(&[Batch { at, items: commands.into_iter().map(Proposal::from).collect() }])
    }

    /// Applies batches in one transaction.
    pub fn apply_all(&mut self, batches: &[Batch]) -> Result<()> {
        let indexed = (self.batches + 1..).zip(batches);
        let batches: Vec<_> =
            indexed.map(|(index, batch)| LogBatch { batch, index, follows: VERSION }).collect();
        self.batches += batches.len() as u64;
        let applied = self.machine.apply(&batches, &[])?;
        if self.machine.version()? >= EVENTS_SINCE {
            // Their places are those of no log, and the log of the server begins anew.
            self.file.execute("DELETE FROM events", [])?;
        }
        let mut outcomes = applied.iter().flat_map(|applied| &applied.outcomes);
        match outcomes.find(|outcome| matches!(outcome, Outcome::Refused { .. })) {
            Some(other) => Err(format!("a command was not taken: {other:?}").into()),
            None => Ok(()),
        }
    }

    /// Closes the file.
    pub fn finish(mut self) -> Result<()> {
        Ok(self.machine.make_durable()?)
    }
}

/// Plans of these steps.
pub fn plans(steps: Vec<PlanStep>) -> impl Iterator<Item = Command> {
    let mut steps = steps.into_iter().peekable();
    std::iter::from_fn(move || {
        steps.peek()?;
        Some(Command::Plan(Plan { steps: steps.by_ref().take(STEPS).collect() }))
    })
}

/// The step that puts a run of a job's first version on record, and moves the job to its next instant; and the
/// report that ends the run.
fn finished_run(
    id: JobId,
    job: JobSeq,
    scheduled_time: Millis,
    next_due: Option<Millis>,
    node: &NodeName,
) -> (PlanStep, Command) {
    let (execution, trigger) = (ExecutionId::scheduled(id, scheduled_time), Trigger::Schedule);
    let run = RunRef { execution, job, version: 1, scheduled_time, trigger };
    let planned = PlannedRun {
        execution,
        scheduled_time,
        trigger,
        fire_at: scheduled_time,
        node: node.clone(),
        beside: false,
    };
    let step = PlanStep {
        job,
        version: run.version,
        from: scheduled_time,
        next_due,
        missed: None,
        run: Some(planned),
    };
    (step, Command::Report(Report { run, node: node.clone(), what: success(scheduled_time) }))
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
        phases: None,
        waited: Waited::default(),
        host: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(directory: &Path, what: &str) -> i64 {
        let file = Connection::open(directory.join("state.db")).unwrap();
        file.query_row(&format!("SELECT count(*) FROM {what}"), [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn jobs_are_loaded_with_their_history_and_more_jobs_into_the_same_file() {
        let directory = tempfile::tempdir().unwrap();
        let sink = ([127, 0, 0, 1], 9).into();
        let old: Vec<_> = (0..3).map(|n| Job::named(format!("old-{n}"), "0 0 1 1 *")).collect();
        let instants: Vec<_> = (1..=4).map(|n| now_ms() - 7_200_000 + n * 1_000).collect();
        let mut loader = Loader::open(directory.path(), sink).unwrap();
        loader.put_with_history(&old, &instants, &NodeName::unchecked("n1")).unwrap();
        loader.finish().unwrap();
        let mut loader = Loader::open(directory.path(), sink).unwrap();
        let start = now_ms() - 3_600_000;
        let young = (0..2).map(|n| Job { start_at: Some(start), ..Job::numbered(n, "@every 1h") });
        loader.put_with_run(young, &NodeName::unchecked("n1")).unwrap();
        loader.finish().unwrap();
        let path = directory.path();
        assert_eq!(count(path, "jobs"), 5);
        assert_eq!(count(path, "executions WHERE status = 3"), 3 * 4 + 2, "all of them succeeded");
        assert_eq!(count(path, "due WHERE at IS NULL AND held = 4"), 3, "they are never due again");
        assert_eq!(count(path, "due WHERE at IS NOT NULL AND held = 1"), 2);
    }
}
