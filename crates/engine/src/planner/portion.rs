//! [`Portion`]: as many steps as are proposed in one go.

use chronos_state::{Command, MAX_ROWS, Plan, PlanStep, Proposal};
use chronos_types::Trigger;

/// Bytes that go into the log in one go, so that an entry stays small.
const MOST_BYTES: usize = 1 << 20;

/// Steps of a plan, divided into commands. They are counted and weighed as they are made.
#[derive(Debug, Default)]
pub(super) struct Portion {
    commands: Vec<Vec<PlanStep>>,
    /// Rows that the last command changes.
    rows: usize,
    bytes: usize,
    steps: usize,
    runs: usize,
    missed: u64,
    /// Whether one command is all.
    is_small: bool,
}

impl Portion {
    /// For what is on time: a look waits for its plan to be applied, so it must be worth it.
    pub(super) fn large() -> Self {
        Self::default()
    }

    /// For what is behind: what is on time waits for one of these at most.
    pub(super) fn small() -> Self {
        Self { is_small: true, ..Self::default() }
    }

    /// Whether no other step has room.
    pub(super) fn is_full(&self) -> bool {
        // A step changes three rows at most.
        let last_is_full = self.rows + 3 > MAX_ROWS;
        self.bytes >= MOST_BYTES || self.is_small && last_is_full
    }

    pub(super) fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    pub(super) fn push(&mut self, step: PlanStep) {
        if self.commands.is_empty() || self.rows + step.rows() > MAX_ROWS {
            self.commands.push(Vec::new());
            self.rows = 0;
        }
        self.rows += step.rows();
        self.bytes += step.weight();
        self.steps += 1;
        self.runs += usize::from(step.run.is_some());
        self.missed = self.missed.saturating_add(missed(&step));
        if let Some(last) = self.commands.last_mut() {
            last.push(step);
        }
    }

    /// Its steps.
    pub(super) fn steps(&self) -> usize {
        self.steps
    }

    /// The runs that it puts on record.
    pub(super) fn runs(&self) -> usize {
        self.runs
    }

    /// The missed instants that it gets past: those that run, and those that are passed over.
    pub(super) fn missed(&self) -> u64 {
        self.missed
    }

    /// All of its steps, in order.
    #[cfg(test)]
    pub(super) fn into_steps(self) -> Vec<PlanStep> {
        self.commands.concat()
    }

    /// What is to be proposed, together and in this order.
    pub(super) fn into_proposals(self) -> Vec<Proposal> {
        self.commands.into_iter().map(|steps| Command::Plan(Plan { steps }).into()).collect()
    }
}

/// How many missed instants a step gets past.
fn missed(step: &PlanStep) -> u64 {
    let runs = step.run.as_ref().is_some_and(|run| run.trigger == Trigger::CatchUp);
    step.missed.as_ref().map_or(0, |missed| missed.count).saturating_add(u64::from(runs))
}

#[cfg(test)]
mod tests {
    use chronos_state::{JobSeq, PassedOver, PlannedRun};
    use chronos_types::{ExecutionId, JobId, NodeName};

    use super::*;

    /// A step with a run or without one, which passes over so many instants.
    fn step(from: i64, runs: bool, passes: u64) -> PlanStep {
        let (job, node) = (JobId::new(1, [0; 10]), NodeName::unchecked("one"));
        let run = PlannedRun {
            execution: ExecutionId::scheduled(job, from),
            scheduled_time: from,
            trigger: Trigger::CatchUp,
            fire_at: from,
            node: node.clone(),
            beside: false,
        };
        let entry = ExecutionId::missed(job, from);
        let reason = "r".repeat(100);
        let missed = PassedOver { entry, from, to: from, count: passes, reason, node };
        PlanStep {
            job: JobSeq::new(1),
            version: 1,
            from,
            next_due: None,
            missed: (passes > 0).then_some(missed),
            run: runs.then_some(run),
        }
    }

    /// The rows of each command, and the bytes of all, of as many steps as have room.
    fn filled(mut portion: Portion, step_of: impl Fn(i64) -> (bool, u64)) -> (Vec<usize>, usize) {
        let mut next = 0;
        let (mut runs, mut missed) = (0, 0);
        while !portion.is_full() {
            let (is_run, passes) = step_of(next);
            portion.push(step(next, is_run, passes));
            (runs, missed) = (runs + usize::from(is_run), missed + passes + u64::from(is_run));
            next += 1;
        }
        assert_eq!((portion.runs(), portion.missed()), (runs, missed));
        let proposals = portion.into_proposals();
        let mut all = Vec::new();
        let rows = proposals.iter().map(|proposal| {
            let Command::Plan(plan) = &proposal.command else { panic!("{proposal:?}") };
            all.extend(plan.steps.iter().map(|step| step.from));
            plan.steps.iter().map(PlanStep::rows).sum()
        });
        let rows = rows.collect();
        assert_eq!(all, (0..next).collect::<Vec<_>>(), "in order, and each once");
        (rows, proposals.iter().map(Proposal::weight).sum())
    }

    #[test]
    fn no_command_changes_more_than_a_thousand_rows_and_no_portion_is_larger_than_a_mebibyte() {
        let (rows, bytes) = filled(Portion::small(), |_| (true, 0));
        assert_eq!((rows, bytes < 200_000), (vec![998], true));
        assert_eq!(filled(Portion::small(), |_| (false, 0)).0, [998]);
        assert_eq!(filled(Portion::small(), |_| (false, 7)).0, [998]);
        assert_eq!(filled(Portion::small(), |_| (true, 7)).0, [999]);
        let kinds: [fn(i64) -> (bool, u64); 4] = [
            |_| (true, 0),
            |_| (false, 9),
            |n| (n % 3 != 0, 0),
            |n| (n % 2 != 0, if n % 3 == 0 { 86_400 } else { 0 }),
        ];
        for runs in kinds {
            let (rows, bytes) = filled(Portion::large(), runs);
            assert!(rows.len() > 1 && rows.iter().all(|rows| *rows <= 1_000), "{rows:?}");
            assert!(bytes < (1 << 20) + 600, "{bytes}");
        }
    }
}
