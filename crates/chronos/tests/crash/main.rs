//! The crash audit: the real process, killed twenty times at random moments while jobs fire and
//! clients write; then every promise is counted.
//!
//! `CHRONOS_SEED=<n>` repeats a run's choices, `CHRONOS_KILLS=<n>` makes it longer or shorter. The
//! operating system's own timing is not repeated, so a seed narrows a failure down and no more.

#[path = "../load/mod.rs"]
mod load;
mod process;

use std::sync::Arc;
use std::time::{Duration, Instant};

use load::{Audit, Client, Dice, Expected, Fault, Receiver, Writer, firing_job, now_ms, number};
use process::Process;

/// Jobs that fire each second.
const FIRING: usize = 20;
/// Of these, so many are changed all the time by the writers, each its own.
const CHANGED: usize = 4;
const KILLS: usize = 20;
/// From a start of the process to its end. The shortest lives end while it still recovers.
const LIFE_MS: (u64, u64) = (20, 3_000);

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

    let (mut faults, mut first_fires) = (Vec::new(), Vec::new());
    let mut started = Instant::now();
    for _ in 0..kills {
        let life = Duration::from_millis(dice.between(LIFE_MS.0, LIFE_MS.1));
        tokio::time::sleep(life.saturating_sub(started.elapsed())).await;
        let from = Instant::now();
        process.kill();
        started = Instant::now();
        faults.push(Fault { from, until: started });
        process.start_again();
        first_fires.push(started);
    }
    client.wait_until_ready().await;
    let writes = Arc::new(load::stop(writers).await);
    // Whatever is due by now must be on record and delivered; what comes after is not looked at.
    let expected = Expected { firing: FIRING, until: now_ms(), writes, faults };
    let audit = Audit::when_settled(&client, &receiver, &expected).await;

    println!("{audit}");
    println!("restart to first fire: {}", receiver.first_after(&first_fires));
    assert!(audit.is_clean(), "seed {seed}: {audit}");
}
