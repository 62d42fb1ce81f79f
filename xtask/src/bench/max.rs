//! The highest rate that is sustained: rates are tried, each on a fresh server, until the one
//! between pass and fail is known to a twentieth.

use std::time::Duration;

use super::audit::wait_until_durable;
use super::bare::{self, Amount};
use super::fleet::steady;
use super::load::Loader;
use super::proc::Cpu;
use super::server::Server;
use super::sink::{Report, Sink};
use super::table::{Row, Table, ms};
use super::{data_directory, now_ms, sleep_until_ms};
use crate::Result;

/// Sustained is what is no later than this at the 99th percentile.
const P99_US: i64 = 100_000;
/// And what is on record so soon after the last arrival.
const RECORDED_WITHIN: Duration = Duration::from_secs(2);
/// The target of the issue: the share of the bare client's rate.
const SHARE: f64 = 0.25;

/// One rate, tried.
struct Step {
    rate: usize,
    report: Report,
    lost: u64,
    recorded: bool,
    server: Cpu,
    sink: Cpu,
    /// Cores busy with both.
    cores: f64,
}

impl Step {
    fn is_sustained(&self) -> bool {
        self.report.p99_us < P99_US && self.lost == 0 && self.recorded
    }
}

/// Runs it.
pub async fn run(seconds: usize) -> Result<Table> {
    let sink = Sink::start()?;
    let bare = bare::best(&sink, Amount::For(Duration::from_secs(4))).await?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate: positive, some ten thousands"
    )]
    let goal = (bare.rate * SHARE) as usize;

    let (mut good, mut bad): (Option<Step>, Option<Step>) = (None, None);
    let mut rate = goal;
    loop {
        let step = attempt(&sink, rate, seconds).await?;
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
        if rate < 100 {
            break;
        }
    }
    let good = good.ok_or("not even a hundred fires a second are sustained")?;

    let mut table = Table::new(format!(
        "bench fire --max: highest rate with p99 under {}, {seconds} s a step; the reference is the bare client, {} at once",
        ms(P99_US),
        bare.width
    ));
    let ratio = good.rate as f64 / bare.rate;
    table.judge(Row {
        measure: "fires a second".into(),
        result: good.rate.to_string(),
        reference: format!("{:.0}", bare.rate),
        ratio: format!("{ratio:.3}"),
        target: format!("≥ {SHARE}"),
        passed: ratio >= SHARE,
    });
    table.tell(
        "p50, p99 at that rate",
        format!("{}, {}", ms(good.report.p50_us), ms(good.report.p99_us)),
        "",
    );
    table.tell("CPU per fire, client side", good.server.to_string(), bare.client.to_string());
    table.tell("CPU per fire, receiver", good.sink.to_string(), bare.sink.to_string());
    table.tell("cores busy", format!("{:.2}", good.cores), {
        let per_request = bare.client.total() + bare.sink.total();
        format!("{:.2}", per_request * bare.rate / 1e6)
    });
    if let Some(bad) = bad {
        table.tell(
            format!("the next rate, {}", bad.rate),
            format!("p99 {}, {} lost, {:.2} cores", ms(bad.report.p99_us), bad.lost, bad.cores),
            "",
        );
    }
    Ok(table)
}

async fn attempt(sink: &Sink, rate: usize, seconds: usize) -> Result<Step> {
    sink.reset().await?;
    let directory = data_directory()?;
    // Loading takes some 40 µs a job, starting some 100 ms; planning begins a second ahead.
    let start = now_ms() + 3_000 + i64::try_from(rate / 10)?;
    let mut loader = Loader::open(directory.path(), sink.address)?;
    loader.put(steady(rate, start, seconds).into_iter())?;
    loader.finish()?;
    let server = Server::start(directory.path()).await?;
    if start - now_ms() < 1_500 {
        return Err(format!("loading {rate} jobs took too long").into());
    }
    sleep_until_ms(start).await;
    let (server_cpu, sink_cpu) = (Cpu::of(server.pid())?, Cpu::of(sink.pid())?);
    sleep_until_ms(start + i64::try_from(seconds * 1000)?).await;
    let server_cpu = Cpu::of(server.pid())?.since(server_cpu);
    let sink_cpu = Cpu::of(sink.pid())?.since(sink_cpu);
    let total = rate * seconds;
    let expected = u64::try_from(total)?;
    // A quarter past the end is enough for whoever kept up.
    sink.wait_for(expected, Duration::from_secs(1)).await?;
    let recorded = wait_until_durable(directory.path(), total, RECORDED_WITHIN).await?;
    let report = sink.report().await?;
    server.kill()?;
    Ok(Step {
        rate,
        lost: expected.saturating_sub(report.distinct),
        recorded: recorded.is_some(),
        server: server_cpu.per(report.count),
        sink: sink_cpu.per(report.count),
        cores: (server_cpu.total() + sink_cpu.total()) / 1e6 / seconds as f64,
        report,
    })
}
