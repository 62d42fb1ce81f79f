//! Jobs that are written together, for `create`: as new ones, and then the same again.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chronos_client::api::BatchResponse;
use chronos_client::{Client, Method, StatusCode};

use super::api::json;
use super::jobs::Job;
use super::table::{Row, Table};
use crate::Result;

/// Jobs in a batch: as many as it may have.
const JOBS: usize = 10_000;
/// The targets: how long a batch of new jobs may take, and the same one again.
const NEW: Duration = Duration::from_secs(2);
const AGAIN: Duration = Duration::from_secs(1);
/// The target: how much faster jobs are created together than one by one.
const TIMES: f64 = 3.0;

/// How long batches took.
#[derive(Default)]
pub struct Batches {
    new: Vec<Duration>,
    again: Vec<Duration>,
}

impl Batches {
    /// Writes a batch of new jobs, and the same again. Answers how many jobs there are more.
    pub async fn round(&mut self, api: &Client, serial: &AtomicUsize) -> Result<usize> {
        let first = serial.fetch_add(JOBS, Ordering::Relaxed);
        let job = |n| Job::numbered(n, "30 4 1 1 *").to_json(([127, 0, 0, 1], 9).into());
        let jobs: Vec<String> =
            (first..first + JOBS).map(|n| Ok(String::from_utf8(job(n).to_vec())?)).collect::<Result<_>>()?;
        let body = format!("{{\"jobs\":[{}]}}", jobs.join(","));
        self.new.push(write(api, &body, |answer| answer.counts.created).await?);
        self.again.push(write(api, &body, |answer| answer.counts.unchanged).await?);
        Ok(JOBS)
    }

    /// Tells them. `singles` is how many jobs a second were created one by one.
    pub fn tell(&self, table: &mut Table, singles: f64) {
        let longest = |times: &[Duration]| times.iter().copied().max().unwrap_or_default();
        for (measure, times, most) in [
            (format!("a batch of {JOBS} new jobs, the slowest"), &self.new, NEW),
            ("the same batch again, the slowest".to_owned(), &self.again, AGAIN),
        ] {
            let time = longest(times);
            table.judge(Row {
                measure,
                result: format!("{:.2} s", time.as_secs_f64()),
                target: format!("≤ {} s", most.as_secs()),
                passed: time <= most,
                ..Row::default()
            });
        }
        let took: Duration = self.new.iter().sum();
        let rate = (JOBS * self.new.len()) as f64 / took.as_secs_f64();
        table.judge(Row {
            measure: "jobs a second in batches; reference: one by one".into(),
            result: format!("{rate:.0}"),
            reference: format!("{singles:.0}"),
            ratio: format!("{:.2}", rate / singles),
            target: format!("≥ {TIMES}"),
            passed: rate >= TIMES * singles,
        });
    }
}

/// Writes a batch, and answers how long that took. All of its jobs must be among those that `count` counts.
async fn write(api: &Client, body: &str, count: fn(&BatchResponse) -> usize) -> Result<Duration> {
    let begun = Instant::now();
    let headers = [("content-type", "application/json")];
    let answer = api.request(Method::POST, "/api/v1/jobs/batch", &headers, body.to_owned()).await?;
    let took = begun.elapsed();
    let answer: BatchResponse = answer.expect(&[StatusCode::OK])?.json()?;
    if count(&answer) == JOBS { Ok(took) } else { Err(format!("a batch: {:?}", answer.counts).into()) }
}

/// Waits until the cluster has the version that brings batches.
pub async fn wait_for_version(api: &Client) -> Result<()> {
    while json(api, "/api/v1/cluster/status").await?["cluster_version"].as_u64().unwrap_or_default() < 2 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
