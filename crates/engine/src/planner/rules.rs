//! Turns a due job into steps of a plan. Pure: it is told the time.

use chronos_state::{DueJob, PlanStep, PlannedRun};
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
/// A job that is late by more than this is planned after those that are on time: it waited already, and the others
/// are not to wait for it. As long as the planner may take between two looks under load.
const LATE_AFTER_MS: i64 = 1_000;

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
            let step = if due <= self.missed_until() {
                self.missed(job, node, &times, due)
            } else {
                let next = times.after(if self.from_now { due.max(self.now) } else { due });
                run(job, node, due, due, Trigger::Schedule, next)
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

    /// Plans the missed instant `due` by the job's missed-runs policy. However many were missed, one step is
    /// enough to get past them, except that `execute_all` has a run for each.
    fn missed(&self, job: &DueJob, node: Node<'_>, times: &Times, due: Millis) -> PlanStep {
        let missed_until = self.missed_until();
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
    node: Node<'_>,
    from: Millis,
    scheduled_time: Millis,
    trigger: Trigger,
    next_due: Option<Millis>,
) -> PlanStep {
    let execution = ExecutionId::scheduled(job.id, scheduled_time);
    let fire_at = scheduled_time + jitter(execution, job.times.jitter);
    let Node { name, beside } = node;
    let run = PlannedRun { execution, scheduled_time, trigger, fire_at, node: name.clone(), beside };
    PlanStep { job: job.seq, version: job.version, from, next_due, run: Some(run) }
}

/// Moves a job on from `from` without a run.
fn pass_over(job: &DueJob, from: Millis, next_due: Option<Millis>) -> PlanStep {
    PlanStep { job: job.seq, version: job.version, from, next_due, run: None }
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
mod tests {
    use chronos_state::JobSeq;
    use chronos_types::{Concurrency, JobId, JobTimes, NodeName};

    use super::*;

    /// When the job of the tests was created. All other instants are seconds since then.
    const CREATED_AT: Millis = 1_700_000_000_000;

    /// The steps for a job that is due at `due`, when it is `now`: from where, the run and its trigger, the next.
    fn check(schedule: &str, missed_runs: MissedRuns, due: i64, now: i64, expected: &[Step]) {
        let times = JobTimes {
            schedule: schedule.to_owned(),
            timezone: "UTC".to_owned(),
            missed_runs,
            concurrency: Concurrency::Allow,
            jitter: DurationMs::default(),
            start_at: None,
            end_at: Some(CREATED_AT + 600_000),
        };
        let id = JobId::new(CREATED_AT, [1; 10]);
        let at = CREATED_AT + due * 1_000;
        let job = DueJob { seq: JobSeq::new(1), id, version: 3, created_at: CREATED_AT, at, times };
        let rules = Rules {
            now: CREATED_AT + now * 1_000,
            misfire_threshold: 60_000,
            catch_up_window: 250_000,
            from_now: false,
        };
        let mut portion = Portion::large();
        let name = NodeName::unchecked("n1");
        let planned = rules.plan(&job, Node { name: &name, beside: false }, 100, &mut portion);
        assert_eq!(planned.is_err(), schedule == "@whenever", "{planned:?}");
        let steps = portion.into_steps();
        let seconds = |at: Millis| (at - CREATED_AT) / 1_000;
        let step = |step: &PlanStep| {
            assert_eq!((step.job, step.version), (job.seq, job.version));
            let run = step.run.as_ref().map(|planned| {
                assert_eq!(planned.fire_at, planned.scheduled_time, "no jitter");
                (seconds(planned.scheduled_time), planned.trigger)
            });
            (seconds(step.from), run, step.next_due.map(seconds))
        };
        assert_eq!(
            steps.iter().map(step).collect::<Vec<_>>(),
            expected,
            "{schedule} {missed_runs:?} {due} {now}"
        );
    }

    type Step = (i64, Option<(i64, Trigger)>, Option<i64>);

    #[test]
    fn what_is_due_up_to_the_horizon_is_planned() {
        use Trigger::Schedule;
        let plan = |schedule, due, now, expected: &[Step]| {
            check(schedule, MissedRuns::ExecuteOne, due, now, expected);
        };
        plan("@every 10s", 10, 9, &[(10, Some((10, Schedule)), Some(20))]);
        plan("@every 1s", 1, 0, &[(1, Some((1, Schedule)), Some(2)), (2, Some((2, Schedule)), Some(3))]);
        // Late, and not missed yet.
        plan(
            "@every 30s",
            30,
            89,
            &[
                (30, Some((30, Schedule)), Some(60)),
                (60, Some((60, Schedule)), Some(90)),
                (90, Some((90, Schedule)), Some(120)),
            ],
        );
        // The last one before the job's end.
        plan("@every 10s", 600, 599, &[(600, Some((600, Schedule)), None)]);
        // A schedule that this release cannot read stops its job, whose due instant stays.
        plan("@whenever", 10, 9, &[]);
    }

    #[test]
    fn what_was_missed_goes_by_the_policy_of_the_job() {
        use Trigger::{CatchUp, Schedule};
        let on_time = (500, Some((500, Schedule)), Some(600));
        let missed = |policy, expected: &[Step]| check("@every 100s", policy, 100, 500, expected);
        missed(MissedRuns::Ignore, &[(100, None, Some(500)), on_time]);
        missed(MissedRuns::ExecuteOne, &[(100, Some((400, CatchUp)), Some(500)), on_time]);
        // It reaches 250 seconds back.
        missed(
            MissedRuns::ExecuteAll,
            &[
                (100, None, Some(300)),
                (300, Some((300, CatchUp)), Some(400)),
                (400, Some((400, CatchUp)), Some(500)),
                on_time,
            ],
        );
    }
}
