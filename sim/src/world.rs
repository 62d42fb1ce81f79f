//! What the server takes for the world.

mod clock;
mod disk;
mod net;
mod random;

use std::sync::Arc;

use chronos_env::{Bug, Env, Listener, Net as _};

pub(crate) use clock::{SimClock, at_ms, since_start};
pub(crate) use disk::SimDisk;
use net::SimNet;
use random::SimRandom;

/// Listens on the network of the host that asks.
pub(crate) async fn listen(address: &str) -> std::io::Result<Box<dyn Listener>> {
    SimNet.listen(address).await
}

/// The world of one node.
pub(crate) fn env(clock: Arc<SimClock>, disk: Arc<SimDisk>, bug: Option<Bug>) -> Env {
    let env = Env::with_clock(clock).with_net(Arc::new(SimNet)).with_random(Arc::new(SimRandom)).inline(disk);
    match bug {
        Some(bug) => env.with_bug(bug),
        None => env,
    }
}
