//! The same questions while webhooks fire, by several readers at once; and how late the webhooks are with and without
//! them, in turns.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chronos_client::Client;
use chronos_types::Millis;

use super::ask::{Ask, Asker, DEEP, Took};
use super::places::Places;
use super::questions::QUESTIONS;
use crate::Result;
use crate::bench::jobs::steady;
use crate::bench::server::Server;
use crate::bench::sink::Sink;
use crate::bench::{api, now_ms, sleep_until_ms};

/// Webhooks a second.
pub const RATE: usize = 1_000;
/// Readers, each with a question under way at any moment.
pub const READERS: usize = 4;
/// Turns without and with readers: figures are the median of the turns.
const TURNS: usize = 5;
const ALONE_MS: Millis = 8_000;
const READ_MS: Millis = 16_000;
/// What is fired so soon after a change between the two is not counted.
const SETTLES_MS: Millis = 500;
/// From the creation of the jobs to the first instant, and from there to the first turn.
const LEAD_MS: Millis = 6_000;
const BEGIN_MS: Millis = 3_000;
/// How long the last webhooks may take to arrive.
const ARRIVES_WITHIN: Duration = Duration::from_secs(10);

/// What was measured.
pub struct Busy {
    /// How long the pages of each question took.
    pub took: Vec<Took>,
    /// The lateness without readers, and with them: the 99th percentile of each turn.
    pub alone: Vec<i64>,
    /// See there.
    pub read: Vec<i64>,
    /// Webhooks that did not arrive, of how many.
    pub lost: u64,
    /// See there.
    pub total: u64,
}

/// Fires, and reads in turns.
pub async fn run(server: &Server, sink: &Sink, places: &Places) -> Result<Busy> {
    sink.reset().await?;
    let turn = ALONE_MS + READ_MS;
    let whole = BEGIN_MS + turn * i64::try_from(TURNS)?;
    let seconds = usize::try_from(whole / 1_000)? + 1;
    let start = now_ms() + LEAD_MS;
    let bodies = steady(RATE, start, seconds).iter().map(|job| job.to_json(sink.address)).collect();
    api::create_all(&server.api, bodies, 32).await?;
    let left = start - now_ms();
    if left < 1_000 {
        return Err(format!("creating {RATE} jobs left {left} ms until the first instant").into());
    }
    let mut busy = Busy {
        took: vec![Took::default(); QUESTIONS.len()],
        alone: Vec::new(),
        read: Vec::new(),
        lost: 0,
        total: u64::try_from(RATE * seconds)?,
    };
    let next = AtomicUsize::new(0);
    for turn_nr in 0..TURNS {
        let begun = start + BEGIN_MS + turn * i64::try_from(turn_nr)?;
        let (read_from, until) = (begun + ALONE_MS, begun + turn);
        sleep_until_ms(read_from).await;
        busy.alone.push(lateness(sink, begun + SETTLES_MS, read_from).await?);
        let readers = (0..READERS).map(|n| read(&server.api, places, &next, turn_nr * READERS + n, until));
        for read in futures::future::try_join_all(readers).await? {
            busy.took.iter_mut().zip(&read).for_each(|(all, more)| all.and(more));
        }
        sleep_until_ms(until).await;
        busy.read.push(lateness(sink, read_from + SETTLES_MS, until).await?);
    }
    sleep_until_ms(start + i64::try_from(seconds * 1_000)?).await;
    sink.wait_for(busy.total, ARRIVES_WITHIN).await?;
    busy.lost = busy.total.saturating_sub(sink.report().await?.distinct);
    Ok(busy)
}

/// How late the webhooks of these instants were, but for one in a hundred. What has not come yet is as late as the time
/// between the instants is long.
async fn lateness(sink: &Sink, from: Millis, until: Millis) -> Result<i64> {
    let report = sink.report_of(from, until).await?;
    let due = u64::try_from(until - from)? * RATE as u64 / 1_000;
    let has_come = report.distinct * 100 >= due * 99;
    Ok(if has_come { report.p99_us } else { (until - from) * 1_000 })
}

/// A reader, until that instant: it takes the question that is next, whoever asked the one before. Each is asked as
/// often as any other, in another order each time. Answers how long the pages of each question took.
async fn read(
    client: &Client,
    places: &Places,
    next: &AtomicUsize,
    number: usize,
    until: Millis,
) -> Result<Vec<Took>> {
    let mut asker = Asker::new(client, places, number);
    let mut took = vec![Took::default(); QUESTIONS.len()];
    while now_ms() < until {
        let turn = next.fetch_add(1, Ordering::Relaxed);
        let (question, turn) = (turn % QUESTIONS.len(), turn / QUESTIONS.len());
        let orders = QUESTIONS[question].orders;
        let pages = asker.go(Ask { question, order: orders[turn % orders.len()] }, DEEP).await?;
        pages.iter().for_each(|page| took[question].add(page));
    }
    Ok(took)
}
