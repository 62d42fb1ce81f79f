//! A cluster under load.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chronos_client::api::Execution;
use chronos_client::{Client, Tcp, WriteOptions};
use chronos_state::{Machine, VERSION};
use chronos_testkit::load::{
    AnyNode, Audit, Dice, Expected, Fault, Target, Writer, firing, firing_job, input, number, stop,
};
use chronos_testkit::{Cluster, PATIENCE, Server, json, now_ms, soon};
use rusqlite::Connection;
use tokio::task::JoinSet;

/// Jobs that fire each second where `CHRONOS_RATE` says nothing.
const RATE: u64 = 40;
/// Clients that write.
const WRITERS: usize = 4;
/// The job that is only written to, to see whether writes are taken.
const PROBE: &str = "probe";
/// From one try of it to the next.
const BETWEEN_PROBES: Duration = Duration::from_millis(50);

/// A cluster, what fires on it, and who writes to it.
pub struct Run {
    pub cluster: Cluster,
    pub target: Target,
    /// Reads from whichever node answers.
    pub client: AnyNode,
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
    pub owners: Vec<Execution>,
}

impl Run {
    /// The jobs fire and the writers write; these ask for so long again where they are turned away.
    pub async fn start(cluster: Cluster, target: Target, dice: &mut Dice, retry_for: Duration) -> Self {
        Self::start_at(RATE, cluster, target, dice, retry_for).await
    }

    /// The same with so many jobs that fire each second where `CHRONOS_RATE` says nothing.
    pub async fn start_at(
        rate: u64,
        cluster: Cluster,
        target: Target,
        dice: &mut Dice,
        retry_for: Duration,
    ) -> Self {
        let client = AnyNode::of(cluster.running().map(Server::address)).retry_for(PATIENCE);
        let rate = usize::try_from(number("CHRONOS_RATE").unwrap_or(rate)).unwrap();
        let jobs = (0..rate).map(|n| firing_job(n, &target));
        let probe = json!({"name": PROBE, "schedule": "0 0 1 1 *", "webhook": {"url": target.url()}});
        for (n, job) in jobs.chain([input(probe)]).enumerate() {
            let job = &job;
            let create = |node: Client, _| async move { node.create_job(job, Some(&job.name)).await };
            client.beginning_with(n).ask(create).await.expect("a job");
        }
        let writer = |n| {
            let client = client.beginning_with(n).retry_for(retry_for);
            Writer::start(n, client, target.url(), dice.fork())
        };
        let writers = (0..WRITERS.min(rate)).map(writer).collect();
        Self { cluster, target, client, faults: Vec::new(), firing: rate, writers }
    }

    /// Kills these nodes at once, and waits until the others take a write.
    pub async fn kill(&mut self, nodes: &[usize]) -> Outage {
        let began = Instant::now();
        for node in nodes {
            self.cluster.kill(*node).await;
        }
        self.faults.push(Fault { from: began, until: Instant::now() });
        self.missed(nodes, began).await
    }

    /// Waits until the others take a write. These nodes do not run since `began`.
    pub async fn missed(&self, nodes: &[usize], began: Instant) -> Outage {
        let from = now_ms() - i64::try_from(began.elapsed().as_millis()).unwrap();
        let others: Vec<_> = self.cluster.others(nodes).map(Server::address).collect();
        first_write(&others).await;
        let (took, until) = (began.elapsed(), now_ms());
        // The newest pages reach back further than the outage.
        let owners = AnyNode::of(others).retry_for(PATIENCE).newest_executions(4).await;
        Outage { killed: nodes.iter().map(|n| format!("n{n}")).collect(), took, from, until, owners }
    }

    /// Ends the writing, and holds everything due until now against what is on record.
    pub async fn audit(&mut self) -> Audit {
        let writes = Arc::new(stop(std::mem::take(&mut self.writers)).await);
        let faults = self.faults.clone();
        let expected = Expected { firing: self.firing, until: now_ms(), writes, faults };
        let audit = Audit::when_settled(&self.client, &self.target, &expected).await;
        println!("{audit}");
        assert!(audit.is_clean(), "{audit}");
        audit
    }

    /// Ends the firing, waits until every node that is up tells the same, and holds their states against
    /// each other as they lie on their disks. None of them is up then.
    pub async fn same_history(&mut self) {
        let off = &json!({"enabled": false});
        for name in &(0..self.firing).map(firing).collect::<Vec<_>>() {
            let disable =
                |node: Client, _| async move { node.patch_job(name, off, WriteOptions::default()).await };
            self.client.ask(disable).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        self.one_history().await;
        let mut hashes = self.state_hashes().await;
        let same = |hashes: &[String]| hashes.iter().all(|hash| *hash == hashes[0]);
        if !same(&hashes) {
            // What one did not hear any more, it hears from the others; what differs then differs for good.
            println!("states that differ: {hashes:?}");
            for n in 1..=hashes.len() {
                self.cluster.revive(n).await;
            }
            self.cluster.whole().await;
            self.one_history().await;
            hashes = self.state_hashes().await;
        }
        assert!(same(&hashes), "states that differ: {hashes:?}");
        println!("all {} states have the hash {}", hashes.len(), hashes[0]);
    }

    /// Ends every node that is up, and answers what the state of each comes to.
    async fn state_hashes(&mut self) -> Vec<String> {
        let hash = |data: PathBuf| {
            let copy = tempfile::tempdir().unwrap();
            for file in ["state.db", "state.db-wal"] {
                std::fs::copy(data.join(file), copy.path().join(file)).unwrap();
            }
            let path = copy.path().join("state.db");
            // The nodes may be of a newer release than this test, and their tables are the same.
            let state = Connection::open(&path).unwrap();
            let version: u32 = state.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
            state.pragma_update(None, "user_version", version.min(VERSION)).unwrap();
            drop(state);
            let machine = Machine::open(&path).unwrap();
            machine.reader().unwrap().state_hash().unwrap()
        };
        self.cluster.kill_all().await.into_iter().map(hash).collect()
    }

    /// Waits until every node that is up tells the same.
    async fn one_history(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut histories = Vec::new();
            for node in self.cluster.running() {
                let client = AnyNode::of([node.address()]).retry_for(PATIENCE);
                histories.push((client.all_executions().await, client.all_jobs().await));
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
    let client = |address: &SocketAddr| Client::new(address.to_string(), Tcp).unwrap();
    let clients: Vec<_> = nodes.iter().map(client).collect();
    let mut tries = JoinSet::new();
    soon("a write to be taken", async {
        loop {
            for client in clients.clone() {
                tries.spawn(async move {
                    let patch = json!({"description": now_ms().to_string()});
                    client.patch_job(PROBE, &patch, WriteOptions::default()).await
                });
            }
            let next = tokio::time::sleep(BETWEEN_PROBES);
            let taken = async {
                while let Some(answer) = tries.join_next().await {
                    if answer.unwrap().is_ok() {
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
