//! How a node stops firing: others lead and plan, what is not begun goes to them, and what is under way ends. A
//! node is drained when it stops, and when it is to be removed from its cluster.

use std::time::Duration;

use chronos_dispatch::{self as dispatch, Closed};
use chronos_engine::{Services, hand_over};
use chronos_replica::Replica;
use chronos_state::OpenRun;
use chronos_types::NodeName;
use tokio_util::sync::CancellationToken;

/// How long attempts under way may take to end.
const GRACE: Duration = Duration::from_secs(30);
/// The same where the disk of this node hangs or is full: what they come to cannot be recorded here.
const GRACE_WITHOUT_DISK: Duration = Duration::from_secs(5);
/// While attempts are under way, how often others are given what was planned for this node meanwhile.
const HAND_OVER_EVERY: Duration = Duration::from_millis(250);
/// How long a node that stops may take to give others what it has not begun.
const HAND_OVER_WITHIN: Duration = Duration::from_secs(5);
/// Between looks whether this node is a member still.
const AGAIN: Duration = Duration::from_secs(1);

/// Drains a node.
#[derive(Clone)]
pub(super) struct Drain {
    pub services: Services,
    pub replica: Replica,
    pub dispatcher: dispatch::Handle,
    /// Cancelled when draining begins.
    pub stopping: CancellationToken,
}

impl Drain {
    /// Drains the node and leaves the cluster once the node is asked to, since it is to be removed. The node goes
    /// on answering. A loop: it does not end.
    pub(super) async fn leave_when_asked(self) {
        self.replica.presence().asked_to_leave().await;
        tracing::warn!(
            "this node is to be removed from its cluster: no new attempts; waiting for those under way"
        );
        self.step_down().await;
        let closed = self.end_firing().await;
        loop {
            // Again and again while a leader is heard of: an earlier request to join may have waited for its turn, and
            // make this node a member once more.
            if self.replica.status().leader.is_some() {
                self.hand_over(&closed, |_| false).await;
                match self.replica.membership().leave().await {
                    Ok(()) => tracing::info!("left the cluster"),
                    Err(error) => tracing::warn!(%error, "this node has not left the cluster yet"),
                }
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Has another node lead and plan, where there is one. This comes first, so that no instant is missed.
    pub(super) async fn step_down(&self) {
        self.stopping.cancel();
        if self.replica.status().members.len() < 2 {
            return;
        }
        // Whoever leads plans nothing more for this node. What was planned meanwhile is handed over.
        self.replica.presence().announce_stop();
        if self.replica.is_leader() {
            match tokio::time::timeout(HAND_OVER_WITHIN, self.replica.membership().transfer(None)).await {
                Ok(Ok(())) => tracing::info!("another node leads"),
                Ok(Err(error)) => tracing::warn!(%error, "no other node takes the lead"),
                Err(_) => tracing::warn!("no other node took the lead in time"),
            }
        }
    }

    /// Gives this node's unfinished executions to the other members, but for those to `keep`.
    pub(super) async fn hand_over(&self, closed: &Closed, keep: impl Fn(&OpenRun) -> bool) {
        let others = self.others().await;
        let given = hand_over(&self.services, &others, keep, |id| closed.may_have_begun(id));
        match tokio::time::timeout(HAND_OVER_WITHIN, given).await {
            Ok(Ok(0)) => {}
            Ok(Ok(count)) => tracing::info!(count, "other nodes fire what was not begun"),
            Ok(Err(error)) => tracing::warn!(%error, "what is not begun waits for this node or its absence"),
            Err(_) => tracing::warn!("what is not begun could not be handed over in time"),
        }
    }

    /// The other members that get runs; all others where no leader says who that is.
    async fn others(&self) -> Vec<NodeName> {
        let members = self.replica.status().members.into_iter().map(|member| member.name);
        let others: Vec<NodeName> = members.filter(|name| *name != self.services.node).collect();
        let live = self.replica.presence().live().await;
        let takes: Vec<NodeName> = others.iter().filter(|name| live.contains(name)).cloned().collect();
        if takes.is_empty() { others } else { takes }
    }

    /// Begins no more attempts, and waits for those under way. Others get what is not begun meanwhile. Answers
    /// what the dispatcher said of what it held.
    pub(super) async fn end_firing(&self) -> Closed {
        let closed = self.dispatcher.close().await;
        let grace = if self.replica.stands_still() { GRACE_WITHOUT_DISK } else { GRACE };
        let handing_over = async {
            let mut now = closed.clone();
            loop {
                self.hand_over(&closed, |run| now.keeps(run)).await;
                tokio::time::sleep(HAND_OVER_EVERY).await;
                // What came meanwhile stays too where it may not begin beside what is under way.
                now = self.dispatcher.close().await;
            }
        };
        // The first comes before anything else, the others while attempts are under way.
        tokio::select! {
            biased;
            () = handing_over => {}
            () = self.dispatcher.stop(grace) => {}
        }
        closed
    }
}
