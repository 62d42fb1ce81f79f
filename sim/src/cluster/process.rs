//! The process of a node: a tokio runtime of its own, with paused time, that is driven a step at a time.
//!
//! turmoil drives its own hosts in the same way. It cannot leave one of them out of a step, so a node is none of
//! them: a paused process is one that is not driven. Nothing of it runs then, whoever spawned it.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinHandle, LocalSet};
use tokio::time::Instant;

use crate::world::{SimDisk, TICK, within};

pub(super) struct Process {
    // The runtime goes before what is spawned locally, as in turmoil.
    runtime: Runtime,
    local: LocalSet,
    software: JoinHandle<Result<(), Ended>>,
    disk: Arc<SimDisk>,
}

/// Why a process ended of itself.
#[derive(Debug)]
pub(crate) enum Ended {
    /// It could not start.
    NoStart(String),
    /// It could not go on.
    Fault(String),
}

impl Process {
    /// Starts it. It runs when it is driven.
    pub(super) fn start(
        disk: &Arc<SimDisk>,
        software: impl Future<Output = Result<(), Ended>> + 'static,
    ) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build()?;
        let local = LocalSet::new();
        // The clock shall be at a whole millisecond, because timers are.
        runtime.block_on(async { tokio::time::sleep(TICK).await });
        let software = {
            let _inside = runtime.enter();
            local.spawn_local(software)
        };
        Ok(Self { runtime, local, software, disk: Arc::clone(disk) })
    }

    /// Drives it for one step, which begins at `since`. Answers when it has ended.
    pub(super) fn step(&mut self, since: Duration) -> Option<Result<(), Ended>> {
        self.drive(since, async { tokio::time::sleep(TICK).await });
        if !self.software.is_finished() {
            return None;
        }
        let ended = self.runtime.block_on(&mut self.software);
        Some(ended.unwrap_or_else(|error| Err(Ended::Fault(error.to_string()))))
    }

    /// It was not driven for this long, which ended at `since`: all of its timers of that time are due at once.
    pub(super) fn catch_up(&mut self, since: Duration, asleep: Duration) {
        self.drive(since.saturating_sub(asleep), async move { tokio::time::advance(asleep).await });
    }

    fn drive(&mut self, since: Duration, what: impl Future<Output = ()>) {
        let begun = {
            let _inside = self.runtime.enter();
            Instant::now()
        };
        let Self { runtime, local, disk, .. } = self;
        within(since, Some(begun), disk, || runtime.block_on(local.run_until(what)));
    }

    /// Ends it as `kill -9` does.
    pub(super) fn kill(self, since: Duration) {
        let disk = Arc::clone(&self.disk);
        within(since, None, &disk, || drop(self));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use tokio::time::sleep;

    use super::*;

    /// What a process has done.
    #[derive(Clone, Default)]
    struct Done {
        /// Milliseconds in which a task of each kind ran.
        local: Rc<Cell<u64>>,
        spawned: Arc<AtomicU64>,
        /// After how long a timer came that was set for 20 ms.
        timer: Rc<Cell<Duration>>,
    }

    impl Done {
        fn process(&self) -> Process {
            let Self { local, spawned, timer } = self.clone();
            let software = async move {
                tokio::spawn(async move {
                    loop {
                        sleep(TICK).await;
                        spawned.fetch_add(1, Ordering::Relaxed);
                    }
                });
                tokio::task::spawn_local(async move {
                    let begun = Instant::now();
                    sleep(TICK * 20).await;
                    timer.set(begun.elapsed());
                });
                loop {
                    sleep(TICK).await;
                    local.set(local.get() + 1);
                }
            };
            Process::start(&Arc::default(), software).expect("a runtime")
        }

        fn ran(&self) -> (u64, u64) {
            (self.local.get(), self.spawned.load(Ordering::Relaxed))
        }
    }

    #[test]
    fn nothing_of_a_paused_process_runs_and_its_timers_are_late() {
        let done = Done::default();
        let mut process = done.process();
        for ms in 0..10 {
            assert!(process.step(TICK * ms).is_none());
        }
        let before = done.ran();
        assert!(before.0 >= 9 && before.1 >= 9, "{before:?}");
        // 90 ms in which it is not driven.
        assert!(process.step(TICK * 100).is_none());
        let after = done.ran();
        assert!(after.0 <= before.0 + 2 && after.1 <= before.1 + 2, "{after:?} after {before:?}");
        assert_eq!(done.timer.get(), Duration::ZERO, "its clock has not gone on either");
        // The same again, as a process that was stopped sees it.
        process.catch_up(TICK * 191, TICK * 90);
        assert!(process.step(TICK * 191).is_none());
        let late = done.timer.get();
        assert!(late >= TICK * 100 && late <= TICK * 103, "{late:?}");
        assert!(done.ran().0 <= after.0 + 3, "a loop that was due 90 times ran once");
        process.kill(TICK * 192);
    }
}
