//! [`Held`]: the jobs whose missed instants wait for earlier ones to be over, and how the planner hears of that.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chronos_state::JobSeq;
use tokio::sync::mpsc;

/// When so many runs of a job are over since it was held back, more are planned: half of what a job may have
/// unfinished, so that the rest bridges the time until then.
const REFILL_AFTER: usize = super::MOST_UNFINISHED / 2;
/// So many jobs are known to be held back. Of others the planner learns when it looks at all of them again.
const MOST: usize = 100_000;

/// The jobs that are held back. What is here is a hint: whether a job may have more runs is asked of the state.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// So that a node which holds nothing back takes no lock.
    any: AtomicBool,
    jobs: Mutex<Jobs>,
}

#[derive(Debug, Default)]
struct Jobs {
    /// How many more runs of each must end.
    waiting: HashMap<JobSeq, usize>,
    /// Those that are to be looked at.
    ready: Vec<JobSeq>,
}

impl Held {
    /// Holds a job back until enough of its runs are over.
    pub(super) fn hold(&self, job: JobSeq) {
        let mut jobs = self.lock();
        if jobs.waiting.len() < MOST {
            jobs.waiting.insert(job, REFILL_AFTER);
            self.any.store(true, Ordering::Relaxed);
        }
    }

    /// Runs of these jobs are over. Says whether any job is to be looked at for that.
    fn ended(&self, ended: &[JobSeq]) -> bool {
        if !self.any.load(Ordering::Relaxed) {
            return false;
        }
        let mut jobs = self.lock();
        let Jobs { waiting, ready } = &mut *jobs;
        let before = ready.len();
        for job in ended {
            if let Some(left) = waiting.get_mut(job) {
                *left -= 1;
                if *left == 0 {
                    waiting.remove(job);
                    ready.push(*job);
                }
            }
        }
        ready.len() > before
    }

    /// Takes jobs that are to be looked at.
    pub(super) fn take_ready(&self, most: usize) -> Vec<JobSeq> {
        if !self.any.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let mut jobs = self.lock();
        let rest = jobs.ready.len().saturating_sub(most);
        jobs.ready.split_off(rest)
    }

    /// They are to be looked at later.
    pub(super) fn put_back(&self, those: impl IntoIterator<Item = JobSeq>) {
        let mut jobs = self.lock();
        jobs.ready.extend(those);
        self.any.store(true, Ordering::Relaxed);
    }

    /// Whether a job is held back.
    pub(super) fn holds(&self, job: JobSeq) -> bool {
        self.any.load(Ordering::Relaxed) && self.lock().waiting.contains_key(&job)
    }

    /// How many jobs are held back.
    pub(super) fn count(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Forgets them all.
    pub(super) fn clear(&self) {
        if self.any.swap(false, Ordering::Relaxed) {
            *self.lock() = Jobs::default();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the planner what happens to the state. Cheap to clone; it never blocks.
#[derive(Clone, Debug)]
pub struct PlannerHandle {
    due_changed: mpsc::Sender<()>,
    held: Arc<Held>,
}

/// What the planner hears from its [`PlannerHandle`].
#[derive(Debug)]
pub struct PlannerInbox {
    pub(super) due_changed: mpsc::Receiver<()>,
    pub(super) held: Arc<Held>,
}

/// A handle, and where what is said to it arrives.
pub(super) fn channel() -> (PlannerHandle, PlannerInbox) {
    // One word is enough, however often it is said before it is heard.
    let (sender, receiver) = mpsc::channel(1);
    let held = Arc::<Held>::default();
    (PlannerHandle { due_changed: sender, held: held.clone() }, PlannerInbox { due_changed: receiver, held })
}

impl PlannerHandle {
    /// Due instants changed by other means than a plan.
    pub fn due_changed(&self) {
        // A full channel says the same already; a closed one has nobody who plans.
        let _ = self.due_changed.try_send(());
    }

    /// Executions of these jobs are over, one for each time that a job is named.
    pub fn ended(&self, jobs: &[JobSeq]) {
        if self.held.ended(jobs) {
            self.due_changed();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_looked_at_once_enough_of_its_runs_are_over() {
        let (handle, mut inbox) = channel();
        let (one, two) = (JobSeq::new(1), JobSeq::new(2));
        handle.ended(&[one; REFILL_AFTER]);
        let held = inbox.held.clone();
        held.hold(one);
        held.hold(two);
        handle.ended(&[one; REFILL_AFTER - 1]);
        handle.ended(&[two]);
        assert_eq!((held.take_ready(9), held.count()), (vec![], 2));
        assert!(inbox.due_changed.try_recv().is_err());
        handle.ended(&[one, one, two]);
        assert!(inbox.due_changed.try_recv().is_ok());
        assert_eq!((held.holds(one), held.holds(two)), (false, true));
        assert_eq!(held.take_ready(9), [one]);
        held.put_back([one, two]);
        assert_eq!(held.take_ready(1), [two]);
        held.clear();
        assert_eq!((held.take_ready(9), held.count()), (vec![], 0));
    }
}
