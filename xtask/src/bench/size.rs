//! How large the state is, against another build of Chronos: each creates the same jobs through its API, and fires the
//! same runs.

mod tables;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use chronos_types::{Millis, format_rfc3339};
use rustix::process::Signal;
use serde_json::json;

use super::answers::mix::{self, Mixed};
use super::audit::wait_until_durable;
use super::batches::wait_for_version;
use super::jobs::{Job, scattered};
use super::server::{Server, Surroundings, free_addresses};
use super::sink::Sink;
use super::table::{Row, Table};
use super::{api, data_directory, now_ms, sleep_until_ms};
use crate::Result;
use tables::Sizes;

/// The targets, against the other build: a job that never ran is at most so many times as large, one that ran has at
/// most so many bytes more, and the search file is at most this share of what all jobs take.
const TIMES: f64 = 1.1;
const MORE_BYTES: f64 = 200.0;
const SEARCH_SHARE: f64 = 0.25;
/// Clients that create jobs.
const CLIENTS: usize = 32;
/// A cluster comes to have its version within this time. Another build may have none.
const RAISED_WITHIN: Duration = Duration::from_secs(10);
/// How long the search file may take.
const SEARCHES_WITHIN: Duration = Duration::from_secs(120);
/// One job in this many fails: nobody listens where it calls.
const FAILS: usize = 40;
const NOBODY: &str = "http://127.0.0.1:9/hook";
/// How long the last runs may take to be over: those that fail are made again.
const OVER_WITHIN: Duration = Duration::from_secs(60);

/// What is measured.
#[derive(Clone, Copy)]
pub struct Load {
    /// Jobs that never run, and as many that do.
    pub jobs: usize,
    /// How often each of the latter runs.
    pub runs: usize,
    /// Fires a second.
    pub rate: usize,
}

/// The sizes of what a build has made.
struct Measured {
    /// Of jobs that never ran.
    never: Sizes,
    /// Bytes of the search file beside them.
    search: u64,
    /// Of jobs that ran.
    ran: Sizes,
}

/// Runs the benchmark.
pub async fn run(other: &Path, load: Load) -> Result<Table> {
    let sink = Sink::start()?;
    let own = measure(&sink, None, load).await?;
    let before = measure(&sink, Some(other.to_owned()), load).await?;
    let Load { jobs, runs, .. } = load;
    let mut table = Table::new(format!(
        "bench size: {jobs} jobs that never ran, and {jobs} that ran {runs} times; the reference is {}",
        other.display()
    ));
    let (never, was) = (own.never.job(), before.never.job());
    table.judge(Row {
        measure: "a job that never ran".into(),
        result: bytes(never),
        reference: bytes(was),
        ratio: format!("{:.3}", never / was),
        target: format!("≤ {TIMES}"),
        passed: never <= was * TIMES,
    });
    let share = own.search as f64 / own.never.jobs();
    table.judge(Row {
        measure: "search.db beside these".into(),
        result: format!("{:.1} MiB", mib(own.search as f64)),
        reference: format!("{:.1} MiB of jobs", mib(own.never.jobs())),
        ratio: format!("{:.1} %", share * 100.0),
        target: format!("≤ {:.0} %", SEARCH_SHARE * 100.0),
        passed: share <= SEARCH_SHARE,
    });
    let (more, was) = (own.ran.more_where_it_ran(), before.ran.more_where_it_ran());
    table.judge(Row {
        measure: "a job that ran has beside that".into(),
        result: bytes(more),
        reference: bytes(was),
        target: format!("≤ {} more", bytes(MORE_BYTES)),
        passed: more <= was + MORE_BYTES,
        ..Row::default()
    });
    let ((row, indexes), (row_before, indexes_before)) = (own.ran.execution(), before.ran.execution());
    table.compare(Row {
        measure: "an execution, and what it is found by".into(),
        result: format!("{} and {}", bytes(row), bytes(indexes)),
        reference: format!("{} and {}", bytes(row_before), bytes(indexes_before)),
        ratio: format!("{:.3}", (row + indexes) / (row_before + indexes_before)),
        ..Row::default()
    });
    table.tell("all other tables, never ran", own.never.others(), before.never.others());
    table.tell("all other tables, ran", own.ran.others(), before.ran.others());
    Ok(table)
}

/// Has a build make both states.
async fn measure(sink: &Sink, binary: Option<PathBuf>, load: Load) -> Result<Measured> {
    let name = binary.as_ref().map_or_else(|| "this build".to_owned(), |path| path.display().to_string());
    let begun = Instant::now();
    let (never, search) = never_ran(binary.clone(), load.jobs).await?;
    let created = begun.elapsed();
    eprintln!("{name}: {} jobs after {created:?}", load.jobs);
    let ran = ran(sink, binary, load, created).await?;
    eprintln!("{name}: {} executions after {:?}", load.jobs * load.runs, begun.elapsed());
    Ok(Measured { never, search, ran })
}

/// Jobs as a company has them, of which none falls due meanwhile.
async fn never_ran(binary: Option<PathBuf>, jobs: usize) -> Result<(Sizes, u64)> {
    let (directory, now) = (data_directory()?, now_ms());
    let has_search = binary.is_none();
    let server = start(binary, directory.path()).await?;
    let bodies = (0..jobs).map(|n| body(n, now)).collect::<Result<_>>()?;
    api::create_all(&server.api, bodies, CLIENTS).await?;
    if has_search {
        until_it_searches(&server).await?;
    }
    end(server).await?;
    let search = if has_search { tables::bytes(&directory.path().join("search.db"))? } else { 0 };
    Ok((Sizes::of(directory.path())?, search))
}

/// Jobs that run in turn, each so many times.
async fn ran(sink: &Sink, binary: Option<PathBuf>, load: Load, created: Duration) -> Result<Sizes> {
    let Load { jobs, runs, rate } = load;
    sink.reset().await?;
    let directory = data_directory()?;
    let server = start(binary, directory.path()).await?;
    // As many were created before.
    let start = now_ms() + i64::try_from((created * 2 + RAISED_WITHIN).as_millis())?;
    let until = start + i64::try_from(runs * jobs.div_ceil(rate) * 1_000)?;
    let bodies = scattered(0, jobs, rate, start).enumerate().map(|(n, job)| {
        let url = (n % FAILS == 0).then(|| NOBODY.to_owned());
        Job { end_at: Some(until - 1), url, ..job }.to_json(sink.address)
    });
    api::create_all(&server.api, bodies.collect(), CLIENTS).await?;
    if now_ms() > start {
        return Err(format!("creating {jobs} jobs took longer than before, {created:?}").into());
    }
    sleep_until_ms(until).await;
    if wait_until_durable(directory.path(), jobs * runs, OVER_WITHIN).await?.is_none() {
        return Err(format!("{} runs are not over", jobs * runs).into());
    }
    end(server).await?;
    Sizes::of(directory.path())
}

/// Starts a build over an empty directory, and waits until its cluster has the version that it comes to have.
async fn start(binary: Option<PathBuf>, directory: &Path) -> Result<Server> {
    let surroundings = Surroundings { binary, ..Surroundings::default() };
    let server = Server::spawn_in(&surroundings, directory, free_addresses(1)?[0], &[])?.ready().await?;
    if let Ok(raised) = tokio::time::timeout(RAISED_WITHIN, wait_for_version(&server.api)).await {
        raised?;
    }
    Ok(server)
}

/// Ends a server in order: its files are whole then, and nothing waits in their logs.
async fn end(mut server: Server) -> Result<()> {
    server.signal(Signal::TERM)?;
    server.ended().await
}

async fn until_it_searches(server: &Server) -> Result<()> {
    let begun = Instant::now();
    while !server.api.text("/metrics").await?.lines().any(|line| line == "chronos_search_complete 1") {
        if begun.elapsed() > SEARCHES_WITHIN {
            return Err(format!("the search file is not whole within {SEARCHES_WITHIN:?}").into());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Job number `n` of the mix, as the API takes it.
fn body(n: usize, now: Millis) -> Result<Bytes> {
    let Mixed { spec, .. } = mix::job(n, now)?;
    let mut job = json!({
        "name": spec.name.as_str(),
        "description": spec.description,
        "schedule": spec.schedule,
        "timezone": spec.timezone,
        "webhook": {
            "url": spec.webhook.url.as_str(),
            "method": "POST",
            "headers": {"X-Source": "bench"},
            "body": spec.webhook.body.as_ref().map(|body| body.source()),
        },
        "concurrency": spec.concurrency.as_str(),
        "tags": spec.tags.as_map(),
        "enabled": spec.enabled,
    });
    if let Some(at) = spec.start_at {
        job["start_at"] = format_rfc3339(at).into();
    }
    Ok(job.to_string().into())
}

fn bytes(count: f64) -> String {
    format!("{count:.0} bytes")
}

fn mib(bytes: f64) -> f64 {
    bytes / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_gets_the_jobs_of_the_mix() {
        let now = 1_800_000_000_000;
        for n in 0..50 {
            let (spec, json) = (mix::job(n, now).unwrap().spec, body(n, now).unwrap());
            let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
            assert_eq!(json["name"], spec.name.as_str());
            assert_eq!(json["webhook"]["url"], spec.webhook.url.as_str());
            assert_eq!(json["tags"]["team"], spec.tags.as_map()["team"]);
            assert_eq!(json["start_at"].as_str().map(str::to_owned), spec.start_at.map(format_rfc3339));
        }
    }
}
