//! [`Timetable`]: when all jobs run that are enabled, in memory. Pure: it is told the time, and it never reads the state.
//!
//! It holds a parsed schedule for each job, and of each second of the coming two days how many runs there are in it.
//! These counts are moved on as time passes: behind the present, seconds are forgotten, and in front the runs of each job
//! are added, some jobs at a time. `news` says which jobs changed, and `keeper` has the loop that reads them again.

mod counts;
mod entry;
mod keeper;
mod news;
mod next;
mod zones;

use chronos_state::{JobDue, JobSeq};
use chronos_types::Millis;

use counts::Counts;
use entry::Entry;
use zones::Zones;

pub use keeper::TimetableKeeper;
pub use news::TimetableHandle;

/// So far ahead runs are counted, in seconds: what is promised, and the time that the counts may take to be moved on.
const COUNTED: i64 = AHEAD + 3_600;
/// So far ahead runs can be asked for, in seconds.
pub(crate) const AHEAD: i64 = 48 * 3_600;
/// The counts are moved on when they reach less far ahead than this.
const RENEWED: i64 = AHEAD + 1_800;

/// When all jobs run.
#[derive(Debug)]
pub(crate) struct Timetable {
    /// In the order of their numbers.
    jobs: Vec<Entry>,
    zones: Zones,
    counts: Counts,
    /// The runs of all jobs are counted before this second.
    counted: i64,
    moving: Option<Moving>,
}

/// The counts are being moved on.
#[derive(Clone, Copy, Debug)]
struct Moving {
    /// To this second.
    to: i64,
    /// So far that was done for the jobs up to this one.
    done: JobSeq,
}

impl Timetable {
    /// Without a job, as of `now`.
    pub(crate) fn new(now: Millis) -> Self {
        let now = now.div_euclid(1000);
        let (counts, zones) = (Counts::new(now), Zones::new(now, now + COUNTED));
        Self { jobs: Vec::new(), zones, counts, counted: now + COUNTED, moving: None }
    }

    /// Takes a job as it is now.
    pub(crate) fn put(&mut self, job: &JobDue) {
        let Ok(entry) = Entry::read(job, &mut self.zones) else { return self.remove(job.seq) };
        match self.place(job.seq) {
            Ok(at) => {
                self.count(at, false);
                self.jobs[at] = entry;
                self.count(at, true);
            }
            Err(at) => {
                if self.jobs.len() == self.jobs.capacity() {
                    // By an eighth: doubling would leave half of the memory idle.
                    self.jobs.reserve_exact(self.jobs.len() / 8 + 16);
                }
                self.jobs.insert(at, entry);
                self.count(at, true);
            }
        }
    }

    /// Forgets a job.
    pub(crate) fn remove(&mut self, job: JobSeq) {
        if let Ok(at) = self.place(job) {
            self.count(at, false);
            self.jobs.remove(at);
        }
    }

    /// Moves the counts on, for at most so many jobs. Says whether there is more to do.
    pub(crate) fn move_on(&mut self, now: Millis, most: usize) -> bool {
        let now = now.div_euclid(1000);
        let Moving { to, done } = match self.moving {
            // It is earlier than it was, or the counts lie in the past: the clock was set, or the node was stopped.
            _ if now < self.counts.from() || now >= self.reach() => {
                (self.counts, self.counted) = (Counts::new(now), now);
                self.begin(now)
            }
            Some(moving) => moving,
            None if self.counted - now >= RENEWED => return false,
            None => self.begin(now),
        };
        let first = self.jobs.partition_point(|job| job.seq <= done);
        let last = self.jobs.len().min(first + most);
        for job in &self.jobs[first..last] {
            job.each(&self.zones, self.counted, to, |second| self.counts.add(second));
        }
        if last == self.jobs.len() {
            self.counted = to;
            self.moving = None;
            // Time may have gone on by more than they reach ahead.
            return self.counted - now < RENEWED;
        }
        self.moving = Some(Moving { to, done: self.jobs[last - 1].seq });
        true
    }

    /// Begins to move the counts on.
    fn begin(&mut self, now: i64) -> Moving {
        self.counts.forget_before(now);
        self.zones.look_up(now, now + COUNTED);
        Moving { to: now + COUNTED, done: JobSeq::default() }
    }

    /// How far the counts reach for the first of the jobs.
    fn reach(&self) -> i64 {
        self.moving.map_or(self.counted, |moving| moving.to)
    }

    /// How many runs there are from each of these seconds on up to the next one, and up to `to` from the last. Those before
    /// `now` are not counted.
    pub(crate) fn density(&self, now: i64, starts: impl Iterator<Item = i64>, to: i64) -> Vec<u64> {
        let mut starts = starts.peekable();
        let mut density = Vec::with_capacity(starts.size_hint().0);
        while let Some(start) = starts.next() {
            let end = starts.peek().copied().unwrap_or(to);
            density.push(self.counts.sum(start.max(now), end.min(self.counted)));
        }
        density
    }

    /// Whether all runs of all jobs that it has are counted from one second on up to another.
    pub(crate) fn has_counted(&self, from: i64, to: i64) -> bool {
        self.counts.from() <= from && to <= self.counted
    }

    /// Adds the runs of a job to the counts, or takes them away.
    fn count(&mut self, at: usize, add: bool) {
        let job = &self.jobs[at];
        let to = match self.moving {
            Some(Moving { to, done }) if job.seq <= done => to,
            _ => self.counted,
        };
        let counts = &mut self.counts;
        let from = counts.from();
        job.each(&self.zones, from, to, |second| if add { counts.add(second) } else { counts.take(second) });
    }

    /// Where a job stands, or would.
    fn place(&self, job: JobSeq) -> Result<usize, usize> {
        // Mostly it is a new one.
        match self.jobs.last() {
            Some(last) if last.seq >= job => self.jobs.binary_search_by_key(&job, |entry| entry.seq),
            _ => Err(self.jobs.len()),
        }
    }
}

#[cfg(test)]
mod tests;
