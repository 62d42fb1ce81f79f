//! A million jobs: how much memory they take, how long until the server is ready, how quick the API is, and
//! what a fire costs when each fire is of another job.

use std::time::{Duration, Instant};

use super::jobs::{Job, scattered, steady};
use super::load::Loader;
use super::proc::{Cpu, Spent, resident_mib};
use super::server::Server;
use super::sink::Sink;
use super::table::{Row, Table, ms};
use super::{api, data_directory, now_ms, percentile, size_of, sleep_until_ms};
use crate::Result;

/// The targets.
const RESIDENT_MIB: f64 = 300.0;
const READY: Duration = Duration::from_secs(5);
const P99_US: i64 = 10_000;
const CPU_TIMES: f64 = 1.3;

/// One job in this many is daily. The others fire in turn, each once in a round.
const DAILY_ONE_IN: usize = 20;
/// How many jobs are loaded to learn how long the others will take.
const SAMPLE: usize = 20_000;
/// Requests behind each percentile of the API.
const REQUESTS: usize = 1_000;

/// The largest page of a list.
const LARGEST: &str = "list page of 500";

/// Runs the benchmark.
pub async fn run(jobs: usize, rate: usize, seconds: usize) -> Result<Table> {
    let sink = Sink::start()?;
    eprintln!("the reference: {rate} jobs, every second");
    let few = few(&sink, rate, seconds).await?;

    let directory = data_directory()?;
    let first_fire = load(directory.path(), &sink, jobs, rate)?;
    let data = size_of(directory.path());
    let server = Server::start(directory.path()).await?;
    let ready_after = server.ready_after;
    let idle = resident_mib(server.pid())?;
    eprintln!("ready after {ready_after:?}, {:.0} MiB", idle.0);
    let lists = lists(&server).await?;
    let creates = creates(&server, &sink).await?;
    let busy = resident_mib(server.pid())?;
    let left = first_fire - now_ms();
    if left < 1_000 {
        return Err(format!("the API took so long that {left} ms are left to the first fire").into());
    }
    eprintln!("{:.0} MiB; firing begins in {left} ms", busy.0);
    // Past the first second, in which caches are cold.
    let from = first_fire + 3_000;
    let until = from + i64::try_from(seconds * 1000)?;
    sleep_until_ms(from).await;
    let before = Spent::by(server.pid())?;
    sleep_until_ms(until).await;
    let spent = Spent::by(server.pid())?.since(before);
    let firing = resident_mib(server.pid())?;
    let report = sink.report_of(from, until).await?;
    let many = spent.firing.per(report.count);
    let expected = u64::try_from(rate * seconds)?;

    let mut table = Table::new(format!(
        "bench memory: {jobs} jobs ({} MiB of data); the reference is the same server with {rate} jobs",
        data >> 20
    ));
    for (measure, (now, peak)) in [
        ("resident, after the start", idle),
        ("resident, after light use", busy),
        ("resident, firing", firing),
    ] {
        table.judge(Row {
            measure: measure.into(),
            result: format!("{now:.0} MiB, peak {peak:.0}"),
            reference: format!("{:.0} MiB firing", few.resident),
            target: format!("≤ {RESIDENT_MIB:.0} MiB"),
            passed: peak <= RESIDENT_MIB,
            ..Row::default()
        });
    }
    table.judge(Row {
        measure: "start to ready".into(),
        result: format!("{:.0} ms", ready_after.as_secs_f64() * 1e3),
        reference: format!("{:.0} ms", few.ready_after.as_secs_f64() * 1e3),
        target: format!("≤ {} s", READY.as_secs()),
        passed: ready_after <= READY,
        ..Row::default()
    });
    for (measure, mut times) in lists.into_iter().chain([("create a job", creates)]) {
        times.sort_unstable();
        let p99 = percentile(&times, 0.99);
        let measure = format!("{measure}, p99 (p50)");
        let result = format!("{} ({})", ms(p99), ms(percentile(&times, 0.5)));
        if measure.starts_with(LARGEST) {
            // The target is for the default page. This is the largest one.
            table.tell(measure, result, "");
            continue;
        }
        table.judge(Row {
            measure,
            result,
            target: format!("≤ {}", ms(P99_US)),
            passed: p99 <= P99_US,
            ..Row::default()
        });
    }
    let ratio = many.total() / few.cpu.total();
    table.judge(Row {
        measure: format!("CPU per fire at {rate}/s"),
        result: many.to_string(),
        reference: few.cpu.to_string(),
        ratio: format!("{ratio:.2}"),
        target: format!("≤ {CPU_TIMES}"),
        passed: ratio <= CPU_TIMES,
    });
    table.tell(
        "check, search file and timetable in that time",
        format!("{:.2} s of CPU, not counted above", spent.once.total() / 1e6),
        format!("{:.2} s", few.once.total() / 1e6),
    );
    table.tell(
        "fired in that time",
        format!("{} of {expected}, p99 {}", report.distinct, ms(report.p99_us)),
        format!("{} of {expected}", few.fired),
    );
    Ok(table)
}

/// What the same rate costs with few jobs.
struct Few {
    cpu: Cpu,
    once: Cpu,
    resident: f64,
    ready_after: Duration,
    fired: u64,
}

async fn few(sink: &Sink, rate: usize, seconds: usize) -> Result<Few> {
    let directory = data_directory()?;
    let start = now_ms() + 4_000;
    let mut loader = Loader::open(directory.path(), sink.address)?;
    loader.put(steady(rate, start, seconds + 10).into_iter())?;
    loader.finish()?;
    let server = Server::start(directory.path()).await?;
    let from = start + 3_000;
    let until = from + i64::try_from(seconds * 1000)?;
    sleep_until_ms(from).await;
    let before = Spent::by(server.pid())?;
    sleep_until_ms(until).await;
    let spent = Spent::by(server.pid())?.since(before);
    let report = sink.report_of(from, until).await?;
    let few = Few {
        cpu: spent.firing.per(report.count),
        once: spent.once,
        resident: resident_mib(server.pid())?.0,
        ready_after: server.ready_after,
        fired: report.distinct,
    };
    server.kill()?;
    sink.reset().await?;
    Ok(few)
}

/// Loads the jobs, and returns when the first of them fires.
fn load(directory: &std::path::Path, sink: &Sink, jobs: usize, rate: usize) -> Result<i64> {
    let begun = Instant::now();
    let daily = jobs / DAILY_ONE_IN;
    // The daily jobs fire from an hour from now on, so that none fires meanwhile.
    let morning = now_ms() / 1000 + 3_600;
    let daily_at = |n: usize| {
        let second = (morning + i64::try_from(n * 79_200 / daily.max(1)).unwrap_or(0)) % 86_400;
        let (hour, minute) = (second / 3_600, second / 60 % 60);
        Job::numbered(n, &format!("{} {minute} {hour} * * *", second % 60))
    };
    let mut loader = Loader::open(directory, sink.address)?;
    let sample = SAMPLE.min(daily);
    loader.put((0..sample).map(daily_at))?;
    let whole = begun.elapsed().mul_f64(jobs as f64 / sample.max(1) as f64);
    // The indexes grow, so the last takes longer than the first; then the API is measured.
    let lead = whole * 2 + Duration::from_secs(40);
    let first_fire = now_ms() + i64::try_from(lead.as_millis())?;
    eprintln!("loading {jobs} jobs, about {whole:?}");
    loader.put((sample..daily).map(daily_at))?;
    // Every other job fires once in a round.
    loader.put(scattered(daily, jobs - daily, rate, first_fire))?;
    loader.finish()?;
    eprintln!("loaded in {:?}", begun.elapsed());
    Ok(first_fire)
}

/// Measures how long pages of lists take, from all over the list.
async fn lists(server: &Server) -> Result<Vec<(&'static str, Vec<i64>)>> {
    let (mut cursors, mut large) = (Vec::new(), Vec::new());
    let mut path = "/api/v1/jobs?limit=500".to_owned();
    for _ in 0..REQUESTS / 5 {
        let begun = Instant::now();
        let page = api::json(&server.api, &path).await?;
        large.push(micros(begun));
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/api/v1/jobs?limit=500&cursor={cursor}");
        cursors.push(cursor.to_owned());
    }
    let mut timed = Vec::new();
    for (name, filter) in [("list page of 50", ""), ("list page, enabled=true", "&enabled=true")] {
        let mut times = Vec::with_capacity(REQUESTS);
        for n in 0..REQUESTS {
            let cursor = cursors.get(n * 7 % cursors.len().max(1));
            let cursor = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
            // A cursor belongs to the list it came from; only the plain list is read from all over.
            let cursor = if filter.is_empty() { cursor } else { String::new() };
            let begun = Instant::now();
            server.api.text(&format!("/api/v1/jobs?limit=50{filter}{cursor}")).await?;
            times.push(micros(begun));
        }
        timed.push((name, times));
    }
    timed.push((LARGEST, large));
    Ok(timed)
}

/// Measures how long creating a job takes, one job after the other.
async fn creates(server: &Server, sink: &Sink) -> Result<Vec<i64>> {
    let mut times = Vec::with_capacity(REQUESTS);
    for n in 0..REQUESTS {
        let mut job = Job::numbered(n, "0 0 1 1 *");
        job.name = format!("created-{n}");
        let body = job.to_json(sink.address);
        let begun = Instant::now();
        api::create(&server.api, body).await?;
        times.push(micros(begun));
    }
    Ok(times)
}

fn micros(since: Instant) -> i64 {
    i64::try_from(since.elapsed().as_micros()).unwrap_or(i64::MAX)
}
