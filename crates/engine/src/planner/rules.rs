//! Turns a due job into steps of a plan. Pure: it is told the time.

use chronos_state::{CLOCKS_DIFFER_MS, DueJob, PLANNED_WITHIN_MS, PassedOver, PlanStep, PlannedRun};
use chronos_types::{DurationMs, ExecutionId, Millis, MissedRuns, Trigger};
use sha2::{Digest, Sha256};

use super::portion::Portion;
use super::targets::Node;
use crate::times::Times;

/// How far ahead runs are planned: longer than it takes from the loss of a leader until the next one
/// plans (1.3 s at most in 140 kills), so that the runs of all other nodes are on time meanwhile; and
/// near enough that a changed job has little to withdraw.
pub(super) const HORIZON_MS: i64 = 2_000;
/// What falls due this much after the horizon is planned along with what is within it: at a thousand
/// runs a second this makes four plans of them instead of a thousand, and halves the time per fire.
pub(super) const TOGETHER_MS: i64 = 250;
const _: () = assert!(HORIZON_MS + TOGETHER_MS + CLOCKS_DIFFER_MS <= PLANNED_WITHIN_MS);
/// A job that is late by more than this is planned after those that are on time: it waited already, and the others
/// are not to wait for it. As long as the planner may take between two looks under load.
const LATE_AFTER_MS: i64 = 1_000;
/// Missed instants that are looked at one by one: those whose runs might still have waited for their jitter. More than
/// that have room in a jitter only where it is a thousand periods long; then a stretch is told in several entries.
const LOOKED_AT_EACH: usize = 1_000;

/// When it is, and what counts as missed. All in milliseconds.
pub(super) struct Rules {
    pub now: Millis,
    pub misfire_threshold: i64,
    pub catch_up_window: i64,
    /// A planted bug: the next instant is counted from now.
    pub from_now: bool,
}

impl Rules {
    /// What was due until then was missed.
    pub(super) fn missed_until(&self) -> Millis {
        self.now - self.misfire_threshold
    }

    /// What was due until then, and was not missed, is late.
    pub(super) fn late_until(&self) -> Millis {
        self.now - self.misfire_threshold.min(LATE_AFTER_MS)
    }

    /// Plans the instants of a job up to the horizon, for a node to fire: at most so many, and as many as have room.
    ///
    /// # Errors
    /// Its schedule cannot be read, and why. Its due instant stays where it is: a release that reads the schedule
    /// goes on from there.
    pub(super) fn plan(
        &self,
        job: &DueJob,
        node: Node<'_>,
        most: usize,
        portion: &mut Portion,
    ) -> Result<(), String> {
        let times = Times::of(&job.times, job.created_at)?;
        let mut due = job.at;
        for _ in 0..most {
            if portion.is_full() {
                break;
            }
            let step = if self.is_missed(job, due) {
                self.missed(job, node, &times, due)
            } else {
                let next = times.after(if self.from_now { due.max(self.now) } else { due });
                PlanStep { run: Some(run(job, node, due, Trigger::Schedule)), ..step(job, due, next) }
            };
            let next = step.next_due;
            portion.push(step);
            match next {
                Some(next) if next <= self.now + HORIZON_MS + TOGETHER_MS => due = next,
                _ => break,
            }
        }
        Ok(())
    }

    /// Whether the run of an instant is missed: found later than the threshold after it was to fire. Until its jitter
    /// has passed, a run is not late.
    fn is_missed(&self, job: &DueJob, at: Millis) -> bool {
        let until = self.missed_until();
        at <= until && at + jitter(ExecutionId::scheduled(job.id, at), job.times.jitter) <= until
    }

    /// The last of the missed instants that follow one another from `due` on.
    fn last_missed(&self, job: &DueJob, times: &Times, due: Millis) -> Millis {
        let surely = self.missed_until() - job.times.jitter.as_i64();
        let mut last = times.last_between(due - 1, surely).unwrap_or(due);
        for _ in 0..LOOKED_AT_EACH {
            match times.after(last) {
                Some(next) if self.is_missed(job, next) => last = next,
                _ => break,
            }
        }
        last
    }

    /// Plans the missed instant `due` by the job's missed-runs policy. However many were missed, one step is
    /// enough to get past them, except that `execute_all` has a run for each. What is passed over leaves one entry.
    fn missed(&self, job: &DueJob, node: Node<'_>, times: &Times, due: Millis) -> PlanStep {
        match job.times.missed_runs {
            MissedRuns::Ignore => {
                let last = self.last_missed(job, times, due);
                let why = format!("{}, and `missed_runs` is `ignore`: none of them runs", self.late());
                self.pass_over(job, node, times, (due, last), why)
            }
            MissedRuns::ExecuteOne => {
                let last = self.last_missed(job, times, due);
                let why =
                    format!("{}, and `missed_runs` is `execute_one`: only the latest runs", self.late());
                let missed = passed_over(job, node, times, (due, last - 1), why);
                let run = Some(run(job, node, last, Trigger::CatchUp));
                PlanStep { missed, run, ..step(job, due, times.after(last)) }
            }
            MissedRuns::ExecuteAll if due >= self.window_from() => {
                let run = Some(run(job, node, due, Trigger::CatchUp));
                PlanStep { run, ..step(job, due, times.after(due)) }
            }
            MissedRuns::ExecuteAll => {
                // What is not missed is no matter of the window, however short that is.
                let out = self.last_missed(job, times, due).min(self.window_from() - 1);
                let why = format!(
                    "found later than `scheduler.catch_up_window` ({}), which is as far back as `execute_all` reaches",
                    duration(self.catch_up_window)
                );
                self.pass_over(job, node, times, (due, out), why)
            }
        }
    }

    /// Passes over the instants from `due` on up to `out`. The one after them runs in the same step, if it has come:
    /// by the next look it might be passed over as well, and one stretch would be told in two entries.
    fn pass_over(
        &self,
        job: &DueJob,
        node: Node<'_>,
        times: &Times,
        (due, out): (Millis, Millis),
        why: String,
    ) -> PlanStep {
        let missed = passed_over(job, node, times, (due, out), why);
        let next = times.after(out);
        let runs =
            next.filter(|next| *next <= self.now).and_then(|next| Some((next, self.runs_as(job, next)?)));
        match runs {
            Some((next, trigger)) => {
                let run = Some(run(job, node, next, trigger));
                PlanStep { missed, run, ..step(job, due, times.after(next)) }
            }
            None => PlanStep { missed, ..step(job, due, next) },
        }
    }

    /// As what an instant runs, if its job's policy does not pass it over.
    fn runs_as(&self, job: &DueJob, at: Millis) -> Option<Trigger> {
        match job.times.missed_runs {
            _ if !self.is_missed(job, at) => Some(Trigger::Schedule),
            MissedRuns::ExecuteAll if at >= self.window_from() => Some(Trigger::CatchUp),
            _ => None,
        }
    }

    /// How far back `execute_all` reaches.
    fn window_from(&self) -> Millis {
        self.now - self.catch_up_window
    }

    /// Says why instants are missed.
    fn late(&self) -> String {
        format!("found later than `scheduler.misfire_threshold` ({})", duration(self.misfire_threshold))
    }
}

/// Moves a job on from `from`.
fn step(job: &DueJob, from: Millis, next_due: Option<Millis>) -> PlanStep {
    PlanStep { job: job.seq, version: job.version, from, next_due, missed: None, run: None }
}

/// A run at `scheduled_time`.
fn run(job: &DueJob, node: Node<'_>, scheduled_time: Millis, trigger: Trigger) -> PlannedRun {
    let execution = ExecutionId::scheduled(job.id, scheduled_time);
    let fire_at = scheduled_time + jitter(execution, job.times.jitter);
    let Node { name, beside } = node;
    PlannedRun { execution, scheduled_time, trigger, fire_at, node: name.clone(), beside }
}

/// The entry for a job's instants within these two, both included; none where there is no instant.
fn passed_over(
    job: &DueJob,
    node: Node<'_>,
    times: &Times,
    (from, to): (Millis, Millis),
    reason: String,
) -> Option<PassedOver> {
    let to = times.last_between(from - 1, to)?;
    let from = times.after(from - 1)?;
    let count = times.count_between(from - 1, to);
    let (entry, node) = (ExecutionId::missed(job.id, to), node.name.clone());
    Some(PassedOver { entry, from, to, count, reason, node })
}

/// Milliseconds, for people.
fn duration(ms: i64) -> DurationMs {
    DurationMs::from_millis(ms.max(0).cast_unsigned())
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

#[cfg(test)]
mod tests;
