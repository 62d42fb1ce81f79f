//! Turns a due job into steps of a plan. Pure: it is told the time.

use chronos_state::{DueJob, PlanStep, Planned, PlannedRun, RunRef};
use chronos_types::{DurationMs, ExecutionId, Millis, MissedRuns, NodeName, Trigger};
use sha2::{Digest, Sha256};

use crate::times::Times;

/// How far ahead runs are planned: longer than it takes from the loss of a leader until the next one
/// plans (1.3 s at most in 140 kills), so that the runs of all other nodes are on time meanwhile; and
/// near enough that a changed job has little to withdraw.
pub(super) const HORIZON_MS: i64 = 2_000;
/// What falls due this much after the horizon is planned along with what is within it: at a thousand
/// runs a second this makes four plans of them instead of a thousand, and halves the time per fire.
pub(super) const TOGETHER_MS: i64 = 250;
/// Runs of one job in one plan; more follow at once.
const RUNS_PER_JOB: usize = 100;

/// When it is, and what counts as missed. All in milliseconds.
pub(super) struct Rules {
    pub now: Millis,
    pub misfire_threshold: i64,
    pub catch_up_window: i64,
    /// A planted bug: the next instant is counted from now.
    pub from_now: bool,
}

impl Rules {
    /// Plans the instants of a job up to the horizon, for a node to fire.
    pub(super) fn plan(&self, job: &DueJob, node: &NodeName, steps: &mut Vec<PlanStep>) {
        let Some(times) = Times::of(&job.times, job.created_at, &job.id) else {
            // Out of the way, or it would be found first for ever.
            steps.push(pass_over(job, job.at, None));
            return;
        };
        let mut due = job.at;
        for _ in 0..RUNS_PER_JOB {
            let step = if due <= self.now - self.misfire_threshold {
                self.missed(job, node, &times, due)
            } else {
                let next = times.after(if self.from_now { due.max(self.now) } else { due });
                run(job, node, due, due, Trigger::Schedule, next)
            };
            let next = step.next_due;
            steps.push(step);
            match next {
                Some(next) if next <= self.now + HORIZON_MS + TOGETHER_MS => due = next,
                _ => return,
            }
        }
    }

    /// Plans the missed instant `due` by the job's missed-runs policy. However many were missed, one step is
    /// enough to get past them, except that `execute_all` has a run for each.
    fn missed(&self, job: &DueJob, node: &NodeName, times: &Times, due: Millis) -> PlanStep {
        let missed_until = self.now - self.misfire_threshold;
        match job.times.missed_runs {
            MissedRuns::Ignore => pass_over(job, due, times.after(missed_until)),
            MissedRuns::ExecuteOne => {
                let latest = times.last_between(due - 1, missed_until).unwrap_or(due);
                run(job, node, due, latest, Trigger::CatchUp, times.after(missed_until))
            }
            MissedRuns::ExecuteAll => {
                let reach = self.now - self.catch_up_window;
                if due < reach {
                    pass_over(job, due, times.after(reach - 1))
                } else {
                    run(job, node, due, due, Trigger::CatchUp, times.after(due))
                }
            }
        }
    }
}

/// A run at `scheduled_time`, planned where the job is due at `from`.
fn run(
    job: &DueJob,
    node: &NodeName,
    from: Millis,
    scheduled_time: Millis,
    trigger: Trigger,
    next_due: Option<Millis>,
) -> PlanStep {
    let execution = ExecutionId::scheduled(job.id, scheduled_time);
    let run = RunRef { execution, job: job.seq, version: job.version, scheduled_time, trigger };
    let fire_at = scheduled_time + jitter(execution, job.times.jitter);
    let what = Planned::Run(PlannedRun { run, fire_at, node: node.clone() });
    PlanStep { from, next_due, what }
}

/// Moves a job on from `from` without a run.
fn pass_over(job: &DueJob, from: Millis, next_due: Option<Millis>) -> PlanStep {
    let what = Planned::PassedOver { job: job.seq, version: job.version };
    PlanStep { from, next_due, what }
}

/// A run's own fixed share of its job's jitter.
fn jitter(execution: ExecutionId, most: DurationMs) -> i64 {
    let most = most.as_millis();
    if most == 0 {
        return 0;
    }
    let digest = Sha256::digest(execution.as_bytes());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest[..8]);
    (u64::from_be_bytes(bytes) % most).cast_signed()
}
