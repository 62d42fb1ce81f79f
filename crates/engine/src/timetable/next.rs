//! Which runs come next, of all jobs together.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use chronos_state::JobSeq;
use chronos_types::Millis;

use super::Timetable;

/// So many runs of the jobs of a scope are counted, for their density: half a second.
const MOST_COUNTED: u64 = 5_000_000;

impl Timetable {
    /// The runs from one instant on up to another, both included, the earliest first and those of one instant in the
    /// order of their jobs: at most so many, of all jobs or of those that are given in order. Each job is asked for its
    /// first run, and those of the earliest for more.
    pub(crate) fn next(
        &self,
        among: Option<&[JobSeq]>,
        from: Millis,
        to: Millis,
        most: usize,
    ) -> Vec<(Millis, JobSeq)> {
        // The jobs whose first runs are the earliest: only these can have any of the runs.
        let mut firsts = BinaryHeap::with_capacity(most + 1);
        for job in self.among(among) {
            let entry = &self.jobs[job];
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

    /// How many runs of some jobs, in their order, there are from each of these seconds on up to the next one, and up to `to`
    /// from the last. Those before `now` are not counted. And whether all were counted: of very many, the others are left
    /// out.
    pub(crate) fn density_of(
        &self,
        jobs: &[JobSeq],
        now: i64,
        starts: impl Iterator<Item = i64>,
        to: i64,
    ) -> (Vec<u64>, bool) {
        let starts: Vec<_> = starts.collect();
        let (mut density, mut counted) = (vec![0; starts.len()], 0);
        let Some(first) = starts.first().map(|first| now.max(*first)) else { return (density, true) };
        for job in self.among(Some(jobs)) {
            if counted > MOST_COUNTED {
                return (density, false);
            }
            self.jobs[job].each(&self.zones, first, to, |second| {
                counted += 1;
                let step = starts.partition_point(|start| *start <= second);
                if let Some(count) = step.checked_sub(1).and_then(|step| density.get_mut(step)) {
                    *count += 1;
                }
            });
        }
        (density, true)
    }

    /// Where all jobs stand, or those of these.
    fn among(&self, among: Option<&[JobSeq]>) -> Box<dyn Iterator<Item = usize> + '_> {
        match among {
            None => Box::new(0..self.jobs.len()),
            Some(jobs) => {
                let places: Vec<_> = jobs.iter().filter_map(|job| self.place(*job).ok()).collect();
                Box::new(places.into_iter())
            }
        }
    }
}
