//! Jobs created a second, each durable before it is acknowledged, against what bare SQLite
//! commits durably.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chronos_state::{Batch, Command};
use rusqlite::{Connection, OpenFlags};

use super::fleet::Job;
use super::proc::Cpu;
use super::server::Server;
use super::table::{Row, Table, ms};
use super::{data_directory, group, percentile};
use crate::Result;

/// The target of the issue.
const SHARE: f64 = 0.2;
/// Each reference is measured for so long.
const REFERENCE: Duration = Duration::from_secs(4);

/// Runs it.
pub async fn run(clients: usize, seconds: usize) -> Result<Table> {
    let directory = data_directory()?;
    let server = Server::start(directory.path()).await?;
    eprintln!("{clients} clients create jobs for {seconds} s");
    let cpu = Cpu::of(server.pid())?;
    let commits = commits(&server).await?;
    let (count, took, mut times) = create(&server, clients, seconds).await?;
    let cpu = Cpu::of(server.pid())?.since(cpu).per(u64::try_from(count)?);
    let commits = match (commits, self::commits(&server).await?) {
        (Some(before), Some(after)) => Some(after - before),
        _ => None,
    };
    times.sort_unstable();
    let stored = stored(&server).await?;
    server.kill()?;
    let server = Server::start(directory.path()).await?;
    let after = self::stored(&server).await?;
    server.kill()?;
    let log = Log::read(&directory.path().join("log.db"))?;
    let rate = count as f64 / took;

    eprintln!("the reference: bare SQLite");
    // A commit holds one entry or more. Where the server does not count its commits, one is taken,
    // which makes the reference slower than it is; so that row is told and not judged then.
    let jobs_per_commit = commits.map_or(log.jobs_per_entry, |commits| count as f64 / commits.max(1.0));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a size, of megabytes at most"
    )]
    let commit_bytes = (jobs_per_commit * log.job_bytes as f64) as usize;
    let same = group::commits(commit_bytes, 1, jobs_per_commit, REFERENCE)?;
    let full = group::commits(log.job_bytes, clients, 1.0, REFERENCE)?;

    let mut table = Table::new(format!(
        "bench create: {clients} clients for {seconds} s, {} bytes a job, {:.1} jobs an entry; the reference is bare SQLite (WAL, synchronous=FULL)",
        log.job_bytes, log.jobs_per_entry
    ));
    let (same_jobs, full_jobs) = (format!("{jobs_per_commit:.1}"), clients.to_string());
    for (jobs, groups, judged) in [(same_jobs, same, commits.is_some()), (full_jobs, full, true)] {
        let ratio = rate / groups.rate;
        let row = Row {
            measure: format!("jobs a second; reference: {jobs} a commit"),
            result: format!("{rate:.0}"),
            reference: format!("{:.0} ({:.0} commits/s)", groups.rate, groups.commits),
            ratio: format!("{ratio:.3}"),
            target: format!("≥ {SHARE}"),
            passed: ratio >= SHARE,
        };
        if judged {
            table.judge(row);
        } else {
            table.tell(row.measure, row.result, format!("at least {}", row.reference));
        }
    }
    table.judge(Row {
        measure: "acknowledged and there after kill -9".into(),
        result: format!("{after} of {count}"),
        target: "all".into(),
        passed: after == count && stored == count,
        ..Row::default()
    });
    table.tell(
        "time of a create, p50, p99",
        format!("{}, {}", ms(percentile(&times, 0.5)), ms(percentile(&times, 0.99))),
        "",
    );
    table.tell("CPU per create, server", cpu.to_string(), "");
    Ok(table)
}

/// Has clients create jobs; answers how many, in how long, and the microseconds of each.
async fn create(server: &Server, clients: usize, seconds: usize) -> Result<(usize, f64, Vec<i64>)> {
    let serial = Arc::new(AtomicUsize::new(0));
    // Nobody listens there; nothing is due within the year either.
    let target = ([127, 0, 0, 1], 9).into();
    let begun = Instant::now();
    let until = begun + Duration::from_secs(u64::try_from(seconds)?);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..clients {
        let (api, serial) = (server.api.clone(), Arc::clone(&serial));
        tasks.spawn(async move {
            let mut times = Vec::new();
            while Instant::now() < until {
                let job = Job::numbered(serial.fetch_add(1, Ordering::Relaxed), "30 4 1 1 *");
                let sent = Instant::now();
                api.create(job.to_json(target)).await?;
                times.push(i64::try_from(sent.elapsed().as_micros()).unwrap_or(i64::MAX));
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(times)
        });
    }
    let mut times = Vec::new();
    while let Some(done) = tasks.join_next().await {
        times.extend(done??);
    }
    Ok((times.len(), begun.elapsed().as_secs_f64(), times))
}

/// Jobs that the API lists.
async fn stored(server: &Server) -> Result<usize> {
    Ok(server.api.all("/api/v1/jobs", "jobs").await?.len())
}

/// The log's transactions so far, where the server counts them.
async fn commits(server: &Server) -> Result<Option<f64>> {
    let text = server.api.text("/metrics").await?;
    let line = text.lines().find_map(|line| line.strip_prefix("chronos_log_commits_total "));
    Ok(line.map(str::parse).transpose()?)
}

/// What the log looks like. What was purged from it looked no different.
struct Log {
    /// The bytes of an entry that are one job's.
    job_bytes: usize,
    /// Jobs in one entry.
    jobs_per_entry: f64,
}

impl Log {
    fn read(path: &Path) -> Result<Self> {
        let file = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut statement = file.prepare("SELECT data FROM log WHERE kind = 1")?;
        let mut rows = statement.query([])?;
        let (mut entries, mut bytes, mut jobs) = (0, 0, 0);
        while let Some(row) = rows.next()? {
            let data: Vec<u8> = row.get(0)?;
            let batch = Batch::decode(&data)?;
            let put = |item: &&chronos_state::Proposal| matches!(item.command, Command::PutJob(_));
            let count = batch.items.iter().filter(put).count();
            if count > 0 {
                entries += 1;
                bytes += data.len();
                jobs += count;
            }
        }
        if entries == 0 {
            return Err("the log holds no created job".into());
        }
        Ok(Self { job_bytes: bytes / jobs, jobs_per_entry: jobs as f64 / entries as f64 })
    }
}
