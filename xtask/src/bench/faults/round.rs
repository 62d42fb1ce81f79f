//! One fault, on a cluster of its own.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use chronos_types::{Millis, MissedRuns};
use rusqlite::{Connection, OpenFlags};

use super::super::cluster::create;
use super::super::jobs::{Job, steady};
use super::super::load::Loader;
use super::super::nodes::{Nodes, name, seats_on};
use super::super::sink::Sink;
use super::super::{now_ms, sleep_until_ms};
use super::cases::Fault;
use super::planning::{Watch, first_write};
use crate::Result;

/// The nodes. The first leads, and the last is one to which nothing happens.
const NODES: usize = 3;
/// How long all is well before the fault: who fires which job is looked up in that time.
const QUIET_MS: Millis = 8_000;
/// Jobs fire so much longer than they are looked at: the lead may have to be moved before the fault.
const LONGER_SECONDS: usize = 15;
/// How long what was missed may take until it is on record.
const SETTLES: Duration = Duration::from_secs(60);
/// The jobs that are behind, every other of them minutely and the rest hourly, and how far.
const BEHIND: usize = 4_000;
const BEHIND_MS: Millis = 2 * 3_600_000;
/// The number of a status in the state: the run did not begin, since the one before was not over.
const SKIPPED: i64 = 6;
/// A job that is written to and does not fire.
const PROBE: &str = "sample-0";

/// One fault that is to be measured.
pub struct Round<'a> {
    pub fault: Fault,
    pub sink: &'a Sink,
    pub rate: usize,
    pub seconds: usize,
}

/// How late runs were, in milliseconds.
#[derive(Clone, Debug, Default)]
pub struct Late {
    pub p99: i64,
    pub most: i64,
}

/// What was measured.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// The longest time in which nothing was planned.
    pub planning_ms: i64,
    /// The runs of healthy nodes.
    pub late: Late,
    /// Instants that have no success on record and were not skipped, of so many.
    pub missing: usize,
    pub expected: usize,
    /// Runs that did not begin because the one before was not over.
    pub skipped: usize,
    /// Deliveries that were made again.
    pub repeated: u64,
    /// From the fault to the first write that another node took.
    pub write_ms: i64,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { planning_ms, late, missing, expected, skipped, repeated, write_ms } = self;
        write!(
            f,
            "nothing planned for {planning_ms} ms, healthy nodes late p99 {} ms, most {} ms, ",
            late.p99, late.most
        )?;
        write!(
            f,
            "{missing} of {expected} missing, {skipped} skipped, {repeated} repeated, a write after {write_ms} ms"
        )
    }
}

impl Round<'_> {
    pub async fn run(&self) -> Result<Figures> {
        let Self { fault, sink, rate, seconds } = *self;
        sink.reset().await?;
        let seats = seats_on(NODES, fault.disk())?;
        if fault == Fault::CatchUp {
            load_behind(seats[0].directory(), sink)?;
        }
        let mut nodes = Nodes::start_on(seats).await?;
        lead(&nodes).await?;
        let fires = usize::try_from(QUIET_MS / 1_000)? + seconds + LONGER_SECONDS;
        let start = create(&nodes, sink, rate, |start| steady(rate, start, fires)).await?;
        let at = start + QUIET_MS;
        let jobs = firing(nodes.servers[NODES - 1].directory())?;
        sleep_until_ms(at).await;
        let owners = owners(nodes.servers[NODES - 1].directory(), start, at)?;
        lead(&nodes).await?;

        let watch = Watch::begin(nodes.servers.iter().map(|server| server.api.clone()));
        let others = (0..NODES).filter(|n| Some(*n) != fault.victim());
        let others = others.map(|n| nodes.servers[n].api.clone()).collect();
        let (from, begun) = (now_ms(), Instant::now());
        let write = tokio::spawn(first_write(others, PROBE, begun));
        fault.happen(&mut nodes).await?;
        let until = from + i64::try_from(seconds * 1_000)?;
        sleep_until_ms(until).await;
        let planning_ms = watch.end();
        let write_ms = write.await?.ok_or("no node takes a write")?;

        let healthy: HashSet<i64> = match fault.victim().map(name) {
            Some(victim) => jobs
                .iter()
                .filter(|job| owners.get(job).is_some_and(|owner| *owner != victim))
                .copied()
                .collect(),
            None => jobs.iter().copied().collect(),
        };
        let witness = nodes.servers[NODES - 1].directory().to_owned();
        let expected = rate * seconds;
        let Over { all, skipped } = over(&witness, &jobs, (from, until), expected).await?;
        Ok(Figures {
            planning_ms,
            late: late(&witness, &healthy, from, until)?,
            missing: expected.saturating_sub(all),
            expected,
            skipped,
            repeated: sink.report().await?.duplicates,
            write_ms,
        })
    }
}

/// Has the first node lead.
async fn lead(nodes: &Nodes) -> Result<()> {
    let first = name(0);
    for _ in 0..20 {
        let client = &nodes.servers[NODES - 1].api;
        if client.cluster_status().await?.leader.as_ref() == Some(&first) {
            return Ok(());
        }
        // It may not work the first time; whether it did is seen above.
        let _ = client.transfer_leadership(Some(&first)).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Err(format!("{first} does not lead").into())
}

/// Loads jobs that are behind.
fn load_behind(directory: &Path, sink: &Sink) -> Result<()> {
    let since = now_ms() - BEHIND_MS;
    let job = |n: usize| {
        let second = i64::try_from(n % 60).unwrap_or_default();
        let (period, schedule) = if n.is_multiple_of(2) {
            (60_000, format!("{second} * * * * *"))
        } else {
            (3_600_000, format!("{second} 0 * * * *"))
        };
        let due = Some((since / period + 1) * period + second * 1_000);
        Job { missed_runs: MissedRuns::ExecuteAll, due, ..Job::named(format!("behind-{n}"), &schedule) }
    };
    let mut loader = Loader::open(directory, sink.address)?;
    loader.put((0..BEHIND).map(job))?;
    loader.finish()
}

fn open(directory: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let file = Connection::open_with_flags(directory.join("state.db"), flags)?;
    file.busy_timeout(Duration::from_secs(1))?;
    Ok(file)
}

/// The numbers of the jobs that fire once a second.
fn firing(directory: &Path) -> Result<Vec<i64>> {
    let file = open(directory)?;
    let mut jobs = file.prepare("SELECT seq FROM jobs WHERE name LIKE 'job-%'")?;
    let rows = jobs.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Who fired each job between two instants.
fn owners(directory: &Path, from: Millis, until: Millis) -> Result<HashMap<i64, String>> {
    let file = open(directory)?;
    let sql = "SELECT job, node FROM executions WHERE scheduled_time >= ?1 AND scheduled_time < ?2";
    let mut runs = file.prepare(sql)?;
    let rows = runs.query_map([from, until], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// How late the first attempts of these jobs' runs began.
fn late(directory: &Path, jobs: &HashSet<i64>, from: Millis, until: Millis) -> Result<Late> {
    let file = open(directory)?;
    let sql = "SELECT job, started_at - fire_at FROM executions
        WHERE fire_at >= ?1 AND fire_at < ?2 AND trigger = 0 AND started_at IS NOT NULL";
    let mut runs = file.prepare(sql)?;
    let rows = runs.query_map([from, until], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
    let all = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut late: Vec<i64> =
        all.into_iter().filter(|(job, _)| jobs.contains(job)).map(|(_, late)| late).collect();
    late.sort_unstable();
    let at = |share: usize| late.get((late.len() * share / 100).min(late.len().saturating_sub(1))).copied();
    Ok(Late {
        p99: at(99).ok_or("no run of a healthy node is on record")?,
        most: at(100).unwrap_or_default(),
    })
}

/// How many instants have a record that is over, and how many of them were passed over because the run before was not
/// over: these jobs allow no overlap.
#[derive(Clone, Copy, Debug, Default)]
struct Over {
    all: usize,
    skipped: usize,
}

/// Waits until so many instants between two are over, or for some time.
async fn over(
    directory: &Path,
    jobs: &[i64],
    (from, until): (Millis, Millis),
    expected: usize,
) -> Result<Over> {
    let jobs: HashSet<i64> = jobs.iter().copied().collect();
    let begun = Instant::now();
    loop {
        let file = open(directory)?;
        let sql = "SELECT job, status FROM executions
            WHERE scheduled_time >= ?1 AND scheduled_time < ?2 AND status IN (3, 6)";
        let mut runs = file.prepare(sql)?;
        let rows = runs.query_map([from, until], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
        let mut over = Over::default();
        for (job, status) in rows.collect::<rusqlite::Result<Vec<_>>>()? {
            if jobs.contains(&job) {
                over.all += 1;
                over.skipped += usize::from(status == SKIPPED);
            }
        }
        if over.all >= expected || begun.elapsed() > SETTLES {
            return Ok(over);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
