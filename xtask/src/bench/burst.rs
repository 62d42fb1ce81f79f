//! Many jobs due at one instant: until the last has arrived, and until the last is on record.

use std::collections::HashMap;
use std::time::Duration;

use chronos_types::format_rfc3339;

use super::audit::{audit, wait_until_durable};
use super::bare::{self, Amount};
use super::fleet::Job;
use super::load::Loader;
use super::proc::Cpu;
use super::server::Server;
use super::sink::Sink;
use super::table::{Row, Table, ms};
use super::{data_directory, now_ms, sleep_until_ms};
use crate::Result;

/// The target: times the bare client's time.
const TIMES: f64 = 3.0;

/// Runs it.
pub async fn run(jobs: usize) -> Result<Table> {
    let sink = Sink::start()?;
    let total = u64::try_from(jobs)?;
    // As cold as the server's client is: no connection is open when the first request goes out.
    let bare = bare::best(&sink, Amount::Count(total)).await?;

    let directory = data_directory()?;
    let instant = (now_ms() / 1000 + 5) * 1000 + i64::try_from(jobs / 10)?;
    let schedule = format!("@at {}", format_rfc3339(instant));
    let fleet: Vec<Job> = (0..jobs).map(|n| Job::numbered(n, &schedule)).collect();
    let expected: HashMap<_, _> = fleet.iter().map(|job| (job.name.clone(), vec![instant])).collect();
    let mut loader = Loader::open(directory.path(), sink.address)?;
    loader.put(fleet.into_iter())?;
    loader.finish()?;
    let server = Server::start(directory.path()).await?;
    if instant - now_ms() < 1_500 {
        return Err("loading the jobs took too long".into());
    }
    eprintln!("{jobs} jobs at one instant");
    sleep_until_ms(instant).await;
    let cpu = Cpu::of(server.pid())?;
    let durable = wait_until_durable(directory.path(), jobs, Duration::from_secs(60)).await?;
    let cpu = Cpu::of(server.pid())?.since(cpu);
    sink.wait_for(total, Duration::from_secs(2)).await?;
    let report = sink.report().await?;
    server.kill()?;
    let server = Server::start(directory.path()).await?;
    let audit = audit(&server.api, &expected, &sink.executions().await?).await?;

    let mut table = Table::new(format!(
        "bench burst: {jobs} jobs due at one instant; the reference is the bare client, {} at once, sending as many",
        bare.width
    ));
    let reference = format!("{:.0} ms", bare.seconds * 1e3);
    let after = |us: i64| (us - instant * 1000) as f64 / 1e6;
    let durable = durable.map_or(f64::INFINITY, after);
    for (measure, seconds) in [("all arrived after", after(report.last_us)), ("all on record after", durable)]
    {
        let times = seconds / bare.seconds;
        table.judge(Row {
            measure: measure.into(),
            result: format!("{:.0} ms", seconds * 1e3),
            reference: reference.clone(),
            ratio: format!("{times:.2}"),
            target: format!("≤ {TIMES}"),
            passed: times <= TIMES,
        });
    }
    table.judge(Row {
        measure: "on record after kill -9".into(),
        result: audit.to_string(),
        target: "all, each once".into(),
        passed: audit.is_clean(),
        ..Row::default()
    });
    table.tell("instant to arrival, p50", ms(report.p50_us), "");
    table.tell("CPU per fire, client side", cpu.per(total).to_string(), bare.client.to_string());
    Ok(table)
}
