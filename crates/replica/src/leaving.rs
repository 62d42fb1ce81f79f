//! Members that are about to stop: nothing more is planned for them, and what they have begun is
//! theirs to end. They say so themselves, to whoever leads.

use std::collections::BTreeSet;
use std::sync::{Mutex, Weak};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::forward::Leader;
use super::lock::lock;
use super::{Raft, Shared, wire};

/// Between two times of saying so: the leader may be another one.
const AGAIN: Duration = Duration::from_millis(500);
/// How long a stop waits for the leader to know.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a member says of itself.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Presence {
    pub id: u64,
    pub leaving: bool,
}

/// Those that said so, as a leader knows. One that starts again takes it back.
#[derive(Debug, Default)]
pub(super) struct Leaving(Mutex<BTreeSet<u64>>);

impl Leaving {
    pub(super) fn note(&self, presence: &Presence) {
        let mut leaving = lock(&self.0);
        if presence.leaving {
            leaving.insert(presence.id);
        } else {
            leaving.remove(&presence.id);
        }
    }

    pub(super) fn contains(&self, id: u64) -> bool {
        lock(&self.0).contains(&id)
    }
}

impl Raft {
    /// Has the leader plan no more for this node, now and until the last handle is dropped. Where
    /// there is none, it is said as soon as there is one.
    pub async fn announce_stop(&self) {
        // Without an answer the node stops all the same, and is missed like one that was killed.
        let _ = tokio::time::timeout(PATIENCE, self.tell_presence(true)).await;
        let task = announce(std::sync::Arc::downgrade(&self.shared));
        lock(&self.shared.upkeep).spawn(task);
    }

    /// Tells the leader; says whether it knows.
    pub(super) async fn tell_presence(&self, leaving: bool) -> bool {
        let presence = Presence { id: self.shared.id, leaving };
        match self.leader(Instant::now() + PATIENCE).await {
            Some(Leader::Me) => {
                self.shared.leaving.note(&presence);
                true
            }
            Some(Leader::Other(leader)) => match wire::encode(&presence) {
                Ok(message) => self.ask(&leader, "presence", message).await.is_ok(),
                Err(_) => false,
            },
            None => false,
        }
    }
}

async fn announce(shared: Weak<Shared>) {
    loop {
        tokio::time::sleep(AGAIN).await;
        let Some(shared) = shared.upgrade() else { return };
        if shared.health.stopping() {
            return;
        }
        Raft { shared }.tell_presence(true).await;
    }
}
