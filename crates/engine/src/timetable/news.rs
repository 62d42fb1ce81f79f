//! [`TimetableHandle`]: what is said to a timetable, and what is asked of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use chronos_state::JobSeq;
use chronos_types::Millis;
use tokio::sync::Notify;

use super::Timetable;

/// So many changes of jobs wait to be read. Where there are more, all jobs are read again.
const MOST: usize = 100_000;

/// A timetable of this node, and the news for it. Cheap to clone; what is said to it never waits.
#[derive(Clone, Debug)]
pub struct TimetableHandle {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    table: RwLock<Timetable>,
    news: Mutex<News>,
    told: Notify,
}

/// What is not in the timetable yet.
#[derive(Debug)]
struct News {
    /// These jobs changed.
    changed: Vec<JobSeq>,
    /// Any job may have changed.
    all: bool,
    /// All jobs up to this one were read, if not all are yet.
    read: Option<JobSeq>,
    /// Some that changed are being read.
    reading: bool,
}

/// What is to be read next.
#[derive(Debug, Default)]
pub(super) struct Portion {
    /// Jobs that changed.
    pub(super) changed: Vec<JobSeq>,
    /// The jobs after this one.
    pub(super) after: Option<JobSeq>,
    /// What was read so far does not hold any more.
    pub(super) anew: bool,
}

impl TimetableHandle {
    /// An empty timetable, as of `now`. All jobs are to be read.
    #[must_use]
    pub fn new(now: Millis) -> Self {
        let news = News { changed: Vec::new(), all: true, read: None, reading: false };
        let (table, news) = (RwLock::new(Timetable::new(now)), Mutex::new(news));
        Self { shared: Arc::new(Shared { table, news, told: Notify::new() }) }
    }

    /// These jobs were created, changed or deleted.
    pub fn changed(&self, jobs: &[JobSeq]) {
        if jobs.is_empty() {
            return;
        }
        let mut news = self.news();
        if news.all {
            return;
        }
        if news.changed.len() + jobs.len() > MOST {
            news.read_all();
        } else {
            news.changed.extend_from_slice(jobs);
        }
        self.shared.told.notify_one();
    }

    /// The state was replaced as a whole.
    pub fn replaced(&self) {
        self.news().read_all();
        self.shared.told.notify_one();
    }

    /// Waits for news.
    pub(super) async fn told(&self) {
        self.shared.told.notified().await;
    }

    /// What is to be read next, at most so many jobs.
    pub(super) fn take(&self, most: usize) -> Portion {
        let mut news = self.news();
        let anew = std::mem::take(&mut news.all);
        if anew {
            news.read = Some(JobSeq::default());
        }
        let rest = news.changed.len().saturating_sub(most);
        let mut changed = news.changed.split_off(rest);
        changed.sort_unstable();
        changed.dedup();
        // Those that are still to come are read with the others.
        if let Some(read) = news.read {
            changed.retain(|job| *job <= read);
        }
        if news.changed.is_empty() {
            // A burst is over: its memory is given back.
            news.changed = Vec::new();
        }
        news.reading = !changed.is_empty();
        Portion { changed, after: news.read, anew }
    }

    /// A portion is in the timetable; with it, all jobs up to `read`, or all of them where that is none.
    pub(super) fn done(&self, portion: &Portion, read: Option<JobSeq>) {
        let mut news = self.news();
        news.reading = false;
        if portion.after.is_some() {
            news.read = read;
        }
    }

    /// A portion could not be read.
    pub(super) fn failed(&self) {
        let mut news = self.news();
        news.reading = false;
        news.read_all();
    }

    /// Whether the timetable has all jobs as they are on record.
    pub(crate) fn is_complete(&self) -> bool {
        let News { changed, all, read, reading } = &*self.news();
        changed.is_empty() && !all && read.is_none() && !reading
    }

    pub(crate) fn table(&self) -> RwLockReadGuard<'_, Timetable> {
        // A panic ends the node.
        self.shared.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn table_mut(&self) -> RwLockWriteGuard<'_, Timetable> {
        self.shared.table.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn news(&self) -> MutexGuard<'_, News> {
        self.shared.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl News {
    fn read_all(&mut self) {
        self.all = true;
        self.changed = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seqs<const N: usize>(numbers: [i64; N]) -> Vec<JobSeq> {
        numbers.map(JobSeq::new).into()
    }

    /// An empty timetable of which all jobs were read.
    fn complete() -> TimetableHandle {
        let handle = TimetableHandle::new(0);
        let first = handle.take(9);
        assert!(first.anew);
        handle.done(&first, None);
        assert!(handle.is_complete());
        handle
    }

    #[test]
    fn it_is_complete_once_all_jobs_and_all_news_are_read() {
        let handle = TimetableHandle::new(0);
        assert!(!handle.is_complete());
        let first = handle.take(9);
        assert_eq!((first.anew, first.after), (true, Some(JobSeq::default())));
        handle.done(&first, Some(JobSeq::new(5)));
        // The last of them is read with those that are still to come.
        handle.changed(&seqs([3, 7, 3]));
        let second = handle.take(9);
        assert_eq!((&second.changed, second.after, second.anew), (&seqs([3]), Some(JobSeq::new(5)), false));
        handle.done(&second, None);
        assert!(handle.is_complete());
        handle.changed(&[]);
        assert!(handle.is_complete());

        handle.changed(&seqs([4, 1, 2]));
        assert!(!handle.is_complete());
        let third = handle.take(2);
        assert_eq!((&third.changed, third.after), (&seqs([1, 2]), None));
        handle.done(&third, None);
        assert!(!handle.is_complete());
        let last = handle.take(2);
        assert_eq!(last.changed, seqs([4]));
        assert!(!handle.is_complete(), "it is taken, and not read");
        handle.done(&last, None);
        assert!(handle.is_complete());
    }

    #[test]
    fn all_jobs_are_read_again_where_the_state_was_replaced_or_could_not_be_read() {
        for say in [TimetableHandle::replaced, TimetableHandle::failed] {
            let handle = complete();
            handle.changed(&seqs([1]));
            say(&handle);
            assert!(!handle.is_complete());
            let portion = handle.take(9);
            assert_eq!((portion.anew, &portion.changed), (true, &seqs([])));
        }
    }

    #[test]
    fn more_news_than_there_is_room_for_has_all_jobs_read_again() {
        let handle = complete();
        handle.changed(&vec![JobSeq::new(1); MOST]);
        assert_eq!(handle.news().changed.len(), MOST);
        handle.changed(&seqs([2]));
        assert!(handle.news().all && handle.news().changed.capacity() == 0);
        // What changes before they are read is read with them.
        handle.changed(&seqs([3]));
        let portion = handle.take(9);
        assert_eq!((portion.anew, portion.after), (true, Some(JobSeq::default())));
    }
}
