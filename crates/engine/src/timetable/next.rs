//! Which runs come next, of all jobs together.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use chronos_state::JobSeq;
use chronos_types::Millis;

use super::Timetable;

impl Timetable {
    /// The runs from one instant on up to another, both included, the earliest first and those of one instant in the
    /// order of their jobs: at most so many. Each job is asked for its first run, and those of the earliest for more.
    pub(crate) fn next(&self, from: Millis, to: Millis, most: usize) -> Vec<(Millis, JobSeq)> {
        // The jobs whose first runs are the earliest: only these can have any of the runs.
        let mut firsts = BinaryHeap::with_capacity(most + 1);
        for (job, entry) in self.jobs.iter().enumerate() {
            if let Some(at) = entry.after(&self.zones, from.saturating_sub(1)).filter(|at| *at <= to) {
                firsts.push((at, job));
                if firsts.len() > most {
                    firsts.pop();
                }
            }
        }
        let mut next: BinaryHeap<_> = firsts.into_iter().map(Reverse).collect();
        let mut runs = Vec::with_capacity(most.min(next.len()));
        while runs.len() < most
            && let Some(Reverse((at, job))) = next.pop()
        {
            let entry = &self.jobs[job];
            runs.push((at, entry.seq));
            let following = entry.after(&self.zones, at).filter(|at| *at <= to);
            next.extend(following.map(|at| Reverse((at, job))));
        }
        runs
    }
}
