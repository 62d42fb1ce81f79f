//! What it costs the firing that clients listen for events: turns without listeners and turns with them, over the same
//! jobs of one server.
//!
//! All listeners are one process at the lowest priority, which only counts. It shares the cores with the server and the
//! receiver, as these do with each other: what it takes is told, and is no part of the server's CPU.

use std::path::Path;
use std::thread::available_parallelism;

use chronos_types::Millis;

use super::generator::{Generator, Kind, TO_ALL, TO_JOBS};
use super::jobs::steady;
use super::load::Loader;
use super::max::attempt;
use super::proc::Cpu;
use super::search::search;
use super::server::{Server, free_addresses};
use super::sink::Sink;
use super::table::{Row, Table, ms, ms_from_to};
use super::turns::{median, spread};
use super::{data_directory, middle, now_ms, sleep_until_ms};
use crate::Result;

/// The target: listeners cost the firing so much at most, in CPU of a fire and in what is fired.
const COST: f64 = 0.05;
/// And in lateness, of which a turn without listeners may have so much more than another one.
const LATER_US: i64 = 1_000;
/// So many of a hundred events are heard at least by who is to hear them: some are under way when the counting begins
/// and ends.
const HEARD: u64 = 99;
/// Fires a second, with listeners to one job each.
const RATE: usize = 1_000;
/// The first rate that is tried in the search for the highest.
const FIRST: usize = 2_000;
/// From the first instant to the first turn: caches are cold.
const BEGIN_MS: Millis = 3_000;
/// Between two turns: listeners go, or come.
const BETWEEN_MS: Millis = 4_000;
/// The last of a turn may come so late and still be one of it.
const ARRIVES_WITHIN_MS: Millis = 500;

/// How much is measured.
#[derive(Clone, Copy)]
pub struct Load {
    /// Seconds of each turn.
    pub seconds: usize,
    /// Turns with listeners, and as many without.
    pub turns: usize,
    /// Seconds at each rate, while the highest is searched for.
    pub step_seconds: usize,
}

/// Who listens, and how much is fired.
#[derive(Clone, Copy)]
struct Case {
    kind: Kind,
    rate: usize,
    /// How many listeners hear of each fire.
    hear: u64,
}

/// What was measured in the turns of one kind.
#[derive(Default)]
struct Turns {
    fired: u64,
    p99_us: Vec<i64>,
    cpu: Vec<Cpu>,
}

/// What came of a case.
struct Came {
    without: Turns,
    with: Turns,
    /// What is due in all turns of one kind.
    due: u64,
    heard: u64,
    /// Listeners that the server let go.
    dropped: u64,
    /// CPU that the listeners took for each second of a turn.
    listeners: Cpu,
}

/// Runs the benchmark.
pub async fn run(load: Load) -> Result<Table> {
    let sink = Sink::start()?;
    eprintln!("the highest rate, without listeners");
    let highest = search(FIRST, async |rate| attempt(&sink, rate, load.step_seconds).await).await?.good.rate;
    let cores = available_parallelism()?;
    let mut table = Table::new(format!(
        "bench events: {} turns of {} s each; the reference is the same server without listeners, in turns. Server, receiver and listeners share {cores} cores",
        load.turns, load.seconds
    ));
    table.tell("highest rate", format!("{highest} fires/s"), "");
    let to_jobs = Case { kind: Kind::ListenToJobs, rate: RATE, hear: 1 };
    let to_all = Case { kind: Kind::ListenToAll, rate: highest / 2, hear: TO_ALL as u64 };
    for (case, who) in [
        (to_jobs, format!("{TO_JOBS} listeners to a job each, {RATE} fires/s")),
        (to_all, format!("{TO_ALL} listeners to everything, {} fires/s", highest / 2)),
    ] {
        eprintln!("{who}");
        tell(&mut table, &who, &measure(&sink, case, load).await?);
    }
    Ok(table)
}

/// Measures a case on a fresh server.
async fn measure(sink: &Sink, case: Case, load: Load) -> Result<Came> {
    sink.reset().await?;
    let directory = data_directory()?;
    let long = i64::try_from(load.seconds * 1_000)?;
    let whole = BEGIN_MS + (BETWEEN_MS + long) * i64::try_from(2 * load.turns)?;
    // Loading takes some 40 µs a job, starting some 100 ms; planning begins a second ahead.
    let start = now_ms() + 3_000 + i64::try_from(case.rate / 10)?;
    fill(directory.path(), sink, case.rate, start, usize::try_from(whole / 1_000)? + 1)?;
    let address = free_addresses(1)?[0];
    let server = Server::spawn(directory.path(), address, &[])?.ready().await?;
    if start - now_ms() < 1_500 {
        return Err(format!("loading {} jobs took too long", case.rate).into());
    }
    let mut came = Came {
        without: Turns::default(),
        with: Turns::default(),
        due: u64::try_from(case.rate * load.seconds * load.turns)?,
        heard: 0,
        dropped: 0,
        listeners: Cpu::default(),
    };
    let mut from = start + BEGIN_MS + BETWEEN_MS;
    for turn in 0..load.turns {
        // Each is the first of its turn as often as the other.
        for listens in [turn % 2 == 1, turn % 2 == 0] {
            let until = from + long;
            let mut listeners = None;
            if listens {
                let mut generator = Generator::start(case.kind)??;
                generator.order(address, from, until)?;
                listeners = Some(generator);
            }
            sleep_until_ms(from).await;
            let used = || listeners.as_ref().map_or(Ok(Cpu::default()), |listeners| Cpu::of(listeners.pid()));
            let (cpu, by_listeners) = (Cpu::of(server.pid())?, used()?);
            sleep_until_ms(until).await;
            let (cpu, by_listeners) = (Cpu::of(server.pid())?.since(cpu), used()?.since(by_listeners));
            came.listeners = came.listeners.and(by_listeners);
            if let Some(listeners) = listeners {
                came.heard += u64::try_from(listeners.finish().await?.count)?;
            }
            sleep_until_ms(until + ARRIVES_WITHIN_MS).await;
            let report = sink.report_of(from, until).await?;
            let turns = if listens { &mut came.with } else { &mut came.without };
            turns.fired += report.distinct;
            turns.p99_us.push(report.p99_us);
            turns.cpu.push(cpu.per(report.distinct));
            from = until + BETWEEN_MS;
        }
    }
    came.listeners = came.listeners.per(u64::try_from(load.seconds * load.turns)?);
    came.heard /= case.hear;
    came.dropped = dropped(&server.api.text("/metrics").await?);
    Ok(came)
}

fn fill(directory: &Path, sink: &Sink, rate: usize, start: Millis, seconds: usize) -> Result<()> {
    let mut loader = Loader::open(directory, sink.address)?;
    loader.put(steady(rate, start, seconds).into_iter())?;
    loader.finish()
}

/// Listeners that a server has let go, by its metrics.
fn dropped(metrics: &str) -> u64 {
    let lines = metrics.lines().filter(|line| line.starts_with("chronos_event_listeners_dropped_total{"));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

fn tell(table: &mut Table, who: &str, came: &Came) {
    let Came { without, with, due, heard, dropped, listeners } = came;
    let ratio = with.fired as f64 / without.fired.max(1) as f64;
    table.judge(Row {
        measure: format!("{who}: fired"),
        result: format!("{} of {due}", with.fired),
        reference: format!("{} of {due}", without.fired),
        ratio: format!("{ratio:.3}"),
        target: format!("≥ {:.2}", 1.0 - COST),
        passed: ratio >= 1.0 - COST,
    });
    let (late, alone) = (middle(&with.p99_us), middle(&without.p99_us));
    #[expect(clippy::cast_possible_truncation, reason = "some milliseconds")]
    let most = (alone as f64 * (1.0 + COST)) as i64 + LATER_US;
    table.judge(Row {
        measure: "lateness p99, median (spread)".into(),
        result: format!("{} ({})", ms(late), ms_from_to(&with.p99_us)),
        reference: format!("{} ({})", ms(alone), ms_from_to(&without.p99_us)),
        ratio: format!("{:.2}", late as f64 / alone.max(1) as f64),
        target: format!("≤ {}", ms(most)),
        passed: late <= most,
    });
    let (cost, before) = (median(&with.cpu), median(&without.cpu));
    table.judge(Row {
        measure: "CPU per fire, median (spread)".into(),
        result: format!("{cost:.1} µs ({})", spread(&with.cpu)),
        reference: format!("{before:.1} µs ({})", spread(&without.cpu)),
        ratio: format!("{:.3}", cost / before),
        target: format!("≤ {:.2}", 1.0 + COST),
        passed: cost <= before * (1.0 + COST),
    });
    table.judge(Row {
        measure: "events heard by each who is to; let go".into(),
        result: format!("{heard} of {}; {dropped}", with.fired),
        target: format!("≥ {HEARD} %; 0"),
        passed: heard * 100 >= with.fired * HEARD && *dropped == 0,
        ..Row::default()
    });
    table.tell("CPU of the listeners themselves", format!("{:.3} cores", listeners.total() / 1e6), "");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_were_let_go_are_counted() {
        let metrics = "# TYPE chronos_event_listeners_dropped counter\n\
            chronos_event_listeners_dropped_total{reason=\"slow\"} 2\n\
            chronos_event_listeners_dropped_total{reason=\"lost\"} 1\n\
            chronos_event_listeners 7\n";
        assert_eq!(dropped(metrics), 3);
        assert_eq!(dropped(""), 0);
    }
}
