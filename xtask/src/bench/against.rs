//! What a fire costs, against another build of Chronos: the two take turns over the same jobs.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::jobs::scattered;
use super::load::Loader;
use super::server::{Server, Surroundings, free_addresses};
use super::sink::Sink;
use super::table::Table;
use super::turns::{Load, Turn, Turns, in_turn, watch};
use super::{data_directory, now_ms};
use crate::Result;

/// The target: so many times what a fire costs the other one.
const CPU_TIMES: f64 = 1.15;
/// How many jobs are loaded to learn how long all of them will take.
const SAMPLE: usize = 20_000;
/// From the start of a server to the first instant.
const LEAD: Duration = Duration::from_secs(10);

/// Runs the benchmark.
pub async fn run(other: &Path, load: Load) -> Result<Table> {
    let sink = Sink::start()?;
    let loads_within = loads_within(&sink, load.jobs)?;
    let mut all = Turns::new(load.turns, ["this build", "the other"]);
    for is_own in in_turn(load.turns) {
        let binary = if is_own { None } else { Some(other.to_owned()) };
        all.add(is_own, measure(&sink, binary, load, loads_within).await?);
    }
    let Load { jobs, rate, seconds, turns } = load;
    let mut table = Table::new(format!(
        "bench fire --against: {jobs} jobs, {rate} fires/s for {seconds} s, {turns} turns; the reference is {}",
        other.display()
    ));
    all.tell(&mut table, CPU_TIMES);
    Ok(table)
}

/// Measures a build once.
async fn measure(sink: &Sink, binary: Option<PathBuf>, load: Load, loads_within: Duration) -> Result<Turn> {
    sink.reset().await?;
    let directory = data_directory()?;
    let start = now_ms() + i64::try_from((loads_within + LEAD).as_millis())?;
    fill(directory.path(), sink, load.jobs, load.rate, start)?;
    let surroundings = Surroundings { binary, ..Surroundings::default() };
    let server = Server::spawn_in(&surroundings, directory.path(), free_addresses(1)?[0], &[])?;
    let server = server.ready().await?;
    watch(&server, sink, load, start).await
}

/// Loads the jobs into a state that any build can open.
fn fill(directory: &Path, sink: &Sink, jobs: usize, rate: usize, start: i64) -> Result<()> {
    let mut loader = Loader::open_as_it_is(directory, sink.address)?;
    loader.put(scattered(0, jobs, rate, start))?;
    loader.finish()
}

/// How long loading the jobs takes at most: the indexes grow, so the last take longer than the first.
fn loads_within(sink: &Sink, jobs: usize) -> Result<Duration> {
    let (directory, begun, sample) = (data_directory()?, Instant::now(), SAMPLE.min(jobs));
    fill(directory.path(), sink, sample, sample, now_ms())?;
    Ok(begun.elapsed().mul_f64(jobs as f64 / sample.max(1) as f64) * 2)
}
