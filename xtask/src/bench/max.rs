//! The highest rate that one server sustains, against what the bare client reaches.

use std::time::Duration;

use super::bare::{self, Amount};
use super::jobs::steady;
use super::load::Loader;
use super::proc::Cpu;
use super::search::{Found, P99_US, Step, search, watch};
use super::server::Server;
use super::sink::Sink;
use super::table::{Row, Table, ms};
use super::{data_directory, now_ms};
use crate::Result;

/// The target: the share of the bare client's rate.
const SHARE: f64 = 0.25;

/// Runs the benchmark.
pub async fn run(seconds: usize) -> Result<Table> {
    let sink = Sink::start()?;
    let bare = bare::best(&sink, Amount::For(Duration::from_secs(4))).await?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate: positive, some ten thousands"
    )]
    let goal = (bare.rate * SHARE) as usize;

    let found = search(goal, async |rate| attempt(&sink, rate, seconds).await).await?;
    let Found { good, bad } = found;

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
    table.tell(
        "CPU per fire, client side",
        good.servers.iter().map(Cpu::to_string).collect::<String>(),
        bare.client.to_string(),
    );
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

/// Tries a rate on a fresh server.
pub async fn attempt(sink: &Sink, rate: usize, seconds: usize) -> Result<Step> {
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
    watch(sink, &[server], rate, start, seconds).await
}
