//! What happens to the cluster, as this node notices it: who leads, who is a member, and who gets runs. It is in no log,
//! so it is told live alone.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chronos_replica::{Leadership, Replica};
use chronos_types::{EventType, NodeName};

use super::hub::EventHub;
use super::told::{ClusterEvent, News, Told};
use crate::services::Services;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The loop that notices what happens to the cluster, while somebody listens for that.
#[derive(Debug)]
pub struct ClusterWatch {
    services: Services,
    replica: Replica,
    hub: EventHub,
}

/// The cluster at a look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    leader: Option<NodeName>,
    members: BTreeSet<NodeName>,
    /// Those that get runs, where the leader has said so.
    ready: Option<BTreeSet<NodeName>>,
}

impl ClusterWatch {
    /// The loop, with what it works with.
    #[must_use]
    pub fn new(services: Services, replica: Replica, hub: EventHub) -> Self {
        Self { services, replica, hub }
    }

    /// Looks for as long as the node runs.
    pub async fn run(self) {
        let mut leadership = self.replica.leadership();
        let mut before: Option<Seen> = None;
        loop {
            if self.hub.wants(None) {
                let leader = leadership.borrow_and_update().leader.clone();
                let seen = self.look(leader).await;
                let known = before.take().unwrap_or_else(|| seen.clone());
                for event in changes(&known, &seen) {
                    let told =
                        Told::new(None, self.services.env.now(), News::Cluster(event), self.hub.held());
                    self.hub.hand_over_cluster(&Arc::new(told));
                }
                before = Some(Seen { ready: seen.ready.or(known.ready), ..seen });
            } else {
                before = None;
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = turns(&mut leadership) => {}
            }
        }
    }

    async fn look(&self, leader: Option<NodeName>) -> Seen {
        let members = self.replica.status().members.into_iter().map(|member| member.name).collect();
        let ready: BTreeSet<_> = self.replica.presence().live().await.into_iter().collect();
        Seen { leader, members, ready: Some(ready).filter(|ready| !ready.is_empty()) }
    }
}

/// Resolves when who leads has changed.
async fn turns(leadership: &mut tokio::sync::watch::Receiver<Leadership>) {
    if leadership.changed().await.is_err() {
        // The log is closed, and nothing changes any more.
        std::future::pending().await
    }
}

/// What happened between two looks.
fn changes(before: &Seen, now: &Seen) -> Vec<ClusterEvent> {
    let mut events = Vec::new();
    let mut add = |what, node| events.push(ClusterEvent { what, node });
    if before.leader != now.leader {
        add(EventType::ClusterLeader, now.leader.clone());
    }
    let mut differ = |before: &BTreeSet<NodeName>, now: &BTreeSet<NodeName>, [came, went]: [EventType; 2]| {
        now.difference(before).for_each(|node| add(came, Some(node.clone())));
        before.difference(now).for_each(|node| add(went, Some(node.clone())));
    };
    differ(&before.members, &now.members, [EventType::ClusterJoined, EventType::ClusterLeft]);
    if let (Some(before), Some(now)) = (&before.ready, &now.ready) {
        differ(before, now, [EventType::ClusterReady, EventType::ClusterUnready]);
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names<const N: usize>(names: [&str; N]) -> BTreeSet<NodeName> {
        names.into_iter().map(NodeName::unchecked).collect()
    }

    #[test]
    fn what_happened_is_told_by_the_difference_of_two_looks() {
        let before = Seen {
            leader: Some(NodeName::unchecked("n1")),
            members: names(["n1", "n2", "n3"]),
            ready: Some(names(["n1", "n2"])),
        };
        assert_eq!(changes(&before, &before), []);
        let now = Seen { leader: None, members: names(["n1", "n3", "n4"]), ready: Some(names(["n1", "n3"])) };
        let told = |events: Vec<ClusterEvent>| -> Vec<String> {
            let shown = |event: ClusterEvent| {
                format!("{} {}", event.what.as_str(), event.node.map_or("-".into(), |node| node.to_string()))
            };
            events.into_iter().map(shown).collect()
        };
        assert_eq!(
            told(changes(&before, &now)),
            [
                "cluster.leader_changed -",
                "cluster.node_joined n4",
                "cluster.node_left n2",
                "cluster.node_ready n3",
                "cluster.node_unready n2",
            ]
        );
        // Nobody says who gets runs while nobody leads.
        assert_eq!(changes(&before, &Seen { ready: None, ..before.clone() }), []);
    }
}
