//! Three nodes on this machine against one: the highest rate that is sustained, what a fire costs
//! each node, and how runs spread over the nodes.

use std::time::{Duration, Instant};

use super::audit::wait_until_durable;
use super::jobs::{Job, steady, turning};
use super::nodes::{Nodes, name};
use super::search::{P99_US, Step, search, watch};
use super::sink::Sink;
use super::table::{Row, Table, ms};
use super::{api, now_ms, sleep_until_ms};
use crate::Result;

/// The nodes of the cluster.
const NODES: usize = 3;
/// Clients that create the jobs, all nodes together.
const CLIENTS: usize = 64;
/// Jobs created to learn how long creating takes; they fall due once a year.
const SAMPLE: usize = 1_000;
/// The time between the estimated end of creating the jobs and the first instant.
const LEAD_MS: i64 = 3_000;

/// The jobs whose runs are counted.
const SPREAD_JOBS: usize = 3_000;
/// How many of them fire a second, each of them once. Jobs that fire again before their run is over stay on
/// the node that holds the run, which is not what is measured here.
const SPREAD_RATE: usize = 300;
/// How long the receiver takes to answer each.
const SPREAD_DELAY: Duration = Duration::from_millis(20);
/// The target: how far a node may be from an even share.
const SPREAD_WITHIN: f64 = 0.2;

/// Runs the benchmark.
pub async fn run(rate: usize, seconds: usize) -> Result<Table> {
    let sink = Sink::start()?;
    eprintln!("one node");
    let one = search(rate, async |rate| attempt(&sink, 1, rate, seconds).await).await?;
    eprintln!("{NODES} nodes");
    // Half the rate of one node: every node keeps every record, and all nodes share the cores.
    let first = one.good.rate / 2;
    let three = search(first, async |rate| attempt(&sink, NODES, rate, seconds).await).await?;
    eprintln!("{SPREAD_JOBS} jobs, {SPREAD_RATE} fires/s, {NODES} nodes");
    let spread = spread(&sink).await?;

    let mut table = Table::new(format!(
        "bench cluster: {NODES} nodes on one machine, {CLIENTS} clients, highest rate with p99 under {}, {seconds} s a step; the reference is one node",
        ms(P99_US)
    ));
    let (one_rate, three_rate) = (one.good.rate as f64, three.good.rate as f64);
    table.compare(Row {
        measure: "fires a second".into(),
        result: three.good.rate.to_string(),
        reference: one.good.rate.to_string(),
        ratio: format!("{:.2}", three_rate / one_rate),
        ..Row::default()
    });
    let late = |step: &Step| format!("{}, {}", ms(step.report.p50_us), ms(step.report.p99_us));
    table.tell("p50, p99 at that rate", late(&three.good), late(&one.good));
    for (n, cpu) in three.good.servers.iter().enumerate() {
        let reference = one.good.servers.get(n).map(ToString::to_string).unwrap_or_default();
        table.tell(format!("CPU of {} per fire of all", name(n)), cpu.to_string(), reference);
    }
    table.tell("CPU per fire, receiver", three.good.sink.to_string(), one.good.sink.to_string());
    table.tell("cores busy", format!("{:.2}", three.good.cores), format!("{:.2}", one.good.cores));
    let next = |step: &Option<Step>| {
        step.as_ref().map_or_else(String::new, |step| {
            format!("{}: p99 {}, {} lost", step.rate, ms(step.report.p99_us), step.lost)
        })
    };
    table.tell("the next rate", next(&three.bad), next(&one.bad));

    let even = SPREAD_JOBS as f64 / NODES as f64;
    for n in 0..NODES {
        let name = name(n);
        let count = spread.iter().find(|(node, _)| *node == name).map_or(0, |(_, count)| *count);
        let share = count as f64 / even;
        table.judge(Row {
            measure: format!("runs on {name}, at {SPREAD_RATE}/s"),
            result: count.to_string(),
            reference: format!("{even:.0}"),
            ratio: format!("{share:.2}"),
            target: format!("even within {:.0} %", SPREAD_WITHIN * 100.0),
            passed: (share - 1.0).abs() <= SPREAD_WITHIN,
        });
    }
    let total: usize = spread.iter().map(|(_, count)| count).sum();
    table.judge(Row {
        measure: "runs on record".into(),
        result: total.to_string(),
        reference: SPREAD_JOBS.to_string(),
        target: "all, each once".into(),
        passed: total == SPREAD_JOBS,
        ..Row::default()
    });
    Ok(table)
}

/// Tries a rate on a fresh cluster.
async fn attempt(sink: &Sink, count: usize, rate: usize, seconds: usize) -> Result<Step> {
    sink.reset().await?;
    let nodes = Nodes::start(count).await?;
    let start = create(&nodes, sink, rate, |start| steady(rate, start, seconds)).await?;
    watch(sink, &nodes.servers, rate, start, seconds).await
}

/// Has jobs fire once each, and returns how many runs each node has on record.
async fn spread(sink: &Sink) -> Result<Vec<(String, usize)>> {
    sink.reset().await?;
    sink.delay(SPREAD_DELAY).await?;
    let mut nodes = Nodes::start(NODES).await?;
    let seconds = SPREAD_JOBS / SPREAD_RATE;
    let jobs = |start| turning(SPREAD_JOBS, seconds, start, seconds);
    let start = create(&nodes, sink, SPREAD_JOBS, jobs).await?;
    sleep_until_ms(start + i64::try_from(seconds * 1000)?).await;
    let first = nodes.servers.remove(0);
    let settled = wait_until_durable(first.directory(), SPREAD_JOBS, Duration::from_secs(10)).await?;
    settled.ok_or_else(|| format!("{SPREAD_JOBS} runs are not over ten seconds after the last was due"))?;
    let path = first.directory().join("state.db");
    first.kill()?;
    let file = rusqlite::Connection::open(path)?;
    let mut statement = file.prepare("SELECT node, count(*) FROM executions GROUP BY node")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Creates `count` jobs, which `jobs` makes for the instant at which the first of them fires. Returns that
/// instant.
pub async fn create(nodes: &Nodes, sink: &Sink, count: usize, jobs: impl Fn(i64) -> Vec<Job>) -> Result<i64> {
    let begun = Instant::now();
    let sample = (0..SAMPLE).map(|n| Job { name: format!("sample-{n}"), ..Job::numbered(n, "30 4 1 1 *") });
    create_all(nodes, sink, &sample.collect::<Vec<_>>()).await?;
    let whole = begun.elapsed().mul_f64(count as f64 / SAMPLE as f64);
    // Allow twice as long, because the machine is not equally fast at all times.
    let start = now_ms() + LEAD_MS + i64::try_from(whole.as_millis() * 2)?;
    create_all(nodes, sink, &jobs(start)).await?;
    let left = start - now_ms();
    // Planning begins a second ahead.
    if left < LEAD_MS / 2 {
        return Err(format!("creating {count} jobs left {left} ms until the first instant").into());
    }
    Ok(start)
}

/// Creates jobs through all nodes at once, each its part.
async fn create_all(nodes: &Nodes, sink: &Sink, jobs: &[Job]) -> Result<()> {
    let count = nodes.servers.len();
    let mut tasks = tokio::task::JoinSet::new();
    for (n, server) in nodes.servers.iter().enumerate() {
        let part = jobs.iter().skip(n).step_by(count).map(|job| job.to_json(sink.address)).collect();
        // 64 among three: 22, 21 and 21.
        let (client, clients) = (server.api.clone(), (CLIENTS + count - 1 - n) / count);
        tasks.spawn(async move { api::create_all(&client, part, clients).await });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}
