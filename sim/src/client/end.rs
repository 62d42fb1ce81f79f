//! When the faults are over: the jobs run on for a while, as on any good day, and then the work comes to its end.

use std::time::Duration;

use chronos_client::Method;
use serde_json::Value;

use super::Client;
use crate::web::{EVER, fetch};
use crate::world::since_start;

/// Runs are planned two seconds ahead, and clocks were up to three seconds off. For a node that was removed the leader
/// answers, which looks every ten seconds.
const WITHDRAWN: Duration = Duration::from_secs(16);
/// Between looks at whether the cluster has done what it owes.
const LOOK: Duration = Duration::from_millis(500);
/// A cluster without faults has recovered after this: an election, what `reassign_after` takes, and connections that
/// are given up.
const RECOVERS: Duration = Duration::from_secs(12);
/// For so long the jobs run on then.
const RUNS_ON: Duration = Duration::from_secs(6);
/// A node that is being replaced may take so long to be a member again.
const REPLACED_WITHIN: Duration = Duration::from_secs(60);

impl Client {
    pub(super) async fn end(&mut self) {
        self.run_on().await;
        self.end_all().await;
        while !self.is_drained().await {
            tokio::time::sleep(LOOK).await;
            // What was asked for before, and nobody heard of, may have been done since.
            self.end_all().await;
        }
        // What was withdrawn from a node that was started anew waits until its instant has come.
        tokio::time::sleep(WITHDRAWN).await;
        if self.number == 1 {
            self.hear_of_states().await;
        }
        self.ledger.note("drained");
        self.ledger.with(|seen| seen.drained = true);
    }

    /// How much of their states the nodes have compared, each since its last start, and whether any differ.
    async fn hear_of_states(&self) {
        for number in 1..=self.nodes {
            let node = format!("n{number}");
            let Some((200, bytes)) = fetch(&node, "/metrics").await else { continue };
            let text = String::from_utf8_lossy(&bytes);
            let metric = |name: &str| -> u64 {
                let mut values = text.lines().filter_map(|line| line.strip_prefix(name)?.trim().parse().ok());
                values.next().unwrap_or_default()
            };
            let compared = metric("chronos_state_pieces_compared_total");
            let differ = metric("chronos_states_differ");
            self.ledger.with(|seen| {
                seen.counts.add("piece_compared", compared);
                seen.differences
                    .extend((differ > 0).then(|| format!("{node} counts {differ} states that differ")));
            });
        }
    }

    /// Waits until the cluster has recovered, and then while the jobs run on. What was planned before a node came back,
    /// or a guest left, is over by then.
    async fn run_on(&self) {
        let until = since_start() + REPLACED_WITHIN;
        while self.ledger.with(|seen| seen.replacing) && since_start() < until {
            tokio::time::sleep(LOOK).await;
        }
        tokio::time::sleep(RECOVERS).await;
        let from = since_start();
        tokio::time::sleep(RUNS_ON).await;
        // The other client may have come so far before.
        let settled = (from, since_start());
        self.ledger.with(|seen| {
            if !seen.replacing {
                seen.settled.get_or_insert(settled);
            }
        });
    }

    /// Disables every job, also those whose creation nobody heard of, so that the work comes to an end.
    async fn end_all(&mut self) {
        loop {
            let listed = self.ask(Method::GET, "/api/v1/jobs?enabled=true&limit=100&consistent=true", None);
            let Some((200, answer)) = listed.await else {
                tokio::time::sleep(LOOK).await;
                continue;
            };
            let jobs = answer["jobs"].as_array().cloned().unwrap_or_default();
            if jobs.is_empty() {
                return;
            }
            for job in jobs {
                let id = job["id"].as_str().unwrap_or_default();
                self.enable(id, false).await;
            }
        }
    }

    /// Whether nothing is unfinished, and every node knows all there is.
    async fn is_drained(&mut self) -> bool {
        // An operation makes more runs for as long as it goes on.
        match self.ask(Method::GET, "/api/v1/operations?limit=500&consistent=true", None).await {
            Some((200, answer))
                if answer["operations"].as_array().is_some_and(|all| all.iter().all(is_over)) => {}
            _ => return false,
        }
        for status in ["pending", "running", "retrying"] {
            let path = format!("/api/v1/executions?status={status}&from={EVER}&limit=1&consistent=true");
            match self.ask(Method::GET, &path, None).await {
                Some((200, answer)) if answer["executions"].as_array().is_some_and(Vec::is_empty) => {}
                _ => return false,
            }
        }
        let Some((200, status)) = self.ask(Method::GET, "/api/v1/cluster/status", None).await else {
            return false;
        };
        let nodes = status["nodes"].as_array().cloned().unwrap_or_default();
        let idle = |node: &Value| node["applied_index"] == status["commit_index"] && node["firing"] == 0;
        let whole = nodes.len() == self.nodes && !self.ledger.with(|seen| seen.replacing);
        whole && nodes.iter().all(idle)
    }
}

fn is_over(operation: &Value) -> bool {
    operation["state"] != "running"
}
