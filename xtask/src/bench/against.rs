//! What a fire costs, against another build of Chronos: the two take turns over the same jobs, because the machine is
//! not equally fast at all times.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::jobs::scattered;
use super::load::Loader;
use super::proc::{Cpu, Spent};
use super::server::{Server, Surroundings, free_addresses};
use super::sink::Sink;
use super::table::{Row, Table};
use super::{data_directory, now_ms, percentile, sleep_until_ms};
use crate::Result;

/// The target: so many times what a fire costs the other one.
const CPU_TIMES: f64 = 1.15;
/// How many jobs are loaded to learn how long all of them will take.
const SAMPLE: usize = 20_000;
/// From the start of a server to the first instant.
const LEAD: Duration = Duration::from_secs(10);
/// The first seconds, in which caches are cold.
const COLD_MS: i64 = 3_000;

/// What is compared.
#[derive(Clone, Copy)]
pub struct Load {
    /// Jobs, which fire in turn.
    pub jobs: usize,
    /// Fires a second.
    pub rate: usize,
    /// For how many seconds.
    pub seconds: usize,
    /// How often each build is measured.
    pub turns: usize,
}

/// Runs the benchmark.
pub async fn run(other: &Path, load: Load) -> Result<Table> {
    let sink = Sink::start()?;
    let loads_within = loads_within(&sink, load.jobs)?;
    let (mut own, mut others) = (Vec::new(), Vec::new());
    let (mut once, mut others_once) = (Cpu::default(), Cpu::default());
    for turn in 0..load.turns {
        // Each is the first of its turn as often as the other.
        for is_own in [turn % 2 == 0, turn % 2 == 1] {
            let binary = if is_own { None } else { Some(other.to_owned()) };
            let Turn { cpu, once: this } = measure(&sink, binary, load, loads_within).await?;
            let name = if is_own { "this build" } else { "the other" };
            eprintln!("turn {} of {}, {name}: {cpu}", turn + 1, load.turns);
            let (costs, sum) = if is_own { (&mut own, &mut once) } else { (&mut others, &mut others_once) };
            costs.push(cpu);
            *sum = sum.and(this);
        }
    }
    let Load { jobs, rate, seconds, turns } = load;
    let mut table = Table::new(format!(
        "bench fire --against: {jobs} jobs, {rate} fires/s for {seconds} s, {turns} turns; the reference is {}",
        other.display()
    ));
    let (now, before) = (median(&own), median(&others));
    let ratio = now / before;
    table.judge(Row {
        measure: "CPU per fire, median".into(),
        result: format!("{now:.1} µs"),
        reference: format!("{before:.1} µs"),
        ratio: format!("{ratio:.3}"),
        target: format!("≤ {CPU_TIMES}"),
        passed: ratio <= CPU_TIMES,
    });
    table.tell("CPU per fire, least to most", spread(&own), spread(&others));
    let mut ratios: Vec<_> =
        own.iter().zip(&others).map(|(own, other)| own.total() / other.total()).collect();
    ratios.sort_unstable_by(f64::total_cmp);
    let (least, most) = (percentile(&ratios, 0.0), percentile(&ratios, 1.0));
    table.tell("ratio of a turn, least to most", format!("{least:.3} to {most:.3}"), "");
    let a_turn = |all: Cpu| format!("{:.2} s of CPU a turn", all.total() / 1e6 / turns as f64);
    table.tell("check, search file and timetable, not counted above", a_turn(once), a_turn(others_once));
    Ok(table)
}

/// What one server used.
struct Turn {
    /// For a fire, in microseconds.
    cpu: Cpu,
    /// For what is done once after its start, in all.
    once: Cpu,
}

/// Measures a build once.
async fn measure(sink: &Sink, binary: Option<PathBuf>, load: Load, loads_within: Duration) -> Result<Turn> {
    let Load { jobs, rate, seconds, .. } = load;
    sink.reset().await?;
    let directory = data_directory()?;
    let start = now_ms() + i64::try_from((loads_within + LEAD).as_millis())?;
    fill(directory.path(), sink, jobs, rate, start)?;
    let surroundings = Surroundings { binary, ..Surroundings::default() };
    let server = Server::spawn_in(&surroundings, directory.path(), free_addresses(1)?[0], &[])?;
    let server = server.ready().await?;
    let left = start - now_ms();
    if left < 1_000 {
        return Err(format!("the server was ready {left} ms before the first instant").into());
    }
    let from = start + COLD_MS;
    let until = from + i64::try_from(seconds * 1_000)?;
    sleep_until_ms(from).await;
    let before = Spent::by(server.pid())?;
    sleep_until_ms(until).await;
    let spent = Spent::by(server.pid())?.since(before);
    let fired = sink.report_of(from, until).await?.distinct;
    let due = u64::try_from(rate * seconds)?;
    if fired * 100 < due * 99 {
        return Err(format!("{fired} of {due} have fired").into());
    }
    Ok(Turn { cpu: spent.firing.per(fired), once: spent.once })
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

fn sorted(of: &[Cpu]) -> Vec<f64> {
    let mut all: Vec<_> = of.iter().map(|cpu| cpu.total()).collect();
    all.sort_unstable_by(f64::total_cmp);
    all
}

/// The middle one; of an even number, the mean of the two in the middle.
pub fn median(of: &[Cpu]) -> f64 {
    let sorted = sorted(of);
    let upper = sorted.len() / 2;
    let lower = sorted.len().saturating_sub(1) / 2;
    let at = |n: usize| sorted.get(n).copied().unwrap_or_default();
    f64::midpoint(at(lower), at(upper))
}

/// The least and the most.
pub fn spread(of: &[Cpu]) -> String {
    let sorted = sorted(of);
    format!("{:.1} to {:.1} µs", percentile(&sorted, 0.0), percentile(&sorted, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let check = |of: &[f64], expected: f64| {
            let of: Vec<_> = of.iter().map(|us| Cpu { user_us: *us, system_us: 0.0 }).collect();
            assert!((median(&of) - expected).abs() < 1e-9, "{of:?}");
        };
        check(&[3.0], 3.0);
        check(&[5.0, 1.0, 3.0], 3.0);
        check(&[4.0, 1.0, 2.0, 100.0], 3.0);
    }
}
