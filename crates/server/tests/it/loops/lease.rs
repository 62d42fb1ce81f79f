//! The lease of a node whose machine was suspended: it is over, and nobody has said so.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use chronos_env::{BoxFuture, Env, Listener, Net, Socket};
use chronos_types::Status;
use tokio::sync::Semaphore;

use super::bench::{Bench, OWN, view};
use super::target::Target;
use crate::clock::step::StepClock;

/// For so long: the lease of these tests is shorter.
const HOUR_MS: u64 = 3_600_000;

/// The machine's network, on which connections are made once they are let.
#[derive(Debug)]
struct Slow {
    real: Env,
    asked: Semaphore,
    let_through: Semaphore,
}

impl Net for Slow {
    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Socket>> {
        Box::pin(async move {
            self.asked.add_permits(1);
            self.let_through.acquire().await.expect("open").forget();
            Ok(self.real.connect(&[address]).await?.0)
        })
    }

    fn listen<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>> {
        Box::pin(self.real.listen(address))
    }
}

/// A node with a lease, and its clock.
async fn node(net: Option<Arc<Slow>>) -> (Bench, StepClock) {
    let clock = StepClock::new();
    let env = Env::with_clock(Arc::new(clock.clone()));
    let env = if let Some(net) = net { env.with_net(net) } else { env };
    let bench = Bench::start_in(env, 1_024, view(&[OWN], &[], true)).await;
    bench.lease.renew(bench.env.since_boot());
    (bench, clock)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_begins_after_a_suspension_before_the_node_knows_what_is_its_own() {
    let target = Target::start().await;
    let (bench, clock) = node(None).await;
    let job = bench.job(&target.url("job"), "allow", 0).await;
    let first = bench.trigger(job, OWN).await;
    bench.settled(first, Status::Success).await;
    clock.suspend(HOUR_MS);
    let (given, kept) = (bench.trigger(job, OWN).await, bench.trigger(job, OWN).await);
    bench.until("the fence is up", || bench.exposition().contains("chronos_fenced 1")).await;
    assert!(!bench.activity.may_fire());
    bench.reassign(given, OWN, "two").await;
    bench.lease.renew(bench.env.since_boot());
    bench.settled(kept, Status::Success).await;
    assert_eq!(target.all(), [first, kept]);
    assert_eq!(bench.open("two").await, [given]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_connects_for_longer_than_the_lease_lasts_is_not_made() {
    let target = Target::start().await;
    let net = Slow { real: Env::real(), asked: Semaphore::new(0), let_through: Semaphore::new(0) };
    let net = Arc::new(net);
    let (bench, clock) = node(Some(net.clone())).await;
    let job = bench.job(&target.url("job"), "allow", 0).await;
    let (given, kept) = (bench.trigger(job, OWN).await, bench.trigger(job, OWN).await);
    net.asked.acquire_many(2).await.expect("open").forget();
    clock.suspend(HOUR_MS);
    net.let_through.add_permits(100);
    bench.until("none is under way", || bench.activity.running() == 0).await;
    assert_eq!(target.all(), []);
    bench.reassign(given, OWN, "two").await;
    bench.lease.renew(bench.env.since_boot());
    bench.settled(kept, Status::Success).await;
    assert_eq!(target.all(), [kept]);
    assert_eq!(bench.open("two").await, [given]);
}
