//! A node's disk: how long it takes, whether it hangs, and whether it has space.

mod calls;
mod middle;

use std::future::ready;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use chronos_env::{BoxFuture, Disk, pause_by};

use super::here;
use crate::entropy;

/// How often a write looks whether a disk that hangs goes on.
const LOOK: Duration = Duration::from_millis(10);

/// One node's disk. A piece of work takes as long as the disk is slow, or up to twice as long.
///
/// A fault strikes after some writes, so that it falls between two writes of one transaction as often as not. What
/// SQLite has written before stays, and the rest waits or fails.
#[derive(Debug, Default)]
pub(crate) struct SimDisk {
    slow_ms: AtomicU64,
    full: AtomicBool,
    frozen: AtomicBool,
    /// How many writes still pass before a fault strikes.
    spared: AtomicU64,
    /// Pieces of work that hang now, and have written something before.
    torn: AtomicU64,
    counted: Counted,
}

/// How often a fault fell into a piece of work that had written something before.
#[derive(Debug, Default)]
struct Counted {
    hung: AtomicU64,
    filled: AtomicU64,
}

/// From now on, what this thread writes obeys the disk of the node that runs.
pub(crate) fn obey() {
    calls::install();
    pause_by(|pause| {
        middle::stop_for(pause);
    });
}

impl SimDisk {
    /// Sets how slow the disk is from now on. With 0, work takes no simulated time.
    pub(crate) fn set_slow_ms(&self, slow: u64) {
        self.slow_ms.store(slow, Ordering::Relaxed);
    }

    /// Sets whether the disk has no space, once so many writes have passed.
    pub(crate) fn set_full(&self, full: bool, after: u64) {
        self.full.store(full, Ordering::Relaxed);
        self.spared.store(after, Ordering::Relaxed);
    }

    /// Sets whether writes hang, once so many of them have passed.
    pub(crate) fn set_frozen(&self, frozen: bool, after: u64) {
        self.frozen.store(frozen, Ordering::Relaxed);
        self.spared.store(after, Ordering::Relaxed);
    }

    /// Whether the disk has no space.
    pub(crate) fn has_no_space(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// How often it hung, and how often it became full, in the middle of a piece of work.
    pub(crate) fn counted(&self) -> (u64, u64) {
        (self.counted.hung.load(Ordering::Relaxed), self.counted.filled.load(Ordering::Relaxed))
    }

    /// The node ends. Returns how many pieces of work it leaves half done.
    pub(crate) fn give_up(&self) -> u64 {
        self.torn.swap(0, Ordering::Relaxed)
    }

    fn is_failing(&self) -> bool {
        self.full.load(Ordering::Relaxed) || self.frozen.load(Ordering::Relaxed)
    }

    /// Lets a write pass, lets it wait, or refuses it for want of space.
    fn write(&self) -> Result<(), NoSpace> {
        let Some(before) = middle::writes() else {
            // This work has no stack of its own, and cannot wait. It began before the fault.
            return Ok(());
        };
        let spare = |left: u64| left.checked_sub(1);
        if self.spared.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spare).is_ok() {
            middle::set_writes(before + 1);
            return Ok(());
        }
        let is_torn = u64::from(before > 0);
        if self.frozen.load(Ordering::Relaxed) {
            self.counted.hung.fetch_add(is_torn, Ordering::Relaxed);
            self.torn.fetch_add(is_torn, Ordering::Relaxed);
            while self.frozen.load(Ordering::Relaxed) {
                middle::stop_for(LOOK);
            }
            self.torn.fetch_sub(is_torn, Ordering::Relaxed);
        }
        if self.full.load(Ordering::Relaxed) {
            self.counted.filled.fetch_add(is_torn, Ordering::Relaxed);
            // The transaction is undone, and what comes next is another one.
            middle::set_writes(0);
            return Err(NoSpace);
        }
        middle::set_writes(before + 1);
        Ok(())
    }
}

/// The disk has no space.
struct NoSpace;

/// What the disk of the node that runs makes of a write.
fn write() -> Result<(), NoSpace> {
    here::disk().map_or(Ok(()), |disk| disk.write())
}

impl Disk for SimDisk {
    fn delay(&self) -> Duration {
        let slow = self.slow_ms.load(Ordering::Relaxed);
        let mut drawn = [0; 8];
        let _ = entropy::fill(&mut drawn);
        Duration::from_millis(slow + u64::from_le_bytes(drawn) % (slow + 1))
    }

    fn perform(&self, work: Box<dyn FnOnce() + Send>) -> BoxFuture<'_, ()> {
        if !self.is_failing() {
            work();
            return Box::pin(ready(()));
        }
        Box::pin(async move {
            let mut stopped = middle::begin(work);
            // It goes on when nobody waits for it any more, as on a thread.
            let done = tokio::spawn(async move {
                while let Some((piece, pause)) = stopped {
                    tokio::time::sleep(pause).await;
                    stopped = middle::go_on(piece);
                }
            });
            if let Err(error) = done.await
                && let Ok(panic) = error.try_into_panic()
            {
                resume_unwind(panic);
            }
        })
    }

    fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed) && self.spared.load(Ordering::Relaxed) == 0
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use rusqlite::Connection;

    use super::*;
    use crate::world::within;

    fn open(file: &Path) -> Connection {
        let rows = Connection::open(file).expect("it opens");
        rows.execute_batch("PRAGMA journal_mode=WAL; CREATE TABLE r (v BLOB)").expect("a table");
        rows
    }

    fn count(file: &Path) -> u64 {
        let rows = Connection::open(file).expect("it opens");
        rows.query_row("SELECT count(*) FROM r", (), |row| row.get(0)).expect("a count")
    }

    /// Inserts a row of several pages on `disk`, in a runtime with paused time. Answers with what came of it, and how
    /// long it took; `during` happens after a second.
    fn insert(disk: &Arc<SimDisk>, file: &Path, during: impl FnOnce()) -> (Option<bool>, Duration) {
        obey();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let (file, done) = (file.to_owned(), Arc::new(std::sync::Mutex::new(None)));
        let outcome = Arc::clone(&done);
        let work = move || {
            let rows = Connection::open(file).expect("it opens");
            let inserted = rows.execute("INSERT INTO r VALUES (randomblob(20000))", ());
            let is_full = matches!(inserted, Err(rusqlite::Error::SqliteFailure(error, _))
                if error.code == rusqlite::ErrorCode::DiskFull);
            assert!(inserted.is_ok() || is_full, "{inserted:?}");
            *outcome.lock().expect("unpoisoned") = Some(inserted.is_ok());
        };
        within(Duration::ZERO, None, disk, || {
            runtime.expect("a runtime").block_on(async {
                let begun = tokio::time::Instant::now();
                let performed = disk.perform(Box::new(work));
                tokio::pin!(performed);
                tokio::select! {
                    biased;
                    () = &mut performed => {}
                    () = tokio::time::sleep(Duration::from_secs(1)) => {
                        assert!(done.lock().expect("unpoisoned").is_none());
                        during();
                        performed.await;
                    }
                }
                (*done.lock().expect("unpoisoned"), begun.elapsed())
            })
        })
    }

    #[test]
    fn a_disk_that_hangs_lets_time_pass_between_two_writes_of_a_transaction() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("rows.db");
        let _open = open(&file);
        let disk = Arc::<SimDisk>::default();
        assert_eq!(insert(&disk, &file, || ()), (Some(true), Duration::ZERO));
        disk.set_frozen(true, 3);
        let wal = directory.path().join("rows.db-wal");
        let before = std::fs::metadata(&wal).expect("a log").len();
        let thaw = {
            let (disk, file) = (Arc::clone(&disk), file.clone());
            move || {
                assert!(std::fs::metadata(&wal).expect("a log").len() > before, "some of it is written");
                assert_eq!(count(&file), 1, "nobody sees it");
                disk.set_frozen(false, 0);
            }
        };
        let (done, took) = insert(&disk, &file, thaw);
        assert!(done == Some(true) && took >= Duration::from_secs(1), "{took:?}");
        assert_eq!((count(&file), disk.counted(), disk.give_up()), (2, (1, 0), 0));
    }

    #[test]
    fn a_disk_that_becomes_full_in_a_transaction_undoes_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("rows.db");
        let _open = open(&file);
        let disk = Arc::<SimDisk>::default();
        disk.set_full(true, 3);
        assert!(!disk.is_full(), "not yet");
        assert_eq!(insert(&disk, &file, || ()).0, Some(false));
        assert!(disk.is_full());
        assert_eq!((count(&file), disk.counted()), (0, (0, 1)));
        disk.set_full(false, 0);
        assert_eq!(insert(&disk, &file, || ()).0, Some(true));
        assert_eq!(count(&file), 1);
    }

    #[test]
    fn work_that_waits_for_space_lets_time_pass() {
        obey();
        let disk = Arc::<SimDisk>::default();
        disk.set_full(true, 0);
        let woken = Arc::<AtomicBool>::default();
        let own = Arc::clone(&woken);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let took = runtime.expect("a runtime").block_on(async {
            let begun = tokio::time::Instant::now();
            let work = move || {
                chronos_env::pause(Duration::from_secs(3_600));
                own.store(true, Ordering::Relaxed);
            };
            disk.perform(Box::new(work)).await;
            begun.elapsed()
        });
        assert!(woken.load(Ordering::Relaxed) && took == Duration::from_secs(3_600), "{took:?}");
    }
}
