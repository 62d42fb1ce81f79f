//! The jobs and their history: as many runs as are asked for, spread over a month.

use chronos_state::{Batch, Command, JobSeq, PauseJob, Proposal, PutItem, PutJob, PutJobs, SetOwner};
use chronos_types::{ExecutionId, JobId, Millis, Note};

use super::draw::Draw;
use super::mix::{self, Mixed};
use super::runs;
use crate::Result;
use crate::bench::load::Loader;

const DAY_MS: Millis = 24 * 3_600_000;
/// The runs lie between these two, before now: nothing is old enough to be forgotten while the bench lasts.
const FROM_MS: Millis = 29 * DAY_MS;
const UNTIL_MS: Millis = 20 * 60_000;
/// The jobs were created before that, so many in a batch.
const CREATED_MS: Millis = FROM_MS + DAY_MS / 2;
const JOBS_AT_ONCE: usize = 5_000;
/// One execution in ten is of a job that has as many as are kept.
const HEAVY: usize = 1_000;
const HEAVY_SHARE: usize = 10;

/// A job that is on record.
pub struct Known {
    /// Its name.
    pub name: String,
    /// The number of its host.
    pub host: usize,
    /// When it has run.
    pub rhythm: Rhythm,
    /// Its id.
    pub id: JobId,
    /// The machine's number of it.
    pub seq: JobSeq,
    /// Whether its newest runs failed, through a fault of its own.
    pub is_broken: bool,
    is_paused: bool,
}

/// When a job has run, and does next.
pub struct Rhythm {
    /// The job's number.
    n: usize,
    /// How many executions it has.
    pub count: usize,
    first: Millis,
    period: Millis,
    /// When it falls due after all of them.
    due: Option<Millis>,
}

/// What is on record.
pub struct Loaded {
    /// The jobs, in the order of their creation.
    pub jobs: Vec<Known>,
    /// Some executions, and the numbers of their jobs.
    pub sampled: Vec<(usize, ExecutionId)>,
    /// The instant at which all of it is.
    pub now: Millis,
}

/// Puts so many jobs and executions on record, as they stand `now`.
pub fn load(loader: &mut Loader, jobs: usize, executions: usize, now: Millis) -> Result<Loaded> {
    let created = now - CREATED_MS;
    loader.raise(created)?;
    let counts = counts(jobs, executions, now)?;
    let mut loaded = Loaded { jobs: Vec::with_capacity(jobs), sampled: Vec::new(), now };
    for from in (0..jobs).step_by(JOBS_AT_ONCE) {
        let mut batches = Vec::new();
        let until = jobs.min(from + JOBS_AT_ONCE);
        for first in (from..until).step_by(mix::OF_SET) {
            let mut puts = Vec::with_capacity(mix::OF_SET);
            let upto = until.min(first + mix::OF_SET);
            for (n, count) in (first..).zip(&counts[first..upto]) {
                let (known, put) = create(loader, n, *count, now)?;
                puts.push(put);
                loaded.jobs.push(known);
            }
            batches.push(Batch { at: created, items: written(puts, mix::set(first), first)? });
        }
        loader.apply_all(&batches)?;
    }
    runs::put(loader, &mut loaded)?;
    pause(loader, &loaded)?;
    Ok(loaded)
}

/// Pauses those that are to be, one every few seconds.
fn pause(loader: &mut Loader, loaded: &Loaded) -> Result<()> {
    let paused: Vec<_> = loaded.jobs.iter().filter(|job| job.is_paused).collect();
    let mut at = loaded.now - UNTIL_MS;
    let every = UNTIL_MS / i64::try_from(paused.len().max(1))?;
    let reason = Note::parse("the target is being moved to another network")?;
    let mut batches = Vec::with_capacity(paused.len());
    for job in paused {
        at += every;
        let command = Command::Pause(PauseJob::of(job.id, None, Some(&reason), None));
        let items =
            vec![Proposal { idempotency: None, by: Some(runs::by(job.rhythm.n)?), sealed_by: None, command }];
        batches.push(Batch { at, items });
    }
    batches.chunks(runs::BATCHES_AT_ONCE).try_for_each(|some| loader.apply_all(some))
}

/// What creates jobs, the first of which has this number: each by itself, or all as those of a set.
fn written(puts: Vec<PutJob>, set: Option<String>, first: usize) -> Result<Vec<Proposal>> {
    let propose =
        |(n, command)| Ok(Proposal { idempotency: None, by: Some(runs::by(n)?), sealed_by: None, command });
    let Some(name) = set else {
        let one_by_one = puts.into_iter().map(|put| Command::PutJob(Box::new(put)));
        return (first..).zip(one_by_one).map(propose).collect();
    };
    let set = SetOwner { name, apply: None, adopt: false };
    let items = puts.into_iter().map(|put| PutItem::Put(Box::new(put))).collect();
    Ok(vec![propose((first, Command::PutJobs(PutJobs { set: Some(set), items })))?])
}

/// How many executions each job has.
fn counts(jobs: usize, executions: usize, now: Millis) -> Result<Vec<usize>> {
    let heavy = executions / HEAVY / HEAVY_SHARE;
    let step = jobs / heavy.max(1);
    let is_heavy = |n: usize| n / step.max(1) < heavy && n % step.max(1) == step / 2;
    let mut weights = Vec::with_capacity(jobs);
    for n in 0..jobs {
        let ran = !is_heavy(n) && mix::job(n, now)?.ran;
        weights.push(if ran { 1 + Draw::of(2, n).below(23) } else { 0 });
    }
    let all: usize = weights.iter().sum();
    let left = executions - heavy * HEAVY;
    let mut given = 0;
    let mut counts = Vec::with_capacity(jobs);
    let mut before = 0;
    for (n, weight) in weights.into_iter().enumerate() {
        // Rounded so that all of them together are as many as are to be.
        before += weight;
        let upto = before * left / all.max(1);
        counts.push(if is_heavy(n) { HEAVY } else { upto - given });
        given = upto;
    }
    Ok(counts)
}

/// Job number `n`, and what creates it.
fn create(loader: &mut Loader, n: usize, count: usize, now: Millis) -> Result<(Known, PutJob)> {
    let Mixed { spec, due, host, broken: is_broken, paused: is_paused, .. } = mix::job(n, now)?;
    let period = (FROM_MS - UNTIL_MS) / i64::try_from(count.max(1))?;
    let offset = Draw::of(3, n).below(usize::try_from(period)?);
    let first = now - FROM_MS + i64::try_from(offset)?;
    let rhythm = Rhythm { n, count, first, period, due };
    let put = loader.create(&spec, now - CREATED_MS, rhythm.next_due(0));
    let name = spec.name.as_str().to_owned();
    Ok((Known { name, host, rhythm, id: put.id, seq: loader.last(), is_broken, is_paused }, put))
}

impl Rhythm {
    /// The instant of run number `k`, on a whole minute as most are.
    pub fn instant(&self, k: usize) -> Millis {
        let at = self.first + i64::try_from(k).unwrap_or_default() * self.period;
        at / 60_000 * 60_000
    }

    /// When it falls due next, from run number `k` on.
    pub fn next_due(&self, k: usize) -> Option<Millis> {
        let planned = (k..self.count).find(|k| !runs::is_by_hand(self.n, *k));
        planned.map_or(self.due, |k| Some(self.instant(k)))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rusqlite::Connection;

    use super::*;
    use crate::bench::now_ms;

    fn count(directory: &Path, what: &str) -> usize {
        let file = Connection::open(directory.join("state.db")).unwrap();
        file.query_row(&format!("SELECT count(*) FROM {what}"), [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn as_many_runs_as_are_asked_for_are_on_record_and_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let mut loader = Loader::open_as_it_is(path, ([127, 0, 0, 1], 9).into()).unwrap();
        let now = now_ms();
        let loaded = load(&mut loader, 300, 10_000, now).unwrap();
        loader.finish().unwrap();
        assert_eq!((count(path, "jobs"), count(path, "executions")), (300, 10_000));
        assert_eq!(count(path, "executions WHERE status < 3"), 0, "all of them are over");
        assert!((50..400).contains(&count(path, "executions WHERE trigger IN (1, 3)")), "some by hand");
        assert_eq!(count(path, "executions WHERE status = 3 AND trigger = 0") / 1_000, 9, "most succeed");
        let old = format!("executions WHERE scheduled_time < {}", now - 20 * DAY_MS);
        assert!(count(path, &old) > 2_000, "they are spread over the month");
        let heavy = loaded.jobs.iter().filter(|job| job.rhythm.count == HEAVY).count();
        assert_eq!(heavy, 1);
        assert!(loaded.jobs.iter().any(|job| job.rhythm.count == 0), "some never ran");
        let sums: i64 = Connection::open(path.join("state.db"))
            .unwrap()
            .query_row("SELECT sum(held) FROM due", [], |row| row.get(0))
            .unwrap();
        assert_eq!(sums, 10_000);
        assert!((1..20).contains(&count(path, "pauses")), "some are paused");
        // What they are due for next is what their schedule says from now on.
        assert_eq!(count(path, &format!("due WHERE at <= {}", now + mix::QUIET_MS)), 0);
    }
}
