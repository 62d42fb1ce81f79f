//! What keeps `log.db` small, and the rest of the server up to date on who leads and who is where.

use std::sync::Arc;
use std::time::Duration;

use openraft::async_runtime::WatchReceiver as _;
use tokio::sync::watch;

use super::Leadership;
use super::health::Health;
use super::log_store::LogStore;
use super::network::Addresses;
use super::snapshot_send::Outbox;
use super::state_store::StateStore;
use super::types::Types;

/// How many entries the log holds. Not for operators: the simulation has shorter logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLimits {
    /// A snapshot is due after so many entries, or so many bytes of them: entries are batches, of a
    /// few hundred bytes or of megabytes.
    pub snapshot_entries: u64,
    /// So many stay behind a snapshot, and no more than so many bytes of them: a follower that was
    /// away for a moment is served from the log.
    pub keep_entries: u64,
}

impl Default for LogLimits {
    fn default() -> Self {
        Self { snapshot_entries: 20_000, keep_entries: 10_000 }
    }
}

const SNAPSHOT_BYTES: u64 = 64 << 20;
const KEEP_BYTES: u64 = 64 << 20;

/// Between looks at copies of the state that travelled.
const TIDY: Duration = Duration::from_secs(60);

pub(super) type Openraft = openraft::Raft<Types, StateStore>;

/// Asks for a snapshot whenever the log has grown by enough bytes. Entries are openraft's to count.
pub(super) async fn snapshot_by_bytes(raft: Openraft, log: LogStore) {
    let mut total = log.total();
    let mut base = *total.borrow_and_update();
    while total.changed().await.is_ok() {
        let now = *total.borrow_and_update();
        // It falls where a truncation emptied the log.
        base = base.min(now);
        if now - base >= SNAPSHOT_BYTES {
            base = now;
            if raft.trigger().snapshot().await.is_err() {
                return;
            }
        }
    }
}

/// Purges by bytes behind every snapshot. By entries openraft does it.
pub(super) async fn purge_by_bytes(raft: Openraft, log: LogStore) {
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
            return;
        }
    }
}

/// Follows who leads until openraft ends, and reports that end unless it was asked for.
pub(super) async fn follow_leadership(
    raft: Openraft,
    leadership: watch::Sender<Leadership>,
    health: Arc<Health>,
) {
    let mut metrics = raft.server_metrics();
    loop {
        let current = {
            let now = metrics.borrow_watched();
            let leader = now.current_leader.and_then(|id| now.membership_config.get_node(&id));
            Leadership {
                term: now.vote.leader_id.term,
                leader: leader.map(|member| member.name.clone()),
                is_leader: now.state.is_leader(),
            }
        };
        leadership.send_if_modified(|known| {
            let changed = *known != current;
            *known = current;
            changed
        });
        if metrics.changed().await.is_err() {
            break;
        }
    }
    leadership.send_modify(|known| known.is_leader = false);
    if !health.stopping() {
        let state = raft.metrics().borrow_watched().running_state.clone();
        let reason = state.err().map_or_else(|| "its task panicked".to_owned(), |fatal| fatal.to_string());
        health.report(format!("raft has stopped: {reason}"));
    }
}

/// Follows where the members are.
pub(super) async fn follow_addresses(raft: Openraft, addresses: Addresses) {
    let mut metrics = raft.server_metrics();
    loop {
        addresses.follow(&metrics.borrow_watched().membership_config);
        if metrics.changed().await.is_err() {
            return;
        }
    }
}

/// Removes the copies of the state that have served.
pub(super) async fn tidy_copies(outbox: Arc<Outbox>) {
    loop {
        tokio::time::sleep(TIDY).await;
        outbox.tidy().await;
    }
}
