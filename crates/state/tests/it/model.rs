//! A naive machine: maps and plain structs, every rule written down a second time, no SQL.
//!
//! Where it and the real one differ, one of them is wrong.

mod clock;
mod kept;
mod operations;
mod pauses;
mod records;
mod reports;
mod requests;
mod secrets;
mod sets;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chronos_seal::{KeyId, Sealed, WrappedKey};
use chronos_state::{
    AUTHORS_SINCE, Anew, Cancel, ClockWord, Command, Confirm, DeleteJob, Effect, ExecutionAnswer, Fire,
    Idempotency, JobSeq, Moved, Outcome, PassedOver, PlanStep, PlannedRun, Proposal, PruneSet, PutItem,
    PutJob, PutJobs, PutOutcome, Refusal, Report, Reported, RunRef, SETS_SINCE, Sealing, SecretRow, SetOwner,
    TriggerRun, Trim, VERSION,
};
use chronos_types::{
    Attempt, By, Concurrency, ErrorKind, Execution, ExecutionId, JobId, JobSpec, Millis, Missed, NodeName,
    OperationId, Status, Trigger, Waited,
};

pub use kept::{Kept, Sums};
pub use operations::Operation;
pub use records::{Job, Run};

#[derive(Clone, Debug, Default)]
pub struct Model {
    pub at: Millis,
    pub jobs: BTreeMap<JobSeq, Job>,
    pub runs: BTreeMap<ExecutionId, Run>,
    /// Taken off the record, and no word has come of whether they had begun.
    pub withdrawn: BTreeMap<ExecutionId, Fire>,
    /// The machine's numbers of executions, which are never given twice.
    pub numbers: BTreeMap<i64, ExecutionId>,
    /// Whether the cluster has the version that brings authors, and answers that are kept.
    pub raised: bool,
    pub operations: BTreeMap<OperationId, Operation>,
    /// Their keys are looked up when they are read.
    secrets: BTreeMap<String, SecretRow>,
    pub data_keys: Vec<WrappedKey>,
    /// The one of them that seals.
    pub seals: Option<KeyId>,
    pub sealing: Option<Sealing>,
    pub fingerprints: Option<Sealed>,
    /// The secrets that each job names.
    named: BTreeMap<JobSeq, BTreeSet<String>>,
    /// All that was ever done since.
    pub kept: Kept,
    keys: BTreeMap<String, (Idempotency, Millis, Outcome)>,
    effects: Vec<Effect>,
    last_job: i64,
    pub last_number: i64,
    /// The applies that each set remembers, and their numbers.
    applies: BTreeMap<String, Vec<(String, i64)>>,
    /// What the time was set back to, while what waits is being computed anew.
    back_to: Option<Millis>,
}

impl Model {
    pub fn apply(&mut self, at: Millis, proposal: &Proposal) -> (Outcome, Vec<Effect>) {
        self.at = at;
        let before = self.seen();
        let outcome = match &proposal.idempotency {
            None => self.command(proposal),
            Some(key) => match self.keys.get(&key.key) {
                Some((known, _, _)) if known != key => refuse(Refusal::KeyReused),
                Some((_, _, outcome)) => outcome.clone(),
                None => {
                    let outcome = self.command(proposal);
                    if !matches!(outcome, Outcome::Refused { .. }) {
                        self.keys.insert(key.key.clone(), (key.clone(), at, outcome.clone()));
                    }
                    outcome
                }
            },
        };
        self.keep(&before);
        (outcome, std::mem::take(&mut self.effects))
    }

    fn command(&mut self, proposal: &Proposal) -> Outcome {
        let by = proposal.by.as_ref();
        let is_raise = matches!(proposal.command, Command::RaiseVersion { .. });
        if proposal.since() >= AUTHORS_SINCE && !is_raise && !self.raised {
            return refuse(Refusal::VersionNotFollowed { follows: AUTHORS_SINCE - 1 });
        }
        if self.raised && proposal.command.may_have_credentials() && proposal.sealed_by != self.seals {
            return refuse(Refusal::SealedOtherwise);
        }
        match &proposal.command {
            Command::PutJob(put) => self.put(put, by),
            Command::PutJobs(_) | Command::PruneSet(_) if !self.raised => {
                refuse(Refusal::VersionNotFollowed { follows: SETS_SINCE - 1 })
            }
            Command::PutJobs(puts) => self.put_jobs(puts, by),
            Command::DeleteJob(delete) => self.delete(delete, by),
            Command::PruneSet(prune) => self.prune(prune, by),
            Command::Trigger(run) => self.trigger(run, by),
            Command::Cancel(Cancel { execution }) => self.cancel(*execution, by),
            Command::Confirm(confirm) => self.confirm(confirm),
            Command::Plan(plan) => {
                plan.steps.iter().for_each(|step| self.plan(step));
                Outcome::Done
            }
            Command::Report(report) => self.report(report),
            Command::Trim(trim) => self.trim(trim),
            Command::Pause(pause) => self.pause(pause, by),
            Command::Resume(resume) => self.resume(*resume),
            Command::EndPauses(ends) => {
                self.end_pauses(&ends.pauses);
                Outcome::Done
            }
            Command::Skip(skip) => self.skip(*skip, by),
            // The model does all at once.
            Command::Portion => Outcome::Done,
            Command::Compare(_) => Outcome::Done,
            Command::Operation(word) => self.operation(word, by),
            Command::Keys(_) => unreachable!("the operations say nothing of keys"),
            Command::Audit(_) => unreachable!("the operations say nothing of the audit"),
            Command::Clock(word) => self.clock(word),
            Command::Secret(word) => self.secret(word, by),
            Command::RaiseVersion { .. } if self.raised => {
                refuse(Refusal::VersionNotFollowed { follows: VERSION })
            }
            Command::RaiseVersion { .. } => {
                self.raised = true;
                Outcome::Done
            }
            #[cfg(feature = "next")]
            Command::Probe => unreachable!("the operations do not probe"),
            Command::Reassign(reassign) => {
                reassign.runs.iter().for_each(|moved| self.reassign(moved));
                Outcome::Done
            }
        }
    }

    /// Jobs that are not deleted, in order of creation.
    pub fn live(&self) -> impl Iterator<Item = &Job> {
        self.jobs.values().filter(|job| !job.deleted)
    }

    fn find(&self, id: JobId) -> Option<JobSeq> {
        self.live().find(|job| job.id == id).map(|job| job.seq)
    }

    /// The runs of a job, the newest first.
    pub fn of(&self, job: JobSeq) -> impl Iterator<Item = &Run> {
        self.runs.values().rev().filter(move |run| run.job == job)
    }

    /// The open runs of a job, in the order in which they came on record.
    pub fn open(&self, job: JobSeq) -> Vec<ExecutionId> {
        let open = |id: &&ExecutionId| self.runs.get(*id).is_some_and(|run| run.job == job && run.is_open());
        self.numbers.values().filter(open).copied().collect()
    }

    fn put(&mut self, put: &PutJob, by: Option<&By>) -> Outcome {
        let (spec, at) = (put.spec.read().unwrap(), self.at);
        let name = &spec.name;
        let taken = self.live().any(|job| job.id != put.id && job.spec().name == *name);
        let taken = taken.then(|| refuse(Refusal::NameTaken { name: name.as_str().to_owned() }));
        let Some(from) = put.from_version else {
            // An id that was used is refused in the same words: only a doubled request has one.
            if taken.is_some() || self.jobs.values().any(|job| job.id == put.id) {
                return refuse(Refusal::NameTaken { name: name.as_str().to_owned() });
            }
            self.last_job += 1;
            let seq = JobSeq::new(self.last_job);
            let versions = BTreeMap::from([(1, (put.created_at, spec))]);
            let due = put.next_due;
            self.jobs.insert(
                seq,
                Job {
                    seq,
                    id: put.id,
                    version: 1,
                    deleted: false,
                    created_at: put.created_at,
                    due,
                    versions,
                    authors: by.map(|by| (1, by.clone())).into_iter().collect(),
                    deleted_by: None,
                    set: None,
                    paused: None,
                    skips: None,
                },
            );
            self.note_secrets(seq);
            self.effects.push(Effect::DueChanged);
            return Outcome::Job { seq, id: put.id, version: 1, at: put.created_at, next_due: put.next_due };
        };
        let Some(seq) = self.find(put.id) else {
            return refuse(Refusal::NoSuchJob);
        };
        let (old, current) = (self.jobs[&seq].spec().clone(), self.jobs[&seq].version);
        if current != from {
            return refuse(Refusal::VersionMismatch { current });
        }
        if let Some(taken) = taken {
            return taken;
        }
        let instants =
            |s: &JobSpec| (s.enabled, s.schedule.clone(), s.timezone.clone(), s.start_at, s.end_at);
        let job = self.jobs.get_mut(&seq).unwrap();
        let was_paused = job.paused.is_some();
        if put.resumes {
            job.paused = job.paused.take().filter(|pause| pause.is_over(at));
        }
        let next_due = put.next_due.filter(|_| job.paused.is_none());
        let same = old.enabled && !was_paused && instants(&old) == instants(&spec);
        if !same {
            job.due = next_due;
        }
        for id in self.open(seq) {
            let run = self.runs.get_mut(&id).unwrap();
            let waits = run.execution.status == Status::Pending && run.fire_at > at;
            if run.is_to_come(at) && same {
                run.execution.job_version = current + 1;
                // As the version to come, which is not noted yet, calls it.
                run.execution.job_name = name.clone();
                self.effects.push(Effect::Fire(run.owed()));
            } else if run.is_to_come(at) {
                self.withdraw(id);
            } else if old.enabled && !spec.enabled && waits {
                run.cancel(at, "the job was disabled", None);
                self.effects.push(Effect::Cancel(id));
            }
        }
        let job = self.jobs.get_mut(&seq).unwrap();
        job.version += 1;
        job.versions.insert(job.version, (at, spec));
        if let Some(by) = by {
            job.authors.insert(job.version, by.clone());
        }
        let version = job.version;
        self.note_secrets(seq);
        self.effects.push(Effect::DueChanged);
        Outcome::Job { seq, id: put.id, version, at, next_due }
    }

    fn withdraw(&mut self, id: ExecutionId) {
        let fire = Fire { begun: self.runs[&id].unsure, ..self.runs[&id].owed() };
        self.forget(id);
        self.withdrawn.insert(id, fire.clone());
        self.effects.push(Effect::Withdraw(fire));
    }

    fn forget(&mut self, id: ExecutionId) {
        self.runs.remove(&id);
        self.numbers.retain(|_, held| *held != id);
    }

    fn delete(&mut self, delete: &DeleteJob, by: Option<&By>) -> Outcome {
        let Some(seq) = self.find(delete.id) else {
            return refuse(Refusal::NoSuchJob);
        };
        let current = self.jobs[&seq].version;
        if delete.if_version.is_some_and(|wanted| wanted != current) {
            return refuse(Refusal::VersionMismatch { current });
        }
        for id in self.open(seq) {
            let run = self.runs.get_mut(&id).unwrap();
            if run.is_to_come(self.at) {
                self.withdraw(id);
            } else {
                run.cancel(self.at, "the job was deleted", by);
                self.effects.push(Effect::Cancel(id));
            }
        }
        let job = self.jobs.get_mut(&seq).unwrap();
        (job.deleted, job.due, job.deleted_by) = (true, None, by.cloned());
        (job.paused, job.skips) = (None, None);
        if let Some((set, _)) = job.set.take() {
            self.forget_set_if_empty(&set);
        }
        self.note_secrets(seq);
        Outcome::Done
    }

    /// Puts a run on record unless one with its id is.
    fn insert(&mut self, fire: &Fire, run: Option<&TriggerRun>, by: Option<&By>) -> bool {
        if self.runs.contains_key(&fire.run.execution) {
            return false;
        }
        let job = &self.jobs[&fire.run.job];
        let execution = Execution {
            id: fire.run.execution,
            job_id: job.id,
            job_name: job.name_at(fire.run.version),
            job_version: fire.run.version,
            trigger: fire.run.trigger,
            scheduled_time: fire.run.scheduled_time,
            started_at: None,
            completed_at: None,
            status: Status::Pending,
            attempts: 0,
            last_error: None,
            error_kind: None,
            response: None,
            attempt_log: vec![],
            node_id: fire.node.clone(),
            replay_of: run.and_then(|run| run.replay_of),
            operation: run.and_then(|run| run.operation).map(|operation| operation.id),
            by: By::of_run(fire.run.trigger, by.cloned()),
            cancelled_by: None,
            missed: None,
            lateness_ms: None,
            next_attempt_at: None,
            waited: Waited::default(),
        };
        let was = self.withdrawn.remove(&fire.run.execution);
        let unsure = was.is_some_and(|was| was.begun || was.node != fire.node);
        let run = Run {
            job: fire.run.job,
            fire_at: fire.fire_at,
            execution,
            unsure,
            overrides: None,
            was_to_fire: None,
            called: String::new(),
        };
        self.runs.insert(fire.run.execution, run);
        self.last_number += 1;
        self.numbers.insert(self.last_number, fire.run.execution);
        true
    }

    fn plan(&mut self, step: &PlanStep) {
        let Some(job) = self.jobs.get_mut(&step.job) else {
            return;
        };
        let Some(due) = job.due else { return };
        let moves_on = step.next_due.is_none_or(|next| next > due);
        if (job.version, due) != (step.version, step.from) || !moves_on {
            return;
        }
        job.due = step.next_due;
        if let Some(missed) = &step.missed {
            self.pass_over(step, missed);
        }
        if let Some(planned) = &step.run {
            let PlannedRun { execution, scheduled_time, trigger, fire_at, node, beside } = planned.clone();
            let node = self.place(step.job, &node, beside);
            let PlanStep { job, version, .. } = *step;
            let run = RunRef { execution, job, version, scheduled_time, trigger };
            let fire = first(run, fire_at, &node);
            let skips = self.takes(&run);
            if self.insert(&fire, None, None) {
                if skips {
                    self.skip_one(execution);
                } else {
                    self.effects.push(Effect::Fire(fire));
                }
            }
        }
    }

    /// Puts an entry on record for instants that are passed over.
    fn pass_over(&mut self, step: &PlanStep, missed: &PassedOver) {
        let PassedOver { entry, from, to, count, reason, node } = missed.clone();
        if self.runs.contains_key(&entry) {
            return;
        }
        let job = &self.jobs[&step.job];
        let execution = Execution {
            id: entry,
            job_id: job.id,
            job_name: job.name_at(step.version),
            job_version: step.version,
            trigger: Trigger::Schedule,
            scheduled_time: to,
            started_at: None,
            completed_at: Some(self.at),
            status: Status::Skipped,
            attempts: 0,
            last_error: Some(reason.clone()),
            error_kind: None,
            response: None,
            attempt_log: vec![],
            node_id: node,
            replay_of: None,
            operation: None,
            by: Some(By::system()),
            cancelled_by: None,
            missed: Some(Missed { from, to, count, reason }),
            lateness_ms: None,
            next_attempt_at: None,
            waited: Waited::default(),
        };
        let run = Run {
            job: step.job,
            fire_at: to,
            execution,
            unsure: false,
            overrides: None,
            was_to_fire: None,
            called: String::new(),
        };
        self.runs.insert(entry, run);
        self.last_number += 1;
        self.numbers.insert(self.last_number, entry);
    }

    fn reassign(&mut self, moved: &Moved) {
        let mut moved = moved.clone();
        let Some(job) = self.runs.get(&moved.execution).map(|run| run.job) else { return };
        let may_overlap = self.jobs[&job].spec().concurrency == Concurrency::Allow;
        // Where some of its runs are elsewhere already, the others go there.
        let mut open = self.open(job).into_iter().map(|id| &self.runs[&id].execution.node_id);
        if let Some(elsewhere) = open.find(|node| **node != moved.from).filter(|_| !may_overlap) {
            moved.to = elsewhere.clone();
        }
        if self.reassign_one(&moved).is_none() || may_overlap {
            return;
        }
        let is_later = |(_, id): &(&i64, &ExecutionId)| **id == moved.execution;
        let later = self.numbers.iter().skip_while(|entry| !is_later(entry)).skip(1);
        let later: Vec<_> = later.map(|(_, id)| *id).filter(|id| self.runs[id].job == job).collect();
        for execution in later {
            self.reassign_one(&Moved { execution, ..moved.clone() });
        }
    }

    /// Moves one, and says of which job it is.
    fn reassign_one(&mut self, moved: &Moved) -> Option<JobSeq> {
        let run = self.runs.get_mut(&moved.execution).filter(|run| run.is_open())?;
        if run.execution.node_id != moved.from {
            return None;
        }
        let job = run.job;
        run.execution.node_id = moved.to.clone();
        run.unsure |= moved.unsure;
        self.effects.push(Effect::Fire(self.owed(moved.execution)));
        Some(job)
    }

    fn trim(&mut self, trim: &Trim) -> Outcome {
        let mut jobs = trim.jobs.clone();
        for number in &trim.executions {
            let found = self.numbers.get(number).copied();
            if let Some(id) = found.filter(|id| !self.runs[id].is_open()) {
                jobs.push(self.runs[&id].job);
                self.forget(id);
            }
        }
        for seq in jobs {
            let needed = self.is_referred_to(seq);
            if !needed && self.jobs.get(&seq).is_some_and(|job| job.deleted) {
                self.jobs.remove(&seq);
            }
        }
        for (seq, version) in &trim.versions {
            let needed = self.ran(*seq, *version);
            if let Some(job) = self.jobs.get_mut(seq)
                && !needed
                && job.version != *version
            {
                job.versions.remove(version);
                job.authors.remove(version);
            }
        }
        self.keys.retain(|_, (_, at, _)| *at >= trim.keys_before);
        Outcome::Done
    }

    /// Whether an execution of the job is on record, or may come to be again, or the answer to a key shows the job.
    pub fn is_referred_to(&self, job: JobSeq) -> bool {
        self.of(job).next().is_some()
            || self.withdrawn.values().any(|fire| fire.run.job == job)
            || self.shown().any(|(shown, _)| shown == job)
    }

    /// Whether an execution ran a version of the job, or may have, or the answer to a key shows it.
    pub fn ran(&self, job: JobSeq, version: u64) -> bool {
        self.of(job).any(|run| run.execution.job_version == version)
            || self.withdrawn.values().any(|fire| (fire.run.job, fire.run.version) == (job, version))
            || self.shown().any(|shown| shown == (job, version))
    }

    /// The versions of jobs that the answers to keys show.
    fn shown(&self) -> impl Iterator<Item = (JobSeq, u64)> {
        self.keys.values().filter_map(|(_, _, outcome)| match outcome {
            Outcome::Job { seq, version, .. } => Some((*seq, *version)),
            _ => None,
        })
    }

    /// What a node owes the world.
    pub fn open_fires(&self, node: &str) -> Vec<Fire> {
        let owed = self.runs.values().filter(|run| run.is_open() && run.execution.node_id == node);
        owed.map(|run| self.owed(run.execution.id)).collect()
    }

    /// How many each node owes.
    pub fn open_nodes(&self) -> Vec<(NodeName, u64)> {
        let mut counts = BTreeMap::new();
        for run in self.runs.values().filter(|run| run.is_open()) {
            *counts.entry(run.execution.node_id.clone()).or_default() += 1;
        }
        counts.into_iter().collect()
    }

    /// Who holds the first open run of each job.
    pub fn holders(&self) -> HashMap<JobSeq, NodeName> {
        let first =
            |job: &JobSeq| Some((*job, self.runs[self.open(*job).first()?].execution.node_id.clone()));
        self.jobs.keys().filter_map(first).collect()
    }
}

fn first(run: RunRef, fire_at: Millis, node: &NodeName) -> Fire {
    Fire {
        run,
        fire_at,
        attempt: 1,
        node: node.clone(),
        begun: false,
        policy: None,
        behind: false,
        overridden: false,
    }
}

fn refuse(refusal: Refusal) -> Outcome {
    Outcome::Refused { refusal }
}
