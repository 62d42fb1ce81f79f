//! The crash audit: the real process, killed twenty times at random moments while jobs fire and
//! clients write; then every promise is counted.
//!
//! `CHRONOS_SEED=<n>` repeats a run's choices, `CHRONOS_KILLS=<n>` makes it longer or shorter. The
//! operating system's own timing is not repeated, so a seed narrows a failure down and no more.

mod audit;
mod client;
mod dice;
mod process;
mod receiver;
mod writer;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;

use audit::{Audit, Expected};
use client::Client;
use dice::Dice;
use process::Process;
use receiver::Receiver;
use writer::Writer;

/// Jobs that fire each second.
const FIRING: usize = 20;
/// Of these, so many are changed all the time by the writers, each its own.
const CHANGED: usize = 4;
const KILLS: usize = 20;
/// From a start of the process to its end. The shortest lives end while it still recovers.
const LIFE_MS: (u64, u64) = (20, 3_000);

/// Milliseconds since the Unix epoch.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock past 1970");
    i64::try_from(since.as_millis()).expect("a clock before the year 292 million")
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn firing_job(n: usize, receiver: &Receiver) -> serde_json::Value {
    json!({
        "name": format!("firing-{n}"),
        "description": "0",
        "schedule": "@every 1s",
        "missed_runs": "execute_all",
        "concurrency": "allow",
        "webhook": {"url": receiver.url(), "method": "POST", "body": "{\"id\": \"{{.ExecutionID}}\"}"},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_or_due_is_lost_by_kill_9() {
    let seed = number("CHRONOS_SEED").unwrap_or_else(|| now_ms().cast_unsigned());
    let kills = number("CHRONOS_KILLS").and_then(|n| usize::try_from(n).ok()).unwrap_or(KILLS);
    println!(
        "to repeat: CHRONOS_SEED={seed} CHRONOS_KILLS={kills} cargo test --package chronos --test crash"
    );
    let mut dice = Dice::new(seed);
    let receiver = Receiver::start(dice.fork()).await;
    let directory = tempfile::tempdir().expect("a directory");
    let mut process = Process::start(directory.path());
    let client = Client::new(process.address);
    client.wait_until_ready().await;

    for n in 0..FIRING {
        client.create(&firing_job(n, &receiver), &format!("firing-{n}")).await.expect("a job that fires");
    }
    let mut writers = Vec::new();
    for n in 0..CHANGED {
        writers.push(Writer::start(n, client.clone(), receiver.url(), dice.fork()));
    }

    let (mut killed, mut first_fires) = (Vec::new(), Vec::new());
    let mut started = Instant::now();
    for _ in 0..kills {
        let life = Duration::from_millis(dice.between(LIFE_MS.0, LIFE_MS.1));
        tokio::time::sleep(life.saturating_sub(started.elapsed())).await;
        killed.push(Instant::now());
        process.kill();
        started = Instant::now();
        process.start_again();
        first_fires.push(started);
    }
    client.wait_until_ready().await;
    let writes = Arc::new(writer::stop(writers).await);
    // Whatever is due by now must be on record and delivered; what comes after is not looked at.
    let expected = Expected { firing: FIRING, until: now_ms(), writes, killed };
    let audit = Audit::when_settled(&client, &receiver, &expected).await;

    println!("{audit}");
    println!("restart to first fire: {}", receiver.first_after(&first_fires));
    assert!(audit.is_clean(), "seed {seed}: {audit}");
}
