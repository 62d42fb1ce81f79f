//! Several nodes on one machine, each a process of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use chronos_client::Method;
use rustix::process::Signal;
use serde_json::Value;

use crate::tls::Authority;
use crate::{Chronos, Server, Setup, free_addresses, until};

/// The nodes of a cluster: `n1`, `n2`, ... Those that are down are none.
pub struct Cluster {
    setups: Vec<Setup>,
    nodes: Vec<Option<Server>>,
    /// Who signs the certificates of the nodes, where they have some.
    authority: Option<Authority>,
    /// The token that is shown where it is asked how the nodes are.
    token: Option<String>,
}

/// A leader that the machine keeps from running for a while stays the leader.
const CALM: (&str, &str) = ("cluster.raft.election_timeout", "3s");

impl Chronos {
    /// The set-ups of `count` nodes, the first of which founds the cluster; none is started.
    #[must_use]
    pub fn cluster(self, count: usize) -> Cluster {
        let addresses = free_addresses(2 * count);
        let (raft, http) = addresses.split_at(count);
        self.cluster_at(raft, http)
    }

    /// The same for a test that is not about how fast a leader is replaced.
    #[must_use]
    pub fn calm_cluster(self, count: usize) -> Cluster {
        self.cluster(count).calm()
    }

    /// The set-ups of nodes that listen there, to each other and to clients.
    #[must_use]
    pub fn cluster_at(self, raft: &[SocketAddr], http: &[SocketAddr]) -> Cluster {
        Cluster::at(self, raft, http)
    }
}

impl Cluster {
    fn at(chronos: Chronos, raft: &[SocketAddr], http: &[SocketAddr]) -> Self {
        let count = raft.len();
        let addresses: Vec<_> = raft.iter().map(|address| format!("\"{address}\"")).collect();
        let join = format!("[{}]", addresses.join(", "));
        let setup = |n: usize| {
            chronos
                .setup()
                .key("cluster.node_id", &format!("n{}", n + 1))
                .key("cluster.bootstrap", if n == 0 { "true" } else { "false" })
                .key("cluster.raft.address", &raft[n].to_string())
                .key("cluster.raft.join", &join)
                .key("server.http.address", &http[n].to_string())
        };
        let (setups, nodes) = ((0..count).map(setup).collect(), (0..count).map(|_| None).collect());
        Self { setups, nodes, authority: None, token: None }
    }

    /// For a test that is not about how fast a leader is replaced.
    #[must_use]
    pub fn calm(self) -> Self {
        self.key(CALM.0, CALM.1)
    }

    /// Shows this token where it is asked how the nodes are.
    #[must_use]
    pub fn token(self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self }
    }

    /// Sets a key on every node that is started from now on.
    #[must_use]
    pub fn key(mut self, key: &str, value: &str) -> Self {
        self.setups = self.setups.into_iter().map(|setup| setup.key(key, value)).collect();
        self
    }

    /// Sets a key on one node, counted from 1.
    #[must_use]
    pub fn key_of(mut self, n: usize, key: &str, value: &str) -> Self {
        self.setups[n - 1] = self.setups[n - 1].clone().key(key, value);
        self
    }

    /// Keeps the data of one node, counted from 1, there.
    #[must_use]
    pub fn data_dir_of(mut self, n: usize, path: &Path) -> Self {
        self.setups[n - 1] = self.setups[n - 1].clone().data_dir(path);
        self
    }

    /// Has the nodes call each other over mutual TLS, with a certificate each that one authority signed.
    #[must_use]
    pub fn over_tls(mut self) -> Self {
        self.authority = Some(Authority::new());
        self.setups = self.setups.iter().cloned().map(|setup| self.admitted(setup)).collect();
        self
    }

    /// The set-up of a node that the others can call, and that can call them: with a certificate, where they have
    /// some.
    #[must_use]
    pub fn admitted(&self, setup: Setup) -> Setup {
        let Some(authority) = &self.authority else { return setup };
        let address = setup.raft().expect("it listens for the others");
        let (certificate, key) = authority.sign_for(address.ip()).pem();
        let files = [("cert", certificate), ("key", key), ("ca", authority.pem())];
        let give = |setup: Setup, (name, pem): (&str, String)| {
            let file = setup.file(&format!("peer-{name}.pem"), &pem);
            setup.key(&format!("cluster.raft.tls.{name}_file"), &file.display().to_string())
        };
        files.into_iter().fold(setup.without("cluster.raft.tls"), give)
    }

    /// Runs each node in a network namespace of its own.
    #[must_use]
    pub fn namespaces(mut self, names: &[String]) -> Self {
        let put = |(setup, name): (Setup, &String)| setup.namespace(name);
        self.setups = self.setups.into_iter().zip(names).map(put).collect();
        self
    }

    /// Starts all, and waits until all of them vote.
    pub async fn up(mut self) -> Self {
        self.revive_all().await;
        self.whole().await;
        self
    }

    /// Waits until every node is up, votes, knows the leader, and fires.
    pub async fn whole(&self) {
        for node in self.running() {
            until("the cluster to be whole", || async { self.is_whole_for(node).await.then_some(()) }).await;
        }
    }

    /// Whether it is so, as all nodes that are up say. For a test that waits for longer.
    pub async fn is_whole(&self) -> bool {
        for node in self.running() {
            if !self.is_whole_for(node).await {
                return false;
            }
        }
        true
    }

    async fn is_whole_for(&self, node: &Server) -> bool {
        let bearer = self.token.as_ref().map(|token| format!("Bearer {token}"));
        let headers: Vec<_> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
        let status = node.send(Method::GET, "/api/v1/cluster/status", &headers, "").await;
        let status = if status.status == 200 { status.json() } else { return false };
        let Some(nodes) = status["nodes"].as_array() else { return false };
        let good = |node: &&Value| node["role"] != "learner" && node["reachable"] == true;
        let count = self.setups.len();
        let whole = nodes.len() == count && nodes.iter().filter(good).count() == count;
        let fires = node.root("/ready").await.status == 200;
        whole && fires && !status["leader"].is_null()
    }

    /// The nodes that are up.
    pub fn running(&self) -> impl Iterator<Item = &Server> {
        self.nodes.iter().flatten()
    }

    /// Those that are up and none of these, which are counted from 1.
    pub fn others(&self, but: &[usize]) -> impl Iterator<Item = &Server> {
        self.nodes.iter().zip(1..).filter(|(_, n)| !but.contains(n)).filter_map(|(node, _)| node.as_ref())
    }

    /// A node, counted from 1.
    #[must_use]
    #[track_caller]
    pub fn node(&self, n: usize) -> &Server {
        self.nodes[n - 1].as_ref().expect("the node is up")
    }

    /// A node's set-up, counted from 1.
    #[must_use]
    pub fn setup(&self, n: usize) -> &Setup {
        &self.setups[n - 1]
    }

    /// The number of the node that leads, as those say that are up.
    pub async fn leader(&self) -> usize {
        until("a leader that is up", || async {
            let node = self.running().next()?;
            let status = node.get("/cluster/status").await;
            let leader = status.json()["leader"].as_str()?.strip_prefix('n')?.parse::<usize>().ok()?;
            self.nodes[leader - 1].as_ref().map(|_| leader)
        })
        .await
    }

    /// Ends a node as a power cut would. Answers what it has logged.
    pub async fn kill(&mut self, n: usize) -> String {
        let mut node = self.nodes[n - 1].take().expect("the node is up");
        node.kill().await;
        node.whole_log().await
    }

    /// Ends every node that is up, all at once, and answers where each keeps its data. One may have been
    /// behind the others by a write.
    pub async fn kill_all(&mut self) -> Vec<PathBuf> {
        let up: Vec<_> = (1..=self.nodes.len()).filter(|n| self.nodes[n - 1].is_some()).collect();
        self.running().for_each(|node| node.signal(Signal::KILL));
        for n in &up {
            self.kill(*n).await;
        }
        up.iter().map(|n| self.setup(*n).data().to_owned()).collect()
    }

    /// Stops a node in order. Answers what it has logged.
    pub async fn stop(&mut self, n: usize) -> String {
        let mut node = self.nodes[n - 1].take().expect("the node is up");
        node.stop().await;
        node.whole_log().await
    }

    /// Restarts a node in order on another binary, and waits until all are there again.
    pub async fn change_binary(&mut self, n: usize, binary: Chronos) {
        self.stop(n).await;
        self.setups[n - 1] = self.setups[n - 1].clone().binary(binary);
        self.revive(n).await;
        self.whole().await;
    }

    /// Starts a node that is down, on the data it had, with more arguments.
    pub async fn revive_with(&mut self, n: usize, arguments: &[&str]) {
        let setup =
            arguments.iter().fold(self.setups[n - 1].clone(), |setup, argument| setup.argument(argument));
        self.nodes[n - 1] = Some(setup.start().await);
    }

    /// Starts all, which are down, at once, each on the data it had.
    pub async fn revive_all(&mut self) {
        let all = futures::future::join_all(self.setups.iter().cloned().map(Setup::start)).await;
        self.nodes = all.into_iter().map(Some).collect();
    }

    /// Starts a node that is down, on the data it had.
    pub async fn revive(&mut self, n: usize) {
        self.nodes[n - 1] = Some(self.setups[n - 1].clone().start().await);
    }
}
