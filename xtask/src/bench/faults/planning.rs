//! Watches from outside whether a cluster plans, and whether it takes writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use chronos_client::{Client, WriteOptions};
use serde_json::json;
use tokio::task::JoinSet;

use super::super::now_ms;

/// Between two looks at a node's counters, and how long a node may take to show them.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const ANSWER_WITHIN: Duration = Duration::from_millis(500);
/// Between two tries of a write.
const TRY_EVERY: Duration = Duration::from_millis(50);
/// How long a write may be refused until that is given up.
const WRITE_WITHIN: Duration = Duration::from_secs(60);

/// Looks at the counters of planned runs of some nodes, until it is dropped.
pub struct Watch {
    tasks: JoinSet<()>,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    /// When any node last planned, in milliseconds since the Unix epoch.
    last: AtomicI64,
    /// The longest time without a plan, in milliseconds.
    longest: AtomicI64,
}

impl Seen {
    fn planned(&self, now: i64) {
        let before = self.last.swap(now, Ordering::Relaxed);
        self.longest.fetch_max(now - before, Ordering::Relaxed);
    }
}

impl Watch {
    /// Begins to watch these nodes.
    pub fn begin(nodes: impl Iterator<Item = Client>) -> Self {
        let seen = Arc::<Seen>::default();
        seen.last.store(now_ms(), Ordering::Relaxed);
        let mut tasks = JoinSet::new();
        for node in nodes {
            let seen = Arc::clone(&seen);
            tasks.spawn(async move {
                let mut known = None;
                loop {
                    if let Ok(Some(count)) = tokio::time::timeout(ANSWER_WITHIN, planned(&node)).await {
                        // A node that was started anew begins with none.
                        if known.is_some_and(|known| count > known) || known.is_none() && count > 0 {
                            seen.planned(now_ms());
                        }
                        known = Some(count);
                    }
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            });
        }
        Self { tasks, seen }
    }

    /// Ends it. Answers the longest time in which no node planned, in milliseconds.
    pub fn end(mut self) -> i64 {
        self.tasks.abort_all();
        self.seen.planned(now_ms());
        self.seen.longest.load(Ordering::Relaxed)
    }
}

/// The runs that a node has planned since its start.
async fn planned(node: &Client) -> Option<u64> {
    let text = node.text("/metrics").await.ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("chronos_planned_runs_total "))?;
    line.trim().parse().ok()
}

/// Waits until one of these nodes has taken a write that was asked for after `begun`. Answers how long that took, in
/// milliseconds. Each is asked again and again: a call that was made too early may wait for a leader that is gone.
pub async fn first_write(nodes: Vec<Client>, job: &'static str, begun: Instant) -> Option<i64> {
    let mut tries = JoinSet::new();
    let taken = async {
        loop {
            for client in nodes.clone() {
                tries.spawn(async move {
                    let patch = json!({"description": now_ms().to_string()});
                    client.patch_job(job, &patch, WriteOptions::default()).await.is_ok()
                });
            }
            let next = tokio::time::sleep(TRY_EVERY);
            tokio::pin!(next);
            loop {
                tokio::select! {
                    () = &mut next => break,
                    Some(answer) = tries.join_next(), if !tries.is_empty() => {
                        if answer.is_ok_and(|taken| taken) {
                            return;
                        }
                    }
                }
            }
        }
    };
    tokio::time::timeout(WRITE_WITHIN, taken).await.ok()?;
    i64::try_from(begun.elapsed().as_millis()).ok()
}
