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
    missed: usize,
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
        // A step changes two rows at most.
        let last_is_full = self.rows + 2 > MAX_ROWS;
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
        self.missed += usize::from(is_of_missed(&step));
        if let Some(last) = self.commands.last_mut() {
            last.push(step);
        }
    }

    /// Its steps.
    pub(super) fn steps(&self) -> usize {
        self.steps
    }

    /// Its steps that get past instants which were missed.
    pub(super) fn missed(&self) -> usize {
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

/// Whether a step gets past instants that were missed.
fn is_of_missed(step: &PlanStep) -> bool {
    step.run.as_ref().is_none_or(|run| run.trigger == Trigger::CatchUp)
}

#[cfg(test)]
mod tests {
    use chronos_state::{JobSeq, PlannedRun};
    use chronos_types::{ExecutionId, JobId, NodeName};

    use super::*;

    fn step(from: i64, runs: bool) -> PlanStep {
        let run = PlannedRun {
            execution: ExecutionId::scheduled(JobId::new(1, [0; 10]), from),
            scheduled_time: from,
            trigger: Trigger::CatchUp,
            fire_at: from,
            node: NodeName::unchecked("one"),
            beside: false,
        };
        PlanStep { job: JobSeq::new(1), version: 1, from, next_due: None, run: runs.then_some(run) }
    }

    /// The rows of each command, and the bytes of all, of as many steps as have room.
    fn filled(mut portion: Portion, runs: impl Fn(i64) -> bool) -> (Vec<usize>, usize) {
        let mut next = 0;
        while !portion.is_full() {
            portion.push(step(next, runs(next)));
            next += 1;
        }
        let proposals = portion.into_proposals();
        let mut all = Vec::new();
        let rows = proposals.iter().map(|proposal| {
            let Command::Plan(plan) = &proposal.command else { panic!("{proposal:?}") };
            all.extend(plan.steps.iter().map(|step| step.from));
            plan.steps.iter().map(PlanStep::rows).sum()
        });
        let rows = rows.collect();
        assert_eq!(all, (0..next).collect::<Vec<_>>(), "in order, and each once");
        (rows, proposals.iter().map(|proposal| proposal.command.weight()).sum())
    }

    #[test]
    fn no_command_changes_more_than_a_thousand_rows_and_no_portion_is_larger_than_a_mebibyte() {
        let (rows, bytes) = filled(Portion::small(), |_| true);
        assert_eq!((rows, bytes < 200_000), (vec![1_000], true));
        assert_eq!(filled(Portion::small(), |_| false).0, [999]);
        let kinds: [fn(i64) -> bool; 3] = [|_| true, |_| false, |n| n % 3 != 0];
        for runs in kinds {
            let (rows, bytes) = filled(Portion::large(), runs);
            assert!(rows.len() > 1 && rows.iter().all(|rows| *rows <= 1_000), "{rows:?}");
            assert!(bytes < (1 << 20) + 300, "{bytes}");
        }
    }
}
