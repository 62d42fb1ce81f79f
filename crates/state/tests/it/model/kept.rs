//! What the naive machine counts: everything that was ever done, found by what differs before and after a command.

use std::collections::BTreeSet;

use chronos_state::{Figures, JobOutcome, JobStats, Lengths};

use super::*;

#[derive(Clone, Debug, Default)]
pub struct Kept {
    pub jobs: BTreeMap<JobSeq, KeptJob>,
    /// By when the five minutes began.
    done: BTreeMap<Millis, Done>,
    /// The executions that were put on record or failed since they are looked up.
    pub failures: BTreeSet<ExecutionId>,
    pub triggers: BTreeSet<(Trigger, ExecutionId)>,
    /// The runs that catch up, and the entries for what was missed.
    pub caught_up: BTreeSet<ExecutionId>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeptJob {
    pub last: Option<(Millis, Status)>,
    /// When each run failed that the schedule asked for since one of them succeeded, and how and where.
    failed: Vec<(Millis, Option<ErrorKind>, Option<u16>, String)>,
    success_at: Option<Millis>,
    failure_at: Option<Millis>,
    durations: Vec<u64>,
}

#[derive(Clone, Debug, Default)]
struct Done {
    ended: Vec<(Status, Trigger)>,
    attempts: Vec<Option<ErrorKind>>,
    missed: u64,
    lateness: Vec<u64>,
    durations: Vec<u64>,
    failed: Vec<(String, Option<ErrorKind>)>,
}

/// What figures tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Sums {
    pub start: Millis,
    executions: Vec<u64>,
    triggered: Vec<u64>,
    failed_attempts: Vec<u64>,
    successful_attempts: u64,
    missed: u64,
    lateness: Option<Lengths>,
    duration: Option<Lengths>,
}

impl Sums {
    pub fn of((start, figures): &(Millis, Figures)) -> Self {
        Self {
            start: *start,
            executions: Status::ALL.iter().map(|status| figures.executions(*status)).collect(),
            triggered: Trigger::ALL.iter().map(|trigger| figures.triggered(*trigger)).collect(),
            failed_attempts: ErrorKind::ALL.iter().map(|kind| figures.failed_attempts(*kind)).collect(),
            successful_attempts: figures.successful_attempts(),
            missed: figures.missed(),
            lateness: figures.lateness(),
            duration: figures.duration(),
        }
    }
}

/// What is seen of each run before a command.
pub struct Seen {
    runs: BTreeMap<ExecutionId, Run>,
    withdrawn: BTreeSet<ExecutionId>,
}

impl Model {
    pub(super) fn seen(&self) -> Seen {
        Seen { runs: self.runs.clone(), withdrawn: self.withdrawn.keys().copied().collect() }
    }

    pub(super) fn keep(&mut self, before: &Seen) {
        let on_record = |id: &ExecutionId| self.runs.contains_key(id);
        self.kept.failures.retain(on_record);
        self.kept.triggers.retain(|(_, id)| on_record(id));
        self.kept.caught_up.retain(on_record);
        self.kept.jobs.retain(|job, _| self.jobs.get(job).is_some_and(|job| !job.deleted));
        if !self.raised {
            return;
        }
        for run in self.runs.values().cloned().collect::<Vec<_>>() {
            self.keep_one(&run, before);
        }
    }

    fn keep_one(&mut self, run: &Run, before: &Seen) {
        let now = &run.execution;
        let was = before.runs.get(&now.id);
        let Kept { jobs, done, failures, triggers, caught_up } = &mut self.kept;
        let done = done.entry(self.at.div_euclid(300_000) * 300_000).or_default();
        if was.is_none() && now.trigger != Trigger::Schedule {
            triggers.insert((now.trigger, now.id));
        }
        if was.is_none() && (now.trigger == Trigger::CatchUp || now.missed.is_some()) {
            caught_up.insert(now.id);
        }
        if let Some(missed) = &now.missed {
            done.missed += if was.is_none() { missed.count } else { 0 };
            return;
        }
        let is_scheduled = now.trigger == Trigger::Schedule;
        if let (Some(began), true) =
            (now.started_at, was.is_none_or(|was| was.execution.started_at.is_none()))
            && is_scheduled
        {
            // One that comes back is to fire at its own instant: nothing else is known of it.
            assert!(was.is_some() || before.withdrawn.contains(&now.id));
            let fire_at = was.map_or(now.scheduled_time, |was| was.fire_at);
            done.lateness.push(u64::try_from(began - fire_at).unwrap_or(0));
        }
        let attempts = was.map_or(0, |was| was.execution.attempt_log.len());
        done.attempts.extend(now.attempt_log[attempts..].iter().map(|attempt| attempt.error_kind));
        let before = was.map_or(Status::Pending, |was| was.execution.status);
        if before == now.status {
            return;
        }
        let last = now.attempt_log.last();
        if now.status.is_finished() {
            done.ended.push((now.status, now.trigger));
        }
        match now.status {
            Status::Success => done.durations.extend(last.map(|attempt| attempt.duration_ms)),
            Status::Failed => {
                done.failed.push((run.called.clone(), now.error_kind));
                failures.insert(now.id);
            }
            _ => {}
        }
        if self.jobs[&run.job].deleted || matches!(now.status, Status::Pending | Status::Skipped) {
            return;
        }
        let job = jobs.entry(run.job).or_default();
        let began = now.started_at.or(now.completed_at).unwrap();
        if job.last.is_none_or(|(last, _)| last <= began) {
            job.last = Some((began, now.status));
        }
        let counts = matches!(now.trigger, Trigger::Schedule | Trigger::CatchUp);
        match now.status {
            Status::Success => {
                job.success_at = job.success_at.max(now.completed_at);
                job.durations.extend(last.map(|attempt| attempt.duration_ms));
                if counts {
                    job.failed.clear();
                }
            }
            Status::Failed => {
                job.failure_at = job.failure_at.max(now.completed_at);
                if counts {
                    let code = last.and_then(|attempt| attempt.status_code);
                    job.failed.push((now.completed_at.unwrap(), now.error_kind, code, run.called.clone()));
                }
            }
            _ => {}
        }
    }

    /// What is told of a job.
    pub fn stats(&self, job: JobSeq) -> Option<Box<JobStats>> {
        let kept = self.kept.jobs.get(&job).cloned().unwrap_or_default();
        let (last, lengths) = (kept.failed.last(), lengths(&kept.durations));
        let stats = JobStats {
            failures_in_row: kept.failed.len() as u64,
            failing_since: kept.failed.first().map(|(at, ..)| *at),
            error_kind: last.and_then(|(_, kind, ..)| *kind),
            status_code: last.and_then(|(_, _, code, _)| *code),
            host: last.map(|(.., host)| host.clone()),
            last_success_at: kept.success_at,
            last_failure_at: kept.failure_at,
            duration_p50: lengths.map(|lengths| lengths.p50),
            duration_p95: lengths.map(|lengths| lengths.p95),
            outcomes: self.outcomes(job),
        };
        self.raised.then(|| Box::new(stats))
    }

    fn outcomes(&self, job: JobSeq) -> Vec<JobOutcome> {
        let told = self.of(job).take(130).filter(|run| run.execution.status != Status::Pending).take(30);
        let outcome = |run: &Run| {
            let now = &run.execution;
            let failed = match (now.error_kind, now.attempt_log.last().and_then(|last| last.status_code)) {
                (Some(ErrorKind::Status), Some(code)) => Some(format!("status {code}")),
                (kind, _) => kind.map(|kind| kind.as_str().to_owned()),
            };
            JobOutcome {
                id: now.id,
                scheduled_time: now.scheduled_time,
                trigger: now.trigger,
                status: now.status,
                started_at: now.started_at,
                completed_at: now.completed_at,
                attempts: now.attempts,
                version: now.job_version,
                reason: match now.status {
                    Status::Failed if self.kept.failures.contains(&now.id) => failed,
                    Status::Failed | Status::Cancelled | Status::Skipped => now.last_error.clone(),
                    _ => None,
                },
                missed: now.missed.as_ref().map(|missed| (missed.from, missed.to, missed.count)),
            }
        };
        told.map(outcome).collect()
    }

    /// What is told of stretches of time of a length.
    pub fn sums(&self, step: Millis) -> Vec<Sums> {
        let mut stretches: BTreeMap<Millis, Done> = BTreeMap::new();
        for (start, done) in &self.kept.done {
            let all = stretches.entry(start.div_euclid(step) * step).or_default();
            all.ended.extend(&done.ended);
            all.attempts.extend(&done.attempts);
            all.missed += done.missed;
            all.lateness.extend(&done.lateness);
            all.durations.extend(&done.durations);
        }
        let told = |(start, done): (&Millis, &Done)| {
            let count = |is: &dyn Fn(&(Status, Trigger)) -> bool| {
                done.ended.iter().filter(|ended| is(ended)).count() as u64
            };
            let attempts = |kind: Option<ErrorKind>| {
                done.attempts.iter().filter(|attempt| **attempt == kind).count() as u64
            };
            Sums {
                start: *start,
                executions: Status::ALL.iter().map(|status| count(&|ended| ended.0 == *status)).collect(),
                triggered: Trigger::ALL.iter().map(|trigger| count(&|ended| ended.1 == *trigger)).collect(),
                failed_attempts: ErrorKind::ALL.iter().map(|kind| attempts(Some(*kind))).collect(),
                successful_attempts: attempts(None),
                missed: done.missed,
                lateness: lengths(&done.lateness),
                duration: lengths(&done.durations),
            }
        };
        let is_empty = |done: &Done| {
            done.ended.is_empty() && done.attempts.is_empty() && done.missed == 0 && done.lateness.is_empty()
        };
        stretches.iter().filter(|(_, done)| !is_empty(done)).map(told).collect()
    }

    /// How many executions failed at each host with each kind of error.
    pub fn failed_kinds(&self) -> BTreeMap<String, u64> {
        let mut kinds = BTreeMap::new();
        for (host, kind) in self.kept.done.values().flat_map(|done| &done.failed) {
            *kinds.entry(format!("{host} {kind:?}")).or_default() += 1;
        }
        kinds
    }
}

/// What lengths come to, each read as the middle of its bucket: an eighth of its octave.
fn lengths(all: &[u64]) -> Option<Lengths> {
    let mut sorted = all.to_vec();
    sorted.sort_unstable();
    let max = *sorted.last()?;
    let at = |of_100: usize| {
        let length = sorted[(sorted.len() * of_100).div_ceil(100).max(1) - 1];
        let width = 1 << length.checked_ilog2().unwrap_or(0).saturating_sub(3);
        (length / width * width + (width - 1) / 2).min(max)
    };
    Some(Lengths { p50: at(50), p95: at(95), p99: at(99), max })
}
