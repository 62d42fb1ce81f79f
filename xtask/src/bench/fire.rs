//! Steady firing. Measures the time from the scheduled instant to the arrival, whether each instant arrived,
//! and whether each is on record after a crash.

use std::collections::HashMap;
use std::time::Duration;

use chronos_types::Millis;

use super::audit::{audit, wait_until_durable};
use super::jobs::{Job, steady};
use super::proc::Cpu;
use super::server::Server;
use super::sink::Sink;
use super::table::{Row, Table, ms};
use super::{api, bare, data_directory, now_ms, sleep_until_ms};
use crate::Result;

/// The targets for lateness, in microseconds.
const P50_US: i64 = 1_000;
const P99_US: i64 = 10_000;
/// The time between the creation of the jobs and the first instant.
const LEAD_MS: i64 = 5_000;
/// How long the paced client is measured: long enough to see its 99th percentile.
const REFERENCE_SECONDS: usize = 8;

/// Runs the benchmark.
pub async fn run(rate: usize, seconds: usize) -> Result<Table> {
    let sink = Sink::start()?;
    eprintln!("the reference: a bare client at {rate} requests/s");
    bare::paced(&sink, rate, REFERENCE_SECONDS.min(seconds)).await?;
    let reference = sink.report().await?;
    sink.reset().await?;

    let directory = data_directory()?;
    let server = Server::start(directory.path()).await?;
    let start = now_ms() + LEAD_MS;
    let jobs = steady(rate, start, seconds);
    let bodies = jobs.iter().map(|job| job.to_json(sink.address)).collect();
    api::create_all(&server.api, bodies, 32).await?;
    let left = start - now_ms();
    if left < 1_000 {
        return Err(format!("creating {rate} jobs left {left} ms until the first instant").into());
    }
    eprintln!("{rate} jobs, every second, for {seconds} s");
    sleep_until_ms(start).await;
    let (cpu, sink_cpu) = (Cpu::of(server.pid())?, Cpu::of(sink.pid())?);
    sleep_until_ms(start + i64::try_from(seconds * 1000)?).await;
    let cpu = Cpu::of(server.pid())?.since(cpu);
    let sink_cpu = Cpu::of(sink.pid())?.since(sink_cpu);

    let expected = instants(&jobs);
    let count: usize = expected.values().map(Vec::len).sum();
    let total = u64::try_from(count)?;
    sink.wait_for(total, Duration::from_secs(5)).await?;
    let durable = wait_until_durable(directory.path(), count, Duration::from_secs(30)).await?;
    let report = sink.report().await?;
    // After a crash everything durable must be there, and nothing that was settled may be fired again.
    server.kill()?;
    let server = Server::start(directory.path()).await?;
    let arrived = sink.executions().await?;
    let audit = audit(&server.api, &expected, &arrived).await?;

    let mut table = Table::new(format!(
        "bench fire: {rate} fires/s for {seconds} s; the reference is a bare client at the same rate"
    ));
    for (name, result, reference, target) in [
        ("p50", report.p50_us, reference.p50_us, Some(P50_US)),
        ("p90", report.p90_us, reference.p90_us, None),
        ("p99", report.p99_us, reference.p99_us, Some(P99_US)),
        ("max", report.max_us, reference.max_us, None),
    ] {
        let measure = format!("instant to arrival, {name}");
        let Some(target) = target else {
            table.tell(measure, ms(result), ms(reference));
            continue;
        };
        table.judge(Row {
            measure,
            result: ms(result),
            reference: ms(reference),
            ratio: format!("{:.1}", result as f64 / reference.max(1) as f64),
            target: format!("≤ {}", ms(target)),
            passed: result <= target,
        });
    }
    let lost = total.saturating_sub(report.distinct);
    table.judge(Row {
        measure: "instants lost".into(),
        result: format!("{lost} of {total}"),
        target: "0".into(),
        passed: lost == 0,
        ..Row::default()
    });
    table.judge(Row {
        measure: "on record after kill -9".into(),
        result: audit.to_string(),
        target: "all, each once".into(),
        passed: durable.is_some() && audit.is_clean(),
        ..Row::default()
    });
    // The last second is cut off by the last arrival.
    let seconds = &report.per_second[..report.per_second.len().saturating_sub(1)];
    if let (Some(least), Some(most)) = (seconds.iter().min(), seconds.iter().max()) {
        table.tell("arrivals in a second", format!("{least} to {most}"), "");
    }
    table.tell("delivered twice", report.duplicates.to_string(), "");
    table.tell("CPU per fire, server", cpu.per(report.count).to_string(), "");
    table.tell("CPU per fire, receiver", sink_cpu.per(report.count).to_string(), "");
    Ok(table)
}

/// The instants of jobs made by [`steady`].
pub fn instants(jobs: &[Job]) -> HashMap<String, Vec<Millis>> {
    let all = jobs.iter().map(|job| {
        let (start, end) = (job.start_at.unwrap_or_default(), job.end_at.unwrap_or_default());
        let times = (start + 1000..=end).step_by(1000).collect();
        (job.name.clone(), times)
    });
    all.collect()
}
