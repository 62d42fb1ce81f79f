//! A cluster under load.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinSet;

use crate::load::{Audit, Client, Dice, Expected, Fault, Receiver, Writer, firing_job, now_ms, number, stop};
use crate::support::{Cluster, PATIENCE, Server, Value, json, soon};

/// Jobs that fire each second where `CHRONOS_RATE` says nothing.
const RATE: u64 = 40;
/// Clients that write.
const WRITERS: usize = 4;
/// The job that is only written to, to see whether writes are taken.
const PROBE: &str = "probe";
/// From one try of it to the next.
const BETWEEN_PROBES: Duration = Duration::from_millis(50);

/// One at a time: each keeps the machine busy.
static ALONE: Mutex<()> = Mutex::const_new(());

/// The choices of a test, and its turn.
pub async fn begin(test: &str) -> (MutexGuard<'static, ()>, Dice) {
    let turn = ALONE.lock().await;
    let seed = number("CHRONOS_SEED").unwrap_or_else(|| now_ms().cast_unsigned());
    println!("to repeat: CHRONOS_SEED={seed} cargo test --package chronos --test failover {test}");
    (turn, Dice::new(seed))
}

/// A cluster, what fires on it, and who writes to it.
pub struct Run {
    pub cluster: Cluster,
    pub receiver: Receiver,
    /// Reads from whichever node answers.
    pub client: Client,
    pub faults: Vec<Fault>,
    firing: usize,
    writers: Vec<Writer>,
}

/// What the loss of nodes did.
pub struct Outage {
    /// The names of the nodes that were killed.
    pub killed: Vec<String>,
    /// From the kill to the first write that another node took.
    pub took: Duration,
    /// The same in milliseconds since the Unix epoch.
    pub from: i64,
    pub until: i64,
    /// Who had to fire what, before anything was taken from the killed.
    pub owners: Vec<Value>,
}

impl Run {
    /// The jobs fire and the writers write; these ask for so long again where they are turned away.
    pub async fn start(cluster: Cluster, receiver: Receiver, dice: &mut Dice, retry_for: Duration) -> Self {
        let addresses: Vec<SocketAddr> = cluster.running().map(|node| node.address()).collect();
        let client = Client::of(addresses).retry_for(PATIENCE);
        let firing = usize::try_from(number("CHRONOS_RATE").unwrap_or(RATE)).unwrap();
        for n in 0..firing {
            let (client, key) = (client.beginning_with(n), format!("firing-{n}"));
            client.create(&firing_job(n, &receiver), &key).await.expect("a job that fires");
        }
        let probe = json!({"name": PROBE, "schedule": "0 0 1 1 *", "webhook": {"url": receiver.url()}});
        client.create(&probe, PROBE).await.expect("the probe");
        let writer = |n| {
            let client = client.beginning_with(n).retry_for(retry_for);
            Writer::start(n, client, receiver.url(), dice.fork())
        };
        let writers = (0..WRITERS.min(firing)).map(writer).collect();
        Self { cluster, receiver, client, faults: Vec::new(), firing, writers }
    }

    /// Kills these nodes at once, and waits until the others take a write.
    pub async fn kill(&mut self, nodes: &[usize]) -> Outage {
        let (from, began) = (now_ms(), Instant::now());
        for node in nodes {
            self.cluster.kill(*node).await;
        }
        self.faults.push(Fault { from: began, until: Instant::now() });
        let survivors: Vec<_> = self.cluster.running().map(Server::address).collect();
        first_write(&survivors).await;
        let (took, until) = (began.elapsed(), now_ms());
        // The newest pages reach back further than the outage.
        let owners = self.client.pages("/api/v1/executions", "executions", 4).await;
        Outage { killed: nodes.iter().map(|n| format!("n{n}")).collect(), took, from, until, owners }
    }

    /// Ends the writing, and holds everything due until now against what is on record.
    pub async fn audit(&mut self) -> Audit {
        let writes = Arc::new(stop(std::mem::take(&mut self.writers)).await);
        let faults = self.faults.clone();
        let expected = Expected { firing: self.firing, until: now_ms(), writes, faults };
        let audit = Audit::when_settled(&self.client, &self.receiver, &expected).await;
        println!("{audit}");
        assert!(audit.is_clean(), "{audit}");
        audit
    }

    /// Ends the firing, waits until every node that is up tells the same, and holds their states against
    /// each other as they lie on their disks. None of them is up then.
    pub async fn same_history(&mut self) {
        for n in 0..self.firing {
            let path = format!("/api/v1/jobs/firing-{n}");
            let off = json!({"enabled": false});
            let answer = self.client.call(hyper::Method::PATCH, &path, Some(&off), None).await;
            assert!(answer.as_ref().is_ok_and(|(status, _)| status.is_success()), "{path}: {answer:?}");
        }
        self.one_history().await;
        let mut hashes = self.cluster.state_hashes().await;
        let same = |hashes: &[String]| hashes.iter().all(|hash| *hash == hashes[0]);
        if !same(&hashes) {
            // What one did not hear any more, it hears from the others; what differs then differs for good.
            println!("states that differ: {hashes:?}");
            for n in 1..=hashes.len() {
                self.cluster.revive(n).await;
            }
            self.cluster.whole().await;
            self.one_history().await;
            hashes = self.cluster.state_hashes().await;
        }
        assert!(same(&hashes), "states that differ: {hashes:?}");
        println!("all {} states have the hash {}", hashes.len(), hashes[0]);
    }

    /// Waits until every node that is up tells the same.
    async fn one_history(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut histories = Vec::new();
            for node in self.cluster.running() {
                let client = Client::new(node.address()).retry_for(PATIENCE);
                let executions = client.all("/api/v1/executions", "executions").await;
                histories.push((executions, client.all("/api/v1/jobs", "jobs").await));
            }
            let Some(other) = histories.iter().find(|history| **history != histories[0]) else {
                println!("{} nodes tell the same of {} executions", histories.len(), histories[0].0.len());
                return;
            };
            if Instant::now() > deadline {
                let differ = histories[0].0.iter().zip(&other.0).find(|(one, other)| one != other);
                panic!("{} and {} executions; {differ:#?}", histories[0].0.len(), other.0.len());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Waits until one of these nodes takes a write. Asks each of them anew all the while: a call that
/// was made too early may wait in vain for a leader that is gone.
pub async fn first_write(nodes: &[SocketAddr]) {
    let clients: Vec<_> = nodes.iter().map(|address| Client::new(*address)).collect();
    let mut tries = JoinSet::new();
    soon("a write to be taken", async {
        loop {
            for client in clients.clone() {
                tries.spawn(async move {
                    let patch = json!({"description": now_ms().to_string()});
                    let path = format!("/api/v1/jobs/{PROBE}");
                    client.call(hyper::Method::PATCH, &path, Some(&patch), None).await
                });
            }
            let next = tokio::time::sleep(BETWEEN_PROBES);
            let taken = async {
                while let Some(answer) = tries.join_next().await {
                    if matches!(answer.unwrap(), Ok((hyper::StatusCode::OK, _))) {
                        return;
                    }
                }
                std::future::pending().await
            };
            tokio::select! {
                () = next => {}
                () = taken => return,
            }
        }
    })
    .await;
}
