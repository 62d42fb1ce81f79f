//! The API of a cluster as a client that expects every server to vanish at any moment.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chronos_client::{Client, Error, ExecutionQuery, JobQuery, PageQuery, Tcp};

/// A server that says nothing for so long is as good as dead.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between tries of a client that tries again.
const PAUSE: Duration = Duration::from_millis(20);

/// Speaks to one node for as long as that answers, and then to the next. Clones move on together.
#[derive(Clone, Debug)]
pub struct AnyNode {
    nodes: Arc<[Client]>,
    turn: Arc<AtomicUsize>,
    retry_for: Duration,
}

impl AnyNode {
    /// Of the nodes whose APIs listen there.
    pub fn of(addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        let client = |address: SocketAddr| Client::new(address.to_string(), Tcp).unwrap().patience(PATIENCE);
        let nodes = addresses.into_iter().map(client).collect();
        Self { nodes, turn: Arc::default(), retry_for: Duration::ZERO }
    }

    /// Asks for so long again where the answer is 503 or there is no connection, as a client should that
    /// wants to live through the loss of a node. What was sent and not answered is not sent again.
    #[must_use]
    pub fn retry_for(self, retry_for: Duration) -> Self {
        Self { retry_for, ..self }
    }

    /// One that begins with another node, and moves on by itself.
    #[must_use]
    pub fn beginning_with(&self, n: usize) -> Self {
        Self { turn: Arc::new(AtomicUsize::new(n)), ..self.clone() }
    }

    /// Has `call` made by the client of the node whose turn it is. It is told whether it was made before:
    /// a 503 does not say that nothing was done.
    ///
    /// # Errors
    /// Those of the last call.
    pub async fn ask<T, F>(&self, call: impl Fn(Client, bool) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let deadline = Instant::now() + self.retry_for;
        let mut again = false;
        loop {
            let turn = self.turn.load(Ordering::Relaxed);
            let node = self.nodes[turn % self.nodes.len()].clone();
            let answer = call(node, again).await;
            let Err(error) = answer else { return answer };
            let refused = matches!(error, Error::Unreached { .. }) || error.status() == Some(503);
            if refused || matches!(error, Error::Unanswered { .. }) {
                // Unless another call with this client has moved on already.
                let _ = self.turn.compare_exchange(turn, turn + 1, Ordering::Relaxed, Ordering::Relaxed);
            }
            if !refused || Instant::now() >= deadline {
                return Err(error);
            }
            again = true;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Waits until a node takes writes and fires.
    pub async fn wait_until_ready(&self) {
        let ready = async {
            let asked = || self.ask(|node, _| async move { node.ready().await });
            while !asked().await.is_ok_and(|ready| ready.status == "ready") {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), ready).await.expect("the server becomes ready");
    }

    /// All executions, with every write that was acknowledged before.
    pub async fn all_executions(&self) -> Vec<chronos_client::api::Execution> {
        let query = ExecutionQuery { page: consistent(), ..ever() };
        let all = self.ask(|node, _| {
            let query = query.clone();
            async move { node.all_executions(query).await }
        });
        all.await.expect("all executions")
    }

    /// The newest executions: as many as are in so many pages.
    pub async fn newest_executions(&self, pages: usize) -> Vec<chronos_client::api::Execution> {
        let (mut executions, mut page) = (Vec::new(), consistent());
        for _ in 0..pages {
            let query = ExecutionQuery { page: page.clone(), ..ever() };
            let found = self.ask(|node, _| {
                let query = query.clone();
                async move { node.executions(&query).await }
            });
            let found = found.await.expect("a page of executions");
            executions.extend(found.executions);
            page.cursor = found.next_cursor;
            if page.cursor.is_none() {
                break;
            }
        }
        executions
    }

    /// All jobs, with every write that was acknowledged before.
    pub async fn all_jobs(&self) -> Vec<chronos_client::api::Job> {
        let query = JobQuery { page: consistent(), ..JobQuery::default() };
        let all = self.ask(|node, _| {
            let query = query.clone();
            async move { node.all_jobs(query).await }
        });
        all.await.expect("all jobs")
    }
}

/// Executions of any time.
fn ever() -> ExecutionQuery {
    ExecutionQuery { from: Some("1970-01-01T00:00:00Z".to_owned()), ..ExecutionQuery::default() }
}

fn consistent() -> PageQuery {
    PageQuery { limit: Some(PageQuery::LARGEST), consistent: true, ..PageQuery::default() }
}
