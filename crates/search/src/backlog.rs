//! What the file lacks: jobs that changed since they were written into it, and from where on it was not compared with
//! the state yet. It is kept in memory, within a bound, and told by the thread that applies: nothing here waits.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chronos_state::JobSeq;
use tokio::sync::Notify;

/// Changed jobs that wait to be written, at most. Of more it is only known from which job on to compare: half a
/// megabyte, and some seconds of work.
const MAX_WAITING: usize = 10_000;

/// What is to be written. Shared.
#[derive(Debug)]
pub(crate) struct Backlog {
    inner: Mutex<Inner>,
    added: Notify,
}

#[derive(Debug)]
struct Inner {
    /// Jobs that changed, each with the number of the change: it waits still where another came meanwhile.
    waiting: BTreeMap<JobSeq, u64>,
    changes: u64,
    /// The jobs after this one are to be compared with the state; none where all are.
    compare_after: Option<JobSeq>,
    /// How often jobs were forgotten here, or all of the state was replaced: what is compared meanwhile is to be
    /// compared again.
    lost: u64,
    /// The file was found to be unusable.
    is_unusable: bool,
    /// Which file it is: another number is another file.
    file: u64,
}

/// A part of the backlog.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Jobs, and the numbers of their changes.
    Waiting(Vec<(JobSeq, u64)>),
    /// The jobs after this one are to be compared. The second says which time.
    Compare(JobSeq, u64),
}

impl Backlog {
    /// Of a file of which nothing is known.
    pub(crate) fn new() -> Self {
        let inner = Inner {
            waiting: BTreeMap::new(),
            changes: 0,
            compare_after: Some(JobSeq::default()),
            lost: 0,
            is_unusable: false,
            file: 0,
        };
        Self { inner: Mutex::new(inner), added: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Each change under the lock leaves it whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Jobs changed.
    pub(crate) fn changed(&self, jobs: &[JobSeq]) {
        if jobs.is_empty() {
            return;
        }
        let mut inner = self.lock();
        for job in jobs {
            inner.changes += 1;
            let change = inner.changes;
            inner.waiting.insert(*job, change);
        }
        if inner.waiting.len() > MAX_WAITING {
            let before_first = inner.waiting.keys().next().map_or(0, |first| first.get() - 1);
            inner.compare_after(JobSeq::new(before_first));
            inner.waiting.clear();
        }
        drop(inner);
        self.added.notify_one();
    }

    /// Anything may be other than it was.
    pub(crate) fn all_changed(&self) {
        let mut inner = self.lock();
        inner.compare_after(JobSeq::default());
        inner.waiting.clear();
        drop(inner);
        self.added.notify_one();
    }

    /// The file cannot be used. Nobody asks it until there is another.
    pub(crate) fn unusable(&self) {
        self.lock().is_unusable = true;
        self.all_changed();
    }

    /// Whether the file was found to be unusable since this was asked last.
    pub(crate) fn take_unusable(&self) -> bool {
        std::mem::take(&mut self.lock().is_unusable)
    }

    /// The file was opened, and may be another one: what is in it is not known.
    pub(crate) fn another_file(&self) {
        self.lock().file += 1;
        self.all_changed();
    }

    /// Where the file can be asked: its number, and what else may have changed after a job. Whoever asks the file after
    /// this lacks no job that had changed before.
    pub(crate) fn beside_file(&self, after: JobSeq) -> Option<(u64, Vec<JobSeq>)> {
        use std::ops::Bound::{Excluded, Unbounded};
        let inner = self.lock();
        if inner.compare_after.is_some() {
            return None;
        }
        let waiting = inner.waiting.range((Excluded(after), Unbounded)).map(|(job, _)| *job).collect();
        Some((inner.file, waiting))
    }

    /// How many changes of jobs it was told of.
    pub(crate) fn changes(&self) -> u64 {
        self.lock().changes
    }

    /// What is to be done next, and at most so many jobs of it.
    pub(crate) fn next(&self, most: usize) -> Option<Part> {
        let inner = self.lock();
        if !inner.waiting.is_empty() {
            return Some(Part::Waiting(inner.waiting.iter().take(most).map(|(job, n)| (*job, *n)).collect()));
        }
        inner.compare_after.map(|after| Part::Compare(after, inner.lost))
    }

    /// These are in the file as they were when they were taken from here.
    pub(crate) fn written(&self, jobs: &[(JobSeq, u64)]) {
        let mut inner = self.lock();
        for (job, change) in jobs {
            if inner.waiting.get(job) == Some(change) {
                inner.waiting.remove(job);
            }
        }
    }

    /// The jobs up to `upto`, or all, have been compared, as [`Part::Compare`] said.
    pub(crate) fn compared(&self, time: u64, upto: Option<JobSeq>) {
        let mut inner = self.lock();
        if inner.lost == time {
            inner.compare_after = upto;
        }
    }

    /// Resolves when there was something added since it resolved last.
    pub(crate) async fn added(&self) {
        self.added.notified().await;
    }
}

impl Inner {
    fn compare_after(&mut self, job: JobSeq) {
        self.compare_after = Some(self.compare_after.map_or(job, |after| after.min(job)));
        self.lost += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(number: i64) -> JobSeq {
        JobSeq::new(number)
    }

    /// A backlog of a file that has all.
    fn complete() -> Backlog {
        let backlog = Backlog::new();
        assert_eq!(backlog.next(9), Some(Part::Compare(job(0), 0)));
        backlog.compared(0, None);
        assert_eq!(backlog.beside_file(job(0)), Some((0, vec![])));
        backlog
    }

    #[test]
    fn a_job_that_changes_while_it_is_written_waits_still() {
        let backlog = complete();
        backlog.changed(&[job(3), job(7)]);
        assert_eq!(backlog.beside_file(job(3)), Some((0, vec![job(7)])));
        let Some(Part::Waiting(taken)) = backlog.next(9) else { panic!("two wait") };
        backlog.changed(&[job(7)]);
        backlog.written(&taken);
        assert_eq!(backlog.beside_file(job(0)), Some((0, vec![job(7)])));
    }

    #[test]
    fn of_too_many_it_is_known_from_where_on_to_compare() {
        let backlog = complete();
        let many: Vec<_> = (500..500 + MAX_WAITING as i64 + 1).map(job).collect();
        backlog.changed(&many);
        assert_eq!(backlog.beside_file(job(0)), None, "the file lacks some");
        assert_eq!(backlog.next(9), Some(Part::Compare(job(499), 1)));
        // What was lost while it was compared is compared again.
        backlog.changed(&many);
        backlog.compared(1, None);
        assert_eq!(backlog.next(9), Some(Part::Compare(job(499), 2)));
        backlog.compared(2, Some(job(1_000)));
        assert_eq!(backlog.next(9), Some(Part::Compare(job(1_000), 2)));
        backlog.changed(&[job(2)]);
        assert!(matches!(backlog.next(9), Some(Part::Waiting(_))));
        backlog.compared(2, None);
        assert_eq!(backlog.beside_file(job(0)), Some((0, vec![job(2)])));
    }
}
