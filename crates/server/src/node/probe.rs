//! For the test of a cluster of two releases: uses what the next release adds, all the time, and leaves it to the
//! proposer whether that may be used yet.

use std::time::Duration;

use chronos_engine::Services;
use chronos_state::Command;

/// Between two uses.
const EVERY: Duration = Duration::from_millis(50);
/// It rests while no job falls due within this time, so that the states of the nodes can be compared.
const SOON_MS: i64 = 60_000;

/// Goes on for as long as the node runs.
pub(super) async fn run(services: Services) {
    loop {
        tokio::time::sleep(EVERY).await;
        let until = services.env.now() + SOON_MS;
        let fires =
            services.store.read(move |reader| reader.first_due(&chronos_state::PassedBy::new())).await;
        if fires.ok().flatten().is_some_and(|first| first <= until) {
            // A refusal is what the test is about.
            let _ = services.proposer.propose(Command::Probe.into()).await;
        }
    }
}
