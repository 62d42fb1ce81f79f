//! The crash audit: the real process, killed twenty times at random moments while jobs fire and clients
//! write; then every promise is counted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chronos_testkit::load::{
    AnyNode, Audit, Expected, Fault, Target, Writer, firing, firing_job, number, stop,
};
use chronos_testkit::now_ms;

use crate::CHRONOS;
use crate::turn::begin;

/// Jobs that fire each second.
const FIRING: usize = 20;
/// Of these, so many are changed all the time by the writers, each its own.
const CHANGED: usize = 4;
/// Where `CHRONOS_KILLS` says nothing.
const KILLS: u64 = 20;
/// From a start of the process to its end. The shortest lives end while it still recovers.
const LIFE_MS: (u64, u64) = (20, 3_000);

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_or_due_is_lost_by_kill_9() {
    let (_turn, mut dice) = begin("kill_9").await;
    let target = Target::start(dice.fork()).await;
    let setup = CHRONOS.setup().key("logging.level", "warn");
    let mut server = setup.clone().launch();
    let client = AnyNode::of([server.address()]);
    client.wait_until_ready().await;

    for n in 0..FIRING {
        let (job, key) = (&firing_job(n, &target), &firing(n));
        let create = |node: chronos_client::Client, _| async move { node.create_job(job, Some(key)).await };
        client.ask(create).await.expect("a job that fires");
    }
    let mut writers = Vec::new();
    for n in 0..CHANGED {
        writers.push(Writer::start(n, client.clone(), target.url(), dice.fork()));
    }

    let (mut faults, mut first_fires) = (Vec::new(), Vec::new());
    let mut started = Instant::now();
    for _ in 0..number("CHRONOS_KILLS").unwrap_or(KILLS) {
        let life = Duration::from_millis(dice.between(LIFE_MS.0, LIFE_MS.1));
        tokio::time::sleep(life.saturating_sub(started.elapsed())).await;
        let from = Instant::now();
        assert!(server.is_running(), "the server ended on its own: {}", server.log());
        server.kill().await;
        started = Instant::now();
        faults.push(Fault { from, until: started });
        server = setup.clone().launch();
        first_fires.push(started);
    }
    client.wait_until_ready().await;
    let writes = Arc::new(stop(writers).await);
    // Whatever is due by now must be on record and delivered; what comes after is not looked at.
    let expected = Expected { firing: FIRING, until: now_ms(), writes, faults };
    let audit = Audit::when_settled(&client, &target, &expected).await;

    println!("{audit}");
    println!("restart to first fire: {}", target.first_after(&first_fires));
    assert!(audit.is_clean(), "{audit}");
}
