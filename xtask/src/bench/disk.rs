//! A million jobs fire for minutes at more than half of the highest rate, and records are kept for two minutes.
//! Measures whether the files grow past the time in which they fill.
//!
//! The highest rate is that of as many jobs: each of them has pages of its own in the file, so the disk is what limits
//! them. It is measured in the same run, by having the jobs fire as often as a few could, which is too often for them.

mod files;
mod trend;

use std::path::Path;
use std::time::Duration;

use super::jobs::{Job, scattered};
use super::load::Loader;
use super::proc::{Cpu, resident_mib};
use super::search::search;
use super::server::{Server, free_addresses};
use super::sink::Sink;
use super::table::{Row, Table, ms};
use super::{data_directory, max, now_ms, sleep_until_ms};
use crate::Result;
use files::Files;

/// The share of the highest rate at which the jobs fire, and the least rate that counts.
const SHARE: f64 = 0.6;
const LEAST: usize = 4_000;
/// How long records are kept. `max_per_job` keeps every run of these jobs.
const KEPT: &str = "2m";
/// How long the jobs fire before their highest rate is measured, so that what is forgotten costs its part, and how
/// long it is measured.
const SETTLES: Duration = Duration::from_secs(150);
const MEASURED: Duration = Duration::from_secs(60);
/// Between two looks at the files.
const LOOK_EVERY_MS: i64 = 10_000;
/// The share of the time after which the files are to be full: four minutes of ten.
const FILLS: (usize, usize) = (4, 10);
/// The target: what the trend of the rest may add, as a share of the whole. Less cannot be told from the pages that
/// come and go with each checkpoint.
const GROWTH: f64 = 0.02;
/// How many jobs are loaded to learn how long all take.
const SAMPLE: usize = 20_000;
/// The schedule of jobs that do not fire meanwhile.
const YEARLY: &str = "30 4 1 1 *";
const MIB: f64 = 1_048_576.0;

/// Runs the benchmark.
pub async fn run(jobs: usize, minutes: usize, step_seconds: usize) -> Result<Table> {
    let sink = Sink::start()?;
    eprintln!("the highest rate of few jobs");
    let of_few = search(LEAST, async |rate| max::attempt(&sink, rate, step_seconds).await).await?.good.rate;
    let highest = highest(&sink, jobs, of_few).await?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate: positive, some thousands"
    )]
    let rate = ((highest as f64 * SHARE) as usize).max(LEAST);
    sink.reset().await?;

    let directory = data_directory()?;
    let (server, start) = begin(directory.path(), &sink, jobs, rate).await?;
    eprintln!("{rate} fires a second for {minutes} min");
    let cpu = Cpu::of(server.pid())?;
    let mut looks = Vec::new();
    let until = start + i64::try_from(minutes * 60_000)?;
    let mut at = start;
    while at < until {
        at = until.min(at + LOOK_EVERY_MS);
        sleep_until_ms(at).await;
        let look = Look { ms: at - start, files: Files::of(directory.path())? };
        if look.ms % 60_000 == 0 {
            eprintln!("  {look}");
        }
        looks.push(look);
    }
    let cpu = Cpu::of(server.pid())?.since(cpu);
    // The runs of the last instants are on their way.
    let (from, until) = (start, until - 1_000);
    let report = sink.report_of(from, until).await?;
    let expected = u64::try_from(rate * minutes * 60 - rate)?;

    print_looks(&looks);
    let mut table = Table::new(format!(
        "bench disk: {jobs} jobs, {rate} fires a second for {minutes} min, records kept for {KEPT}; the reference is the highest rate of these jobs"
    ));
    table.judge(Row {
        measure: "fires a second".into(),
        result: rate.to_string(),
        reference: highest.to_string(),
        ratio: format!("{:.2}", rate as f64 / highest as f64),
        target: format!("≥ {SHARE}, ≥ {LEAST}"),
        passed: rate >= LEAST,
    });
    table.tell("the highest rate of few jobs", of_few.to_string(), "");
    let after = i64::try_from(minutes * 60_000 * FILLS.0 / FILLS.1)?;
    let full: Vec<_> = looks.iter().filter(|look| look.ms >= after).collect();
    for (what, of) in [("files", Files::bytes as fn(&Files) -> u64), ("pages in use", Files::used)] {
        let points: Vec<_> =
            full.iter().map(|look| (look.ms as f64 / 60_000.0, of(&look.files) as f64 / MIB)).collect();
        growth(what, &points, &mut table);
    }
    let lost = expected.saturating_sub(report.distinct);
    table.judge(Row {
        measure: "instants lost".into(),
        result: format!("{lost} of {expected}"),
        target: "0".into(),
        passed: lost == 0,
        ..Row::default()
    });
    table.tell("instant to arrival, p50, p99", format!("{}, {}", ms(report.p50_us), ms(report.p99_us)), "");
    table.tell("CPU per fire, server", cpu.per(report.count).to_string(), "");
    let (now, peak) = resident_mib(server.pid())?;
    table.tell("resident", format!("{now:.0} MiB, peak {peak:.0}"), "");
    Ok(table)
}

/// The highest rate of so many jobs: what arrives where they are to fire `of_few` times a second.
async fn highest(sink: &Sink, jobs: usize, of_few: usize) -> Result<usize> {
    sink.reset().await?;
    let directory = data_directory()?;
    let (_server, start) = begin(directory.path(), sink, jobs, of_few).await?;
    eprintln!("{of_few} fires a second, to learn how many {jobs} jobs come to");
    let from = start + i64::try_from(SETTLES.as_millis())?;
    sleep_until_ms(from).await;
    let before = sink.count().await?;
    sleep_until_ms(from + i64::try_from(MEASURED.as_millis())?).await;
    let rate = usize::try_from((sink.count().await? - before) / MEASURED.as_secs())?;
    eprintln!("  {rate} fires/s; {}", Files::of(directory.path())?);
    Ok(rate.min(of_few))
}

/// Loads the jobs and starts a server on them. Returns when the first of them fires.
async fn begin(directory: &Path, sink: &Sink, jobs: usize, rate: usize) -> Result<(Server, i64)> {
    let start = load(directory, sink, jobs, rate)?;
    // Else the newest of each job stay, and what is kept does not go by age alone.
    let none = ("CHRONOS_HISTORY__MIN_PER_JOB", "0".to_owned());
    let settings = [("CHRONOS_HISTORY__MAX_AGE", KEPT.to_owned()), none];
    let server = Server::spawn(directory, free_addresses(1)?[0], &settings)?.ready().await?;
    let left = start - now_ms();
    if left < 1_000 {
        return Err(format!("loading {jobs} jobs left {left} ms until the first instant").into());
    }
    sleep_until_ms(start).await;
    Ok((server, start))
}

/// What a look at the files found, and when.
struct Look {
    ms: i64,
    files: Files,
}

impl std::fmt::Display for Look {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "minute {}: {}", self.ms / 60_000, self.files)
    }
}

/// Judges a trend: minutes and MiB.
fn growth(what: &str, points: &[(f64, f64)], table: &mut Table) {
    let measure =
        format!("slope of {what}, from minute {:.1} on", points.first().map_or(0.0, |(minute, _)| *minute));
    let Some(slope) = trend::slope(points) else {
        table.judge(Row { measure, result: "too short to tell".into(), passed: false, ..Row::default() });
        return;
    };
    let span = points[points.len() - 1].0 - points[0].0;
    let mean = points.iter().map(|(_, mib)| mib).sum::<f64>() / points.len() as f64;
    let share = slope * span / mean;
    table.judge(Row {
        measure,
        result: format!("{slope:+.2} MiB a minute"),
        reference: format!("{mean:.0} MiB"),
        ratio: format!("{:+.1} % in all", share * 100.0),
        target: format!("≤ {:.0} %", GROWTH * 100.0),
        passed: share <= GROWTH,
    });
}

/// Prints the files of each minute.
fn print_looks(looks: &[Look]) {
    println!("\n| minute | {} |", files::HEAD.join(" | "));
    println!("| --- |{}", " --- |".repeat(files::HEAD.len()));
    for look in looks.iter().filter(|look| look.ms % 60_000 == 0) {
        println!("| {} | {} |", look.ms / 60_000, look.files.cells().join(" | "));
    }
}

/// Loads the jobs, and returns when the first of them fires.
fn load(directory: &Path, sink: &Sink, jobs: usize, rate: usize) -> Result<i64> {
    let begun = std::time::Instant::now();
    if jobs < 2 * rate {
        return Err(format!("--jobs: expected at least {} at {rate} fires a second", 2 * rate).into());
    }
    let mut loader = Loader::open(directory, sink.address)?;
    let sample = SAMPLE.min(jobs / 10);
    loader.put((0..sample).map(|n| Job::numbered(n, YEARLY)))?;
    let whole = begun.elapsed().mul_f64(jobs as f64 / sample.max(1) as f64);
    // The indexes grow, so the last takes longer than the first.
    let lead = whole * 2 + Duration::from_secs(15);
    let start = now_ms() + i64::try_from(lead.as_millis())?;
    eprintln!("loading {jobs} jobs, about {whole:?}");
    // A whole number of rounds a second, or the rate would be lower. The rest fires once a year, as the sample does.
    let turning = (jobs - sample) / rate * rate;
    let yearly = jobs - turning;
    loader.put((sample..yearly).map(|n| Job::numbered(n, YEARLY)))?;
    loader.put(scattered(yearly, turning, rate, start))?;
    loader.finish()?;
    eprintln!("loaded in {:?}", begun.elapsed());
    Ok(start)
}
