//! Where this node stands among the others: what openraft says of itself, read when it is asked for, so that it costs
//! nothing while nobody asks.

use std::fmt;
use std::sync::{Arc, OnceLock};

use openraft::alias::WatchReceiverOf;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use tokio::sync::watch;

use super::peers::{ByMember, PeerMetrics};
use crate::raft::{Figures, look_at};
use crate::types::{Member, Types};

/// What is asked, once there is a log.
#[derive(Clone, Default)]
pub(crate) struct Standing(Arc<OnceLock<Source>>);

struct Source {
    figures: WatchReceiverOf<Types, Figures>,
    cut_off: watch::Receiver<bool>,
}

impl fmt::Debug for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Standing").field(&self.0.get().is_some()).finish()
    }
}

impl Standing {
    pub(super) fn register(&self, peers: &PeerMetrics, registry: &mut Registry) {
        registry.register_collector(Box::new(Members { standing: self.clone(), peers: peers.clone() }));
    }

    /// From now on these are asked.
    pub(crate) fn follow(&self, figures: WatchReceiverOf<Types, Figures>, cut_off: watch::Receiver<bool>) {
        // It is set once, at the start.
        let _ = self.0.set(Source { figures, cut_off });
    }
}

/// Reads where this node stands, and how far away the others are.
#[derive(Debug)]
struct Members {
    standing: Standing,
    peers: PeerMetrics,
}

impl Collector for Members {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(Source { figures, cut_off }) = self.standing.0.get() else { return Ok(()) };
        let (now, is_cut_off) = (look_at(figures, Figures::clone), *cut_off.borrow());
        let leads = now.state.is_leader();
        let hears = now.current_leader.is_some() && !is_cut_off;
        let help = "1 while a leader is known and heard from, or this node leads and hears a majority.";
        gauge(&mut to, "raft_has_leader", help, u64::from(hears))?;
        gauge(&mut to, "raft_leader", "1 while this node leads.", u64::from(leads))?;
        let help = "The term. It rises with each election.";
        gauge(&mut to, "raft_term", help, now.current_term)?;
        gauge(&mut to, "log_entries", "Entries that the log of this node holds.", held(&now))?;
        let help = "Entries that are committed, as far as this node knows, and not in its state yet.";
        gauge(&mut to, "apply_lag_entries", help, unapplied(&now))?;
        if leads {
            behind(&now, &mut to)?;
        }
        self.peers
            .encode(&mut to, |name| now.membership_config.nodes().any(|(_, member)| member.name == *name))
    }
}

/// Writes, on a leader, how far behind it each of the others is.
fn behind(now: &Figures, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let others = || now.membership_config.nodes().filter(|(id, _)| **id != now.id);
    if others().next().is_none() {
        return Ok(());
    }
    let help = "Entries of this node, which leads, that are not known to be in the log of the member.";
    let mut family = to.encode_descriptor("raft_entries_behind", help, None, MetricType::Gauge)?;
    for (id, member) in others() {
        let member: &Member = member;
        let matched = now.replication.as_ref().and_then(|matched| *matched.get(id)?);
        let behind = next(now.last_log_index).saturating_sub(next(matched.map(|id| id.index)));
        family.encode_family(&ByMember::named(&member.name))?.encode_gauge(&behind)?;
    }
    Ok(())
}

fn held(now: &Figures) -> u64 {
    next(now.last_log_index).saturating_sub(next(now.purged.map(|id| id.index)))
}

fn unapplied(now: &Figures) -> u64 {
    let (committed, applied) = (now.local_committed.map(|id| id.index), now.last_applied.map(|id| id.index));
    next(committed).saturating_sub(next(applied))
}

/// How many entries there are up to an index. The first has the index 0.
fn next(index: Option<u64>) -> u64 {
    index.map_or(0, |index| index.saturating_add(1))
}

fn gauge(to: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    to.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
}
