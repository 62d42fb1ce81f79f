//! What keeps `log.db` small, and the rest of the server up to date on who leads.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use openraft::async_runtime::WatchReceiver as _;
use tokio::sync::watch;

use super::holds::{Cut, Holds};
use super::store::LogStore;
use super::tail::next;
use crate::config::LogLimits;
use crate::health::Health;
use crate::lead::Lead;
use crate::raft::{Raft, look_at};
use crate::status::Leadership;

/// A snapshot is due after this many bytes of entries.
const SNAPSHOT_BYTES: u64 = 64 << 20;
/// At most this many bytes of entries stay behind a snapshot, but for nodes that are on their way to its end.
const KEEP_BYTES: u64 = 64 << 20;
/// Between looks whether what was held for a node can go.
const LOOK: Duration = Duration::from_secs(30);

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

/// Cuts the log behind every snapshot, in openraft's place, which knows neither bytes nor who needs an entry. The
/// newest entries stay, and what is held for nodes that are on their way to the end. `state` is the file of the
/// state.
pub(crate) async fn purge(raft: Raft, log: LogStore, holds: Arc<Holds>, limits: LogLimits, state: PathBuf) {
    let mut snapshots = raft.watch_snapshot_progress();
    let (mut first, mut is_held) = (0, false);
    loop {
        let changed = snapshots.changed();
        let changed = match is_held {
            true => tokio::time::timeout(LOOK, changed).await.unwrap_or(Ok(())),
            false => changed.await,
        };
        if changed.is_err() {
            break;
        }
        let end = next(snapshots.get().as_ref());
        let file = state.clone();
        let most =
            move || most_bytes(limits.hold_bytes, std::fs::metadata(file).map_or(0, |file| file.len()));
        let (by_bytes, forced) = match log.cuts(KEEP_BYTES, most).await {
            Ok(cuts) => cuts,
            Err(error) => {
                tracing::warn!(%error, "the log could not be measured");
                continue;
            }
        };
        let wanted = end.saturating_sub(limits.keep_entries).max(by_bytes).min(end);
        let cut = holds.cut(wanted, forced);
        is_held = cut.is_held;
        tell(&cut, &holds);
        if cut.first > first {
            first = cut.first;
            if raft.trigger().purge_log(first - 1).await.is_err() {
                break;
            }
        }
    }
    raft_ended().await
}

/// The most that the log may hold for others, beside a state of so many bytes.
fn most_bytes(at_least: u64, state: u64) -> u64 {
    at_least.max(state.saturating_mul(2))
}

/// Says for whom the log was kept for too long, and what it is still kept for.
fn tell(cut: &Cut, holds: &Holds) {
    for node in &cut.given_up {
        tracing::warn!(
            node = node.as_str(),
            "the node does not come nearer to the end of the log than the log may grow for it: it is cut now, and the \
             node needs another copy of the state"
        );
    }
    if cut.is_held {
        for (node, words) in holds.copies() {
            tracing::info!(node = node.as_str(), "the log is kept longer: {words}");
        }
    }
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
        let current = look_at(&metrics, |now| {
            let deposed = lead.deposed_by(&now.vote);
            let known = (now.vote.leader_id.term, now.current_leader);
            let (term, leader) = deposed.map_or(known, |by| (by.term, Some(by.node_id)));
            let leader = leader.and_then(|id| now.membership_config.get_node(&id));
            Leadership {
                term,
                leader: leader.map(|member| member.name.clone()),
                is_leader: deposed.is_none() && now.state.is_leader(),
            }
        });
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
        let state = look_at(&raft.metrics(), |now| now.running_state.clone());
        let reason = state.err().map_or_else(|| "its task panicked".to_owned(), |fatal| fatal.to_string());
        health.report(format!("raft has stopped: {reason}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_for_others_is_a_gibibyte_or_twice_the_state() {
        let at_least = LogLimits::default().hold_bytes;
        let mib = |state: u64| most_bytes(at_least, state << 20) >> 20;
        assert_eq!([0, 512, 513, 4_096].map(mib), [1_024, 1_024, 1_026, 8_192]);
    }
}
