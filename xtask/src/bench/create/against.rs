//! Jobs created a second, against another build of Chronos: the two take turns, because the machine is not equally fast
//! at all times.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::batches::wait_for_version;
use super::super::proc::Cpu;
use super::super::server::{Server, Surroundings, free_addresses};
use super::super::table::{Row, Table, ms, ms_from_to};
use super::super::turns::{median, spread};
use super::super::{data_directory, middle, percentile};
use super::{create, stored};
use crate::Result;

/// The target: so many times the other one's rate. Two builds that are the same differ by as much.
const SHARE: f64 = 0.95;

/// What is compared.
#[derive(Clone, Copy)]
pub struct Load {
    /// Clients, each with one connection.
    pub clients: usize,
    /// For how many seconds of each turn.
    pub seconds: usize,
    /// How often each build is measured.
    pub turns: usize,
}

/// What was measured of a build.
#[derive(Default)]
struct Came {
    rates: Vec<f64>,
    /// The middle of the times of each turn.
    p50_us: Vec<i64>,
    p99_us: Vec<i64>,
    cpu: Vec<Cpu>,
    lost: usize,
}

/// Runs the benchmark.
pub async fn run(other: &Path, load: Load) -> Result<Table> {
    let (mut own, mut others) = (Came::default(), Came::default());
    for turn in 0..load.turns {
        // Each is the first of its turn as often as the other.
        for is_own in [turn % 2 == 0, turn % 2 == 1] {
            let (came, binary) =
                if is_own { (&mut own, None) } else { (&mut others, Some(other.to_owned())) };
            measure(came, binary, load).await?;
            let name = if is_own { "this build" } else { "the other" };
            let rate = came.rates.last().copied().unwrap_or_default();
            eprintln!("turn {} of {}, {name}: {rate:.0} jobs a second", turn + 1, load.turns);
        }
    }
    let Load { clients, seconds, turns } = load;
    let mut table = Table::new(format!(
        "bench create --against: {clients} clients for {seconds} s, {turns} turns; the reference is {}",
        other.display()
    ));
    let (now, before) = (rate(&own), rate(&others));
    let ratio = now / before;
    table.judge(Row {
        measure: "jobs a second, median (spread)".into(),
        result: format!("{now:.0} {}", from_to(&own)),
        reference: format!("{before:.0} {}", from_to(&others)),
        ratio: format!("{ratio:.3}"),
        target: format!("≥ {SHARE}"),
        passed: ratio >= SHARE,
    });
    let cpu = |of: &[Cpu]| format!("{:.1} µs ({})", median(of), spread(of));
    table.tell("CPU per create, the search file included, median (spread)", cpu(&own.cpu), cpu(&others.cpu));
    for (measure, of) in [
        ("time of a create, p50, median (spread)", (&own.p50_us, &others.p50_us)),
        ("time of a create, p99, median (spread)", (&own.p99_us, &others.p99_us)),
    ] {
        let told = |all: &[i64]| format!("{} ({})", ms(middle(all)), ms_from_to(all));
        table.tell(measure, told(of.0), told(of.1));
    }
    table.judge(Row {
        measure: "acknowledged and not there".into(),
        result: own.lost.to_string(),
        reference: others.lost.to_string(),
        target: "0".into(),
        passed: own.lost == 0,
        ..Row::default()
    });
    Ok(table)
}

/// Measures a build once, with nothing on its disk before.
async fn measure(came: &mut Came, binary: Option<PathBuf>, load: Load) -> Result<()> {
    let directory = data_directory()?;
    let is_own = binary.is_none();
    let surroundings = Surroundings { binary, ..Surroundings::default() };
    let server = Server::spawn_in(&surroundings, directory.path(), free_addresses(1)?[0], &[])?;
    let server = server.ready().await?;
    if is_own {
        wait_for_version(&server.api).await?;
    }
    let cpu = Cpu::of(server.pid())?;
    let begun = Instant::now();
    let time = Duration::from_secs(u64::try_from(load.seconds)?);
    let mut times = create(&server, load.clients, time, &Arc::default()).await?;
    let took = begun.elapsed();
    came.cpu.push(Cpu::of(server.pid())?.since(cpu).per(u64::try_from(times.len())?));
    came.rates.push(times.len() as f64 / took.as_secs_f64());
    times.sort_unstable();
    came.p50_us.push(percentile(&times, 0.5));
    came.p99_us.push(percentile(&times, 0.99));
    came.lost += times.len().saturating_sub(stored(&server).await?);
    server.kill()
}

fn sorted(came: &Came) -> Vec<f64> {
    let mut all = came.rates.clone();
    all.sort_unstable_by(f64::total_cmp);
    all
}

fn rate(came: &Came) -> f64 {
    percentile(&sorted(came), 0.5)
}

fn from_to(came: &Came) -> String {
    let all = sorted(came);
    format!("({:.0} to {:.0})", percentile(&all, 0.0), percentile(&all, 1.0))
}
