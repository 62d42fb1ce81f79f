//! What the naive machine makes of requests about runs, and what it answers.

use super::*;

impl Model {
    pub(super) fn trigger(&mut self, run: &TriggerRun, by: Option<&By>) -> Outcome {
        let Some(seq) = self.find(run.job) else {
            return refuse(Refusal::NoSuchJob);
        };
        let job = &self.jobs[&seq];
        let backfill = run.operation.and_then(|operation| operation.backfill);
        let (version, scheduled_time, trigger) = match run.replay_of {
            None if backfill.is_some() => (job.version, backfill.unwrap(), Trigger::Backfill),
            None => (job.version, self.at, Trigger::Manual),
            Some(original) => match self.runs.get(&original) {
                Some(Run { job, execution, .. }) if *job == seq => {
                    (execution.job_version, execution.scheduled_time, Trigger::Replay)
                }
                _ => return refuse(Refusal::NoSuchExecution),
            },
        };
        if job.spec().concurrency == Concurrency::Forbid && backfill.is_none() {
            // Also one that a clock which was days ahead took for missed.
            let comes = |id: &ExecutionId| {
                let Execution { status, trigger, scheduled_time, .. } = &self.runs[id].execution;
                let is_planned = matches!(trigger, Trigger::Schedule | Trigger::CatchUp);
                !(*status == Status::Pending && is_planned && *scheduled_time > self.at)
            };
            let mut others = self.open(seq).into_iter().filter(|id| *id != run.execution);
            if let Some(unfinished) = others.find(comes) {
                return refuse(Refusal::Overlap { unfinished });
            }
        }
        let beside = job.spec().concurrency != Concurrency::Allow;
        let node = self.place(seq, &run.node, beside);
        let execution = run.execution;
        let identity = RunRef { execution, job: seq, version, scheduled_time, trigger };
        let given = run.overrides.clone().map(|overrides| overrides.read().unwrap());
        let repeated = run.replay_of.and_then(|original| self.runs[&original].overrides.clone());
        if self.insert(&first(identity, self.at, &node), Some(run), by) {
            self.runs.get_mut(&execution).unwrap().overrides = given.or(repeated);
            self.effects.push(Effect::Fire(self.owed(execution)));
        }
        self.answer(execution, None, None)
    }

    /// What the node of an open run owes the world. A replay of an old version goes by the policy in force.
    pub(super) fn owed(&self, id: ExecutionId) -> Fire {
        let run = &self.runs[&id];
        let waits = (run.execution.status, run.execution.trigger) == (Status::Pending, Trigger::Replay);
        let policy = waits.then(|| self.jobs[&run.job].spec().concurrency);
        Fire { policy, ..run.owed() }
    }

    /// The node that is to fire a run: the one named, or, where the run is to be `beside` others of its job, the one
    /// that holds the first of those.
    pub(super) fn place(&self, job: JobSeq, named: &NodeName, beside: bool) -> NodeName {
        let open = self.open(job);
        let first = open.first().filter(|_| beside);
        first.map_or(named, |id| &self.runs[id].execution.node_id).clone()
    }

    /// What is answered of an execution, as it was asked for.
    fn answer(&self, id: ExecutionId, cancelled_at: Option<Millis>, cancelled_by: Option<By>) -> Outcome {
        let Run { job, execution, .. } = &self.runs[&id];
        let of_job = &self.jobs[job];
        Outcome::Execution(ExecutionAnswer {
            job: of_job.id,
            job_name: of_job.name_at(execution.job_version).to_string(),
            run: self.runs[&id].owed().run,
            node: execution.node_id.clone(),
            replay_of: execution.replay_of,
            // Of a run that a schedule asked for nothing is on record.
            by: execution.by.clone().filter(|by| *by != By::system()).map(Box::new),
            cancelled_at,
            cancelled_by: cancelled_by.map(Box::new),
        })
    }

    pub(super) fn cancel(&mut self, id: ExecutionId, by: Option<&By>) -> Outcome {
        let Some(run) = self.runs.get_mut(&id) else {
            return refuse(Refusal::NoSuchExecution);
        };
        if !run.is_open() {
            return refuse(Refusal::Finished { status: run.execution.status.as_str().to_owned() });
        }
        run.cancel(self.at, "cancelled by request", by);
        self.effects.push(Effect::Cancel(id));
        self.answer(id, Some(self.at), by.cloned())
    }

    pub(super) fn confirm(&self, confirm: &Confirm) -> Outcome {
        let Some(seq) = self.find(confirm.job) else {
            return refuse(Refusal::NoSuchJob);
        };
        let current = self.jobs[&seq].version;
        if current != confirm.version {
            return refuse(Refusal::VersionMismatch { current });
        }
        let Confirm { job: id, next_due, .. } = *confirm;
        Outcome::Job { seq, id, version: current, at: self.at, next_due }
    }
}
