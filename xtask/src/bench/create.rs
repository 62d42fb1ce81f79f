//! Jobs created a second, each durable before it is acknowledged, against what bare SQLite
//! commits durably; and jobs that are written together, against those that are created one by one.

pub mod against;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chronos_client::{Client, JobQuery};
use chronos_state::{Batch, Command};
use rusqlite::{Connection, OpenFlags};

use super::api::create_over;
use super::batches::{Batches, wait_for_version};
use super::jobs::Job;
use super::proc::Cpu;
use super::server::Server;
use super::table::{Row, Table, ms};
use super::{data_directory, group, percentile};
use crate::Result;

/// The target: the server's share of the reference's rate.
const SHARE: f64 = 0.2;
/// Turns of server and reference.
const ROUNDS: u32 = 3;
/// How long each reference is measured in each turn.
const REFERENCE: Duration = Duration::from_millis(1_500);

/// Runs the benchmark. Server and reference take turns, because the machine is not equally fast at all times.
pub async fn run(clients: usize, seconds: usize) -> Result<Table> {
    let directory = data_directory()?;
    let server = Server::start(directory.path()).await?;
    let serial = Arc::new(AtomicUsize::new(0));
    let (mut count, mut took, mut cpu_us, mut times) = (0, Duration::ZERO, Cpu::default(), Vec::new());
    let (mut same, mut full) = (Vec::new(), Vec::new());
    let mut log = None;
    wait_for_version(&server.api).await?;
    let (mut batches, mut together) = (Batches::default(), 0);
    let mut before = commits(&server).await?;
    for round in 1..=ROUNDS {
        eprintln!("round {round} of {ROUNDS}: {clients} clients create jobs, then bare SQLite does");
        let cpu = Cpu::of(server.pid())?;
        let begun = Instant::now();
        let time = Duration::from_secs(u64::try_from(seconds)?) / ROUNDS;
        let created = create(&server, clients, time, &serial).await?;
        took += begun.elapsed();
        cpu_us = cpu_us.and(Cpu::of(server.pid())?.since(cpu));
        count += created.len();
        times.extend(created);
        let log = match &log {
            Some(log) => log,
            None => log.insert(Log::read(&directory.path().join("log.db"))?),
        };
        let jobs_per_commit = count as f64 / (commits(&server).await? - before).max(1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between one and the number of clients"
        )]
        let group = jobs_per_commit.round() as usize;
        same.push(group::commits(log.job_bytes, group, REFERENCE)?);
        full.push(group::commits(log.job_bytes, clients, REFERENCE)?);
        let without = commits(&server).await?;
        together += batches.round(&server.api, &serial).await?;
        // Those of the batches are not counted.
        before += commits(&server).await? - without;
    }
    let jobs_per_commit = count as f64 / (commits(&server).await? - before).max(1.0);
    times.sort_unstable();
    let stored = stored(&server).await?;
    server.kill()?;
    let server = Server::start(directory.path()).await?;
    let after = self::stored(&server).await?;
    server.kill()?;
    let rate = count as f64 / took.as_secs_f64();

    let mut table = Table::new(format!(
        "bench create: {clients} clients for {seconds} s, {} bytes a job; the reference is bare SQLite (WAL, synchronous=FULL), in turns with the server",
        log.map_or(0, |log| log.job_bytes)
    ));
    for (jobs, groups, judged) in
        [(format!("{jobs_per_commit:.1}, as here,"), same, true), (clients.to_string(), full, false)]
    {
        let groups = group::mean(&groups);
        let ratio = rate / groups.rate;
        let row = Row {
            measure: format!("jobs a second; reference: {jobs} a commit"),
            result: format!("{rate:.0}"),
            reference: format!("{:.0} ({:.0} commits/s)", groups.rate, groups.commits),
            ratio: format!("{ratio:.3}"),
            target: if judged { format!("≥ {SHARE}") } else { String::new() },
            passed: ratio >= SHARE,
        };
        if judged {
            table.judge(row);
        } else {
            table.compare(row);
        }
    }
    batches.tell(&mut table, rate);
    let all = count + together;
    table.judge(Row {
        measure: "acknowledged and there after kill -9".into(),
        result: format!("{after} of {all}"),
        target: "all".into(),
        passed: after == all && stored == all,
        ..Row::default()
    });
    table.tell(
        "time of a create, p50, p99",
        format!("{}, {}", ms(percentile(&times, 0.5)), ms(percentile(&times, 0.99))),
        "",
    );
    table.tell("CPU per create, server", cpu_us.per(u64::try_from(count)?).to_string(), "");
    Ok(table)
}

/// Has clients create jobs, and returns the microseconds that each took. All clients are on one thread, to
/// leave the cores to the server.
async fn create(
    server: &Server,
    clients: usize,
    time: Duration,
    serial: &Arc<AtomicUsize>,
) -> Result<Vec<i64>> {
    let (client, serial) = (server.api.clone(), Arc::clone(serial));
    tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(load(&client, clients, time, &serial))
    })
    .await?
}

async fn load(
    client: &Client,
    clients: usize,
    time: Duration,
    serial: &Arc<AtomicUsize>,
) -> Result<Vec<i64>> {
    // Nobody listens at that address, but nothing is due within the year.
    let job = Job::numbered(0, "30 4 1 1 *").to_json(([127, 0, 0, 1], 9).into());
    let text = String::from_utf8(job.to_vec())?;
    let (before, after) = text.split_once("0000000").ok_or("the job has no number")?;
    let until = Instant::now() + time;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..clients {
        let (mut connection, serial) = (client.connection().await?, Arc::clone(serial));
        let (before, after) = (before.to_owned(), after.to_owned());
        tasks.spawn(async move {
            let mut times = Vec::new();
            while Instant::now() < until {
                let job = format!("{before}{:07}{after}", serial.fetch_add(1, Ordering::Relaxed));
                let sent = Instant::now();
                create_over(&mut connection, job.into()).await?;
                times.push(i64::try_from(sent.elapsed().as_micros()).unwrap_or(i64::MAX));
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(times)
        });
    }
    let mut times = Vec::new();
    while let Some(done) = tasks.join_next().await {
        times.extend(done??);
    }
    Ok(times)
}

/// Jobs that the API lists.
async fn stored(server: &Server) -> Result<usize> {
    Ok(server.api.all_jobs(JobQuery::default()).await?.len())
}

/// The log's transactions so far.
async fn commits(server: &Server) -> Result<f64> {
    let text = server.api.text("/metrics").await?;
    let line = text.lines().find_map(|line| line.strip_prefix("chronos_log_commits_total "));
    Ok(line.ok_or("/metrics does not count the log's transactions")?.parse()?)
}

/// The size of the log's entries. Entries that were purged were of the same size.
struct Log {
    /// The bytes of an entry that are one job's.
    job_bytes: usize,
}

impl Log {
    fn read(path: &Path) -> Result<Self> {
        let file = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut statement = file.prepare("SELECT data FROM log WHERE kind = 1")?;
        let mut rows = statement.query([])?;
        let (mut bytes, mut jobs) = (0, 0);
        while let Some(row) = rows.next()? {
            let data: Vec<u8> = row.get(0)?;
            let batch = Batch::decode(&data)?;
            let put = |item: &&chronos_state::Proposal| matches!(item.command, Command::PutJob(_));
            let count = batch.items.iter().filter(put).count();
            if count > 0 {
                bytes += data.len();
                jobs += count;
            }
        }
        if jobs == 0 {
            return Err("the log holds no created job".into());
        }
        Ok(Self { job_bytes: bytes / jobs })
    }
}
