//! A job's lane: which of its executions are under way, and what becomes of one that falls due
//! meanwhile.

use std::collections::BTreeSet;
use std::mem;

use chronos_types::{Concurrency, ExecutionId, Millis, Trigger};

/// The unfinished executions of one job whose instant has come.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// Those that have begun and are not over. One that waits for a retry has begun.
    active: BTreeSet<ExecutionId>,
    /// Waiting for those, in the order of their instants, with which their ids begin.
    waiting: BTreeSet<ExecutionId>,
    /// When the first of the unfinished ones came in, without a gap since.
    busy_since: Millis,
}

/// An execution that falls due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) id: ExecutionId,
    pub(super) policy: Concurrency,
    pub(super) trigger: Trigger,
    /// The instant at which it was to fire.
    pub(super) due: Millis,
    /// The clock.
    pub(super) now: Millis,
}

/// What to do with an execution that falls due.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Fire it.
    Start,
    /// End these first, then fire it.
    Replace(Vec<ExecutionId>),
    /// It waits for its turn.
    Wait,
    /// It is not delivered, and this is why.
    Skip(&'static str),
}

impl Lane {
    /// Decides, and takes the execution in unless it is skipped.
    pub(super) fn admit(&mut self, arrival: Arrival) -> Verdict {
        let Arrival { id, policy, trigger, due, now } = arrival;
        if self.active.contains(&id) {
            return Verdict::Start;
        }
        if self.is_empty() {
            self.busy_since = now;
        }
        if self.is_empty() || policy == Concurrency::Allow {
            self.active.insert(id);
            return Verdict::Start;
        }
        // Instants that passed while no node was up fall due together; they run one after the
        // other, or all but one would be lost to a policy that is about real overlap. The same
        // goes for a run of the schedule that is so late that none of the unfinished ones was there
        // at its instant. A run that was asked for has no instant to be late for: it came after the
        // others, whatever the clock of the leader said then and that of this node says now.
        let is_late = trigger == Trigger::Schedule && due < self.busy_since;
        // The instants of the past that somebody wants to have run come in a row, and none is late for another.
        if matches!(trigger, Trigger::CatchUp | Trigger::Backfill) || is_late {
            self.waiting.insert(id);
            return Verdict::Wait;
        }
        match policy {
            Concurrency::Allow => Verdict::Start,
            Concurrency::Forbid => Verdict::Skip("another execution of the job is unfinished"),
            Concurrency::Replace => {
                let (active, waiting) = (mem::take(&mut self.active), mem::take(&mut self.waiting));
                let ended = active.into_iter().chain(waiting).collect();
                self.active.insert(id);
                Verdict::Replace(ended)
            }
            Concurrency::Queue if self.waiting.is_empty() => {
                self.waiting.insert(id);
                Verdict::Wait
            }
            Concurrency::Queue => {
                Verdict::Skip("another execution of the job is already waiting in the queue")
            }
        }
    }

    /// Takes in an execution that had begun before a restart.
    pub(super) fn resume(&mut self, id: ExecutionId) {
        self.busy_since = Millis::MIN;
        self.waiting.remove(&id);
        self.active.insert(id);
    }

    /// Lets go of an execution; answers the one whose turn it is then.
    pub(super) fn leave(&mut self, id: ExecutionId) -> Option<ExecutionId> {
        self.active.remove(&id);
        self.waiting.remove(&id);
        if !self.active.is_empty() {
            return None;
        }
        let next = self.waiting.pop_first()?;
        self.active.insert(next);
        Some(next)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.active.is_empty() && self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: i64) -> ExecutionId {
        ExecutionId::floor(n)
    }

    fn arrival(n: i64, policy: Concurrency, trigger: Trigger, due: Millis, now: Millis) -> Arrival {
        Arrival { id: id(n), policy, trigger, due, now }
    }

    #[test]
    fn each_policy_does_what_its_name_says() {
        use Concurrency::{Allow, Forbid, Queue, Replace};
        let skip = |v: &Verdict| matches!(v, Verdict::Skip(_));
        for (policy, second, third) in [
            (Forbid, None, None),
            (Allow, Some(Verdict::Start), Some(Verdict::Start)),
            (Replace, Some(Verdict::Replace(vec![id(1)])), Some(Verdict::Replace(vec![id(2)]))),
            (Queue, Some(Verdict::Wait), None),
        ] {
            let mut lane = Lane::default();
            assert_eq!(lane.admit(arrival(1, policy, Trigger::Schedule, 1, 1)), Verdict::Start);
            for (n, expected) in [(2, second), (3, third)] {
                let verdict = lane.admit(arrival(n, policy, Trigger::Schedule, n, n));
                match expected {
                    Some(expected) => assert_eq!(verdict, expected, "{policy:?} {n}"),
                    None => assert!(skip(&verdict), "{policy:?} {n}: {verdict:?}"),
                }
            }
        }
    }

    #[test]
    fn a_backlog_runs_one_after_the_other() {
        for trigger in [Trigger::CatchUp, Trigger::Backfill, Trigger::Schedule] {
            let mut lane = Lane::default();
            let late = |n| arrival(n, Concurrency::Forbid, trigger, n, 100);
            assert_eq!(lane.admit(late(1)), Verdict::Start);
            assert_eq!(lane.admit(late(2)), Verdict::Wait);
            assert_eq!(lane.admit(late(3)), Verdict::Wait);
            assert_eq!(lane.leave(id(1)), Some(id(2)));
            assert_eq!(lane.leave(id(3)), None);
            assert_eq!(lane.leave(id(2)), None);
            assert!(lane.is_empty());
        }
    }

    #[test]
    fn a_run_that_was_asked_for_overlaps_whatever_the_clocks_say() {
        use Concurrency::{Queue, Replace};
        for trigger in [Trigger::Manual, Trigger::Replay] {
            // The leader's clock, which says when it was asked for, is five seconds behind that of this node.
            let asked = |n, policy| arrival(n, policy, trigger, 5_000 + n, 10_000 + n);
            let mut lane = Lane::default();
            assert_eq!(lane.admit(asked(1, Replace)), Verdict::Start);
            assert_eq!(lane.admit(asked(2, Replace)), Verdict::Replace(vec![id(1)]));
            let mut lane = Lane::default();
            assert_eq!(lane.admit(asked(1, Queue)), Verdict::Start);
            assert_eq!(lane.admit(asked(2, Queue)), Verdict::Wait);
            assert!(matches!(lane.admit(asked(3, Queue)), Verdict::Skip(_)), "one waits already");
        }
    }

    #[test]
    fn a_late_run_overlaps_what_had_begun_before_its_instant() {
        let skipped = |verdict: &Verdict| matches!(verdict, Verdict::Skip(_));
        let mut lane = Lane::default();
        assert_eq!(lane.admit(arrival(1, Concurrency::Forbid, Trigger::Schedule, 10, 10)), Verdict::Start);
        assert!(skipped(&lane.admit(arrival(2, Concurrency::Forbid, Trigger::Schedule, 11, 99))));
        let mut lane = Lane::default();
        lane.resume(id(1));
        assert!(skipped(&lane.admit(arrival(2, Concurrency::Forbid, Trigger::Schedule, 11, 99))));
    }
}
