//! [`TimetableKeeper`]: reads jobs into the timetable of this node, and moves it on. It runs on every node, and it leaves
//! nine tenths of a core to others.

use std::time::Duration;

use chronos_state::{JobDue, JobSeq, Reader, StateError};
use chronos_types::Millis;
use tokio::time::Instant;

use super::Timetable;
use super::news::{Portion, TimetableHandle};
use crate::services::Services;

/// Jobs that are read at a time: some milliseconds.
const JOBS_AT_ONCE: usize = 200;
/// Jobs whose counts are moved on at a time: a millisecond at most, but for jobs that run every second.
const MOVED_AT_ONCE: usize = 1_000;
/// After a portion it rests for so many times as long as the portion took.
const RESTS: u32 = 9;
const SHORTEST_REST: Duration = Duration::from_millis(1);
const LONGEST_REST: Duration = Duration::from_secs(5);
/// Between looks at the clock while there is no news. The counts are moved on every half an hour, and begun anew where
/// the clock was set.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Between tries while the state cannot be read.
const PAUSE: Duration = Duration::from_secs(1);

/// The loop that keeps the timetable.
#[derive(Debug)]
pub struct TimetableKeeper {
    services: Services,
    timetable: TimetableHandle,
}

/// What came of a portion.
struct Kept {
    /// How long it took.
    took: Duration,
    more: bool,
}

impl TimetableKeeper {
    /// The loop, with what it works with.
    #[must_use]
    pub fn new(services: Services, timetable: TimetableHandle) -> Self {
        Self { services, timetable }
    }

    /// Keeps the timetable for as long as the node runs.
    pub async fn run(self) {
        loop {
            let timetable = self.timetable.clone();
            let now = self.services.env.now();
            match self.services.store.read(move |reader| keep(&timetable, reader, now)).await {
                Ok(Kept { took, more: true }) => {
                    tokio::time::sleep((took * RESTS).clamp(SHORTEST_REST, LONGEST_REST)).await;
                }
                Ok(Kept { more: false, .. }) => {
                    tokio::select! {
                        () = self.timetable.told() => {}
                        () = tokio::time::sleep(LOOK_EVERY) => {}
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "what is to run cannot be read; trying again");
                    self.timetable.failed();
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

/// Reads a portion of the jobs, and moves the counts of some on. The state is never read while the timetable is held.
fn keep(timetable: &TimetableHandle, reader: &Reader, now: Millis) -> Result<Kept, StateError> {
    let begun = Instant::now();
    let portion = timetable.take(JOBS_AT_ONCE);
    let Portion { changed, after, anew } = &portion;
    if *anew {
        *timetable.table_mut() = Timetable::new(now);
    }
    for job in changed {
        let found = reader.enabled_job(*job)?;
        put(timetable, *job, found.as_ref());
    }
    let mut read = None;
    if let Some(after) = after {
        let jobs = reader.enabled_jobs(*after, JOBS_AT_ONCE)?;
        for job in &jobs {
            put(timetable, job.seq, Some(job));
        }
        read = jobs.last().map(|job| job.seq);
    }
    let moves = timetable.table_mut().move_on(now, MOVED_AT_ONCE);
    timetable.done(&portion, read);
    Ok(Kept { took: begun.elapsed(), more: moves || !timetable.is_complete() })
}

fn put(timetable: &TimetableHandle, seq: JobSeq, job: Option<&JobDue>) {
    // It is held for one job at a time, so that whoever asks meanwhile waits for no more than that.
    let mut table = timetable.table_mut();
    match job {
        Some(job) => table.put(job),
        None => table.remove(seq),
    }
}
