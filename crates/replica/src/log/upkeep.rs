//! What keeps `log.db` small, and the rest of the server up to date on who leads.

use std::sync::Arc;

use openraft::async_runtime::WatchReceiver as _;
use tokio::sync::watch;

use super::store::LogStore;
use crate::health::Health;
use crate::lead::Lead;
use crate::raft::Raft;
use crate::status::Leadership;

/// A snapshot is due after this many bytes of entries.
const SNAPSHOT_BYTES: u64 = 64 << 20;
/// At most this many bytes of entries stay behind a snapshot.
const KEEP_BYTES: u64 = 64 << 20;

/// What follows openraft does when that has ended. Whoever follows who leads has reported it, with the reason.
pub(crate) async fn raft_ended() {
    std::future::pending().await
}

/// Asks for a snapshot whenever the log has grown by enough bytes. By number of entries openraft does it.
pub(crate) async fn snapshot_by_bytes(raft: Raft, log: LogStore) {
    let mut total = log.total();
    let mut base = *total.borrow_and_update();
    while total.changed().await.is_ok() {
        let now = *total.borrow_and_update();
        // It falls where a truncation emptied the log.
        base = base.min(now);
        if now - base >= SNAPSHOT_BYTES {
            base = now;
            if raft.trigger().snapshot().await.is_err() {
                break;
            }
        }
    }
    raft_ended().await
}

/// Purges by bytes behind every snapshot. By number of entries openraft does it.
pub(crate) async fn purge_by_bytes(raft: Raft, log: LogStore) {
    let mut snapshots = raft.watch_snapshot_progress();
    while snapshots.changed().await.is_ok() {
        let cut = match log.cut(KEEP_BYTES).await {
            Ok(cut) => cut,
            Err(error) => {
                tracing::warn!(%error, "the log could not be measured");
                continue;
            }
        };
        if let Some(cut) = cut
            && raft.trigger().purge_log(cut).await.is_err()
        {
            break;
        }
    }
    raft_ended().await
}

/// Follows who leads until openraft ends, and reports that end unless it was asked for.
pub(crate) async fn follow_leadership(
    raft: Raft,
    lead: Arc<Lead>,
    leadership: watch::Sender<Leadership>,
    health: Arc<Health>,
) {
    let mut metrics = raft.server_metrics();
    let mut heard = lead.newest();
    loop {
        heard.borrow_and_update();
        let current = {
            let now = metrics.borrow_watched();
            let deposed = lead.deposed_by(&now.vote);
            let known = (now.vote.leader_id.term, now.current_leader);
            let (term, leader) = deposed.map_or(known, |by| (by.term, Some(by.node_id)));
            let leader = leader.and_then(|id| now.membership_config.get_node(&id));
            Leadership {
                term,
                leader: leader.map(|member| member.name.clone()),
                is_leader: deposed.is_none() && now.state.is_leader(),
            }
        };
        leadership.send_if_modified(|known| {
            let changed = *known != current;
            *known = current;
            changed
        });
        tokio::select! {
            changed = metrics.changed() => if changed.is_err() { break },
            // It is there for as long as this is.
            Ok(()) = heard.changed() => {}
        }
    }
    leadership.send_modify(|known| known.is_leader = false);
    if !health.stopping() {
        let state = raft.metrics().borrow_watched().running_state.clone();
        let reason = state.err().map_or_else(|| "its task panicked".to_owned(), |fatal| fatal.to_string());
        health.report(format!("raft has stopped: {reason}"));
    }
}
