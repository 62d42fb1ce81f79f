//! The search for the highest rate that is sustained: rates are tried until the one between pass
//! and fail is known to a twentieth.

use std::time::{Duration, Instant};

use super::audit::wait_until_durable;
use super::proc::Cpu;
use super::server::Server;
use super::sink::{Report, Sink};
use super::sleep_until_ms;
use super::table::ms;
use crate::Result;

/// Sustained is what is no later than this at the 99th percentile.
pub const P99_US: i64 = 100_000;
/// And what is on record so soon after the last arrival.
const RECORDED_WITHIN: Duration = Duration::from_secs(2);
/// Below this nothing is looked for.
const LEAST: usize = 100;

/// One rate, tried.
pub struct Step {
    /// Fires a second.
    pub rate: usize,
    /// What arrived.
    pub report: Report,
    /// Instants that did not.
    pub lost: u64,
    /// Whether all were on record in time.
    pub recorded: bool,
    /// CPU of each server, in microseconds a fire of all.
    pub servers: Vec<Cpu>,
    /// CPU of the receiver, likewise.
    pub sink: Cpu,
    /// Cores busy with all of them.
    pub cores: f64,
}

impl Step {
    fn is_sustained(&self) -> bool {
        self.report.p99_us < P99_US && self.lost == 0 && self.recorded
    }
}

/// What a search came to.
pub struct Found {
    /// The highest rate that was sustained.
    pub good: Step,
    /// The lowest that was not.
    pub bad: Option<Step>,
}

/// Tries rates, `first` at first.
pub async fn search(first: usize, attempt: impl AsyncFn(usize) -> Result<Step>) -> Result<Found> {
    let (mut good, mut bad): (Option<Step>, Option<Step>) = (None, None);
    let mut rate = first.max(LEAST);
    loop {
        let step = attempt(rate).await?;
        eprintln!(
            "  {rate} fires/s: p50 {}, p99 {}, {} lost, recorded {}, {:.2} cores: {}",
            ms(step.report.p50_us),
            ms(step.report.p99_us),
            step.lost,
            if step.recorded { "in time" } else { "late" },
            step.cores,
            if step.is_sustained() { "sustained" } else { "too much" },
        );
        if step.is_sustained() {
            good = Some(step);
        } else {
            bad = Some(step);
        }
        rate = match (&good, &bad) {
            (Some(good), None) => good.rate * 5 / 4,
            (None, Some(bad)) => bad.rate * 3 / 4,
            (Some(good), Some(bad)) if bad.rate - good.rate > good.rate / 20 => {
                usize::midpoint(good.rate, bad.rate)
            }
            _ => break,
        };
        if rate < LEAST {
            break;
        }
    }
    let good = good.ok_or_else(|| format!("not even {LEAST} fires a second are sustained"))?;
    Ok(Found { good, bad })
}

/// Watches servers that hold the jobs of [`super::jobs::steady`] fire them for `seconds` from
/// `start` on.
pub async fn watch(sink: &Sink, servers: &[Server], rate: usize, start: i64, seconds: usize) -> Result<Step> {
    let used = || servers.iter().map(|server| Cpu::of(server.pid())).collect::<Result<Vec<_>>>();
    sleep_until_ms(start).await;
    let (before, sink_cpu) = (used()?, Cpu::of(sink.pid())?);
    sleep_until_ms(start + i64::try_from(seconds * 1000)?).await;
    let cpu: Vec<_> = used()?.into_iter().zip(before).map(|(now, before)| now.since(before)).collect();
    let sink_cpu = Cpu::of(sink.pid())?.since(sink_cpu);
    let total = rate * seconds;
    let expected = u64::try_from(total)?;
    // A quarter past the end is enough for whoever kept up.
    sink.wait_for(expected, Duration::from_secs(1)).await?;
    let (mut recorded, arrived) = (true, Instant::now());
    for server in servers {
        let left = RECORDED_WITHIN.saturating_sub(arrived.elapsed());
        let durable = wait_until_durable(server.directory(), total, left).await?;
        recorded &= durable.is_some();
    }
    let report = sink.report().await?;
    let busy = sink_cpu.total() + cpu.iter().map(|cpu| cpu.total()).sum::<f64>();
    Ok(Step {
        rate,
        lost: expected.saturating_sub(report.distinct),
        recorded,
        servers: cpu.into_iter().map(|cpu| cpu.per(report.count)).collect(),
        sink: sink_cpu.per(report.count),
        cores: busy / 1e6 / seconds as f64,
        report,
    })
}
