//! The simulated world of a node: its clock, disk, network and randomness.

mod card;
mod clock;
mod disk;
mod here;
mod link;
mod net;
mod random;

use std::sync::Arc;
use std::time::Duration;

use chronos_env::{Bug, Env, Listener};

pub(crate) use card::Card;
pub(crate) use clock::{SimClock, at_ms, since_ms, since_start};
pub(crate) use disk::{SimDisk, obey};
pub(crate) use here::within;
pub(crate) use link::Link;
pub(crate) use net::{Names, SimNet};
use random::SimRandom;

/// The step of simulated time.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// Listens on the network of the host that asks, which must be one of turmoil's.
pub(crate) async fn listen(address: &str) -> std::io::Result<Box<dyn Listener>> {
    net::listen_directly(address).await
}

/// The world of one node.
pub(crate) fn env(clock: Arc<SimClock>, disk: Arc<SimDisk>, net: SimNet, bug: Option<Bug>) -> Env {
    let env = Env::with_clock(clock).with_net(Arc::new(net)).with_random(Arc::new(SimRandom)).inline(disk);
    match bug {
        Some(bug) => env.with_bug(bug),
        None => env,
    }
}
