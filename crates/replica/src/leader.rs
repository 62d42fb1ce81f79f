//! Finds the leader, and asks it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chronos_peer::{Answer, PeerError, Transport};
use openraft::async_runtime::WatchReceiver as _;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::log::handle::Log;
use crate::messages::request::Message;
use crate::messages::wire::Unread;
use crate::raft::look_at;
use crate::types::Member;

/// About what an election takes: a leader is looked for so long, and one that is not heard of may still answer so long.
pub(crate) const SETTLE: Duration = Duration::from_secs(1);
/// How long an answer may be on its way from a leader once another one leads. What waits behind it waits no longer:
/// the leader of before may have been stopped in the middle of it, and say nothing for as long as that lasts.
const LATE: Duration = Duration::from_millis(300);
/// How long a leader may take. Longer than it waits for its disk, so that its own answer comes first.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Who leads.
pub(crate) enum Leader {
    Me,
    Other(Member),
}

/// The way to the leader, whichever node that is.
#[derive(Clone)]
pub(crate) struct LeaderClient {
    pub log: Arc<Log>,
    pub transport: Arc<dyn Transport>,
}

impl LeaderClient {
    /// The leader, as soon as one is known and was heard from lately; nothing if there is none before `until`.
    pub(crate) async fn find(&self, until: Instant) -> Option<Leader> {
        let mut metrics = self.log.raft.server_metrics();
        let mut heard = self.log.lead.newest();
        let mut cut_off = self.log.cut_off.clone();
        loop {
            heard.borrow_and_update();
            let known = look_at(&metrics, |now| {
                let other = |id| now.membership_config.get_node(&id).cloned().map(Leader::Other);
                match self.log.lead.deposed_by(&now.vote) {
                    Some(leader) => other(leader.node_id),
                    None if now.state.is_leader() => Some(Leader::Me),
                    None => now.current_leader.filter(|id| *id != now.id).and_then(other),
                }
            });
            if known.is_some() && !*cut_off.borrow_and_update() {
                return known;
            }
            tokio::select! {
                () = tokio::time::sleep_until(until) => return None,
                changed = metrics.changed() => changed.ok()?,
                changed = heard.changed() => changed.ok()?,
                changed = cut_off.changed() => changed.ok()?,
            }
        }
    }

    /// Reads what a leader has answered. A node that cannot read it cannot go on.
    pub(crate) fn read<T: DeserializeOwned>(&self, message: &Message, answer: &Bytes) -> Result<T, String> {
        let read = message.read_answer(answer);
        if let Err(Unread::Unknown(sentence)) = &read {
            self.log.storage.health.report(format!("the leader of the cluster: {sentence}"));
        }
        Ok(read?)
    }

    /// Asks a leader, and gives up when it has not been the leader for a while.
    pub(crate) async fn ask(&self, leader: &Member, message: &Message) -> Answer {
        let call = message.send(&*self.transport, &leader.address, PATIENCE);
        let mut leadership = self.log.leadership();
        let mut cut_off = self.log.cut_off.clone();
        let deposed = pin!(async {
            let other = leadership.wait_for(|now| now.leader.as_ref() != Some(&leader.name));
            tokio::select! {
                _ = other => {}
                _ = cut_off.wait_for(|cut_off| *cut_off) => {}
            }
            // Its answer may be on its way.
            let another =
                leadership.wait_for(|now| now.leader.as_ref().is_some_and(|name| *name != leader.name));
            if tokio::time::timeout(SETTLE, another).await.is_ok() {
                tokio::time::sleep(LATE).await;
            }
        });
        tokio::select! {
            biased;
            answer = call => answer,
            () = deposed => Err(PeerError::Unreachable(format!("{} does not lead any more", leader.name))),
        }
    }
}
