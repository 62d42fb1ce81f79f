//! The plan of what is done to the cluster, and when. All of it is drawn from the seed before the run.

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

/// One thing that is done to the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A node ends as by `kill -9`, or its machine loses power. Of what its disk had not made durable, `keeps`
    /// percent stay.
    Crash { node: usize, keeps: u64 },
    /// Every node ends in this way, at once.
    PowerCut { keeps: u64 },
    /// A node starts again on the files it left.
    Restart { node: usize },
    /// No message passes between a node and all others, but none is lost.
    Hold { node: usize },
    /// The messages pass again, also those that waited.
    Release { node: usize },
    /// Messages from a node to another are lost.
    Cut { from: usize, to: usize },
    /// The messages pass again.
    Mend { from: usize, to: usize },
    /// A node's clock is off by this many milliseconds.
    Clock { node: usize, off_ms: i64 },
    /// Each piece of work takes a node's disk this long, or up to twice as long.
    Disk { node: usize, slow_ms: u64 },
    /// A node's disk has no space, or has it again.
    Full { node: usize, full: bool },
    /// A message between any two hosts takes at most this long.
    Latency { max_ms: u64 },
    /// An operator asks that this node lead.
    Transfer { to: usize },
    /// A node is removed, loses its files, and joins anew after `away_ms`.
    Replace { node: usize, away_ms: u64 },
}

/// How far a clock is off at most.
pub(crate) const MAX_OFF_MS: i64 = 3_000;
/// How long a message takes at most where nothing is wrong.
pub(crate) const QUICK_MS: u64 = 2;

impl Fault {
    /// The name under which the fault is counted, or `None` for the end of a fault.
    pub(crate) fn kind(self) -> Option<&'static str> {
        match self {
            Self::Crash { .. } => Some("crash"),
            Self::PowerCut { .. } => Some("power_cut"),
            Self::Restart { .. } => Some("restart"),
            Self::Hold { .. } => Some("cut_off"),
            Self::Cut { .. } => Some("one_way_cut"),
            Self::Clock { .. } => Some("clock_step"),
            Self::Disk { slow_ms: 1.., .. } => Some("slow_disk"),
            Self::Full { full: true, .. } => Some("full_disk"),
            Self::Latency { max_ms } if max_ms > QUICK_MS => Some("slow_network"),
            Self::Transfer { .. } => Some("transfer_asked"),
            Self::Replace { .. } => Some("removal_asked"),
            Self::Release { .. }
            | Self::Mend { .. }
            | Self::Disk { .. }
            | Self::Full { .. }
            | Self::Latency { .. } => None,
        }
    }
}

/// Makes the plan: faults with the millisecond of each, in order.
pub(crate) fn plan(seed: u64, nodes: usize, begin_ms: u64, end_ms: u64) -> Vec<(u64, Fault)> {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut plan = Vec::new();
    let mut now = begin_ms;
    while now < end_ms {
        let node = rng.random_range(0..nodes);
        let until = now + rng.random_range(100..8_000);
        match rng.random_range(0..14) {
            0 | 1 => {
                // Half of these are a power cut of one node.
                let keeps = rng.random_range(0..200).min(100);
                plan.push((now, Fault::Crash { node, keeps }));
                plan.push((until, Fault::Restart { node }));
            }
            2 => {
                // The worst case: the leader has written what the others have not, and comes back last.
                let (slow_at, cut) = (now + 300, now + rng.random_range(700..2_000));
                plan.push((now, Fault::Transfer { to: node }));
                for other in 0..nodes {
                    let (slow_ms, away) = if other == node {
                        (0, rng.random_range(2_000..5_000))
                    } else {
                        (rng.random_range(50..200), rng.random_range(50..1_000))
                    };
                    plan.push((slow_at, Fault::Disk { node: other, slow_ms }));
                    plan.push((cut + away, Fault::Disk { node: other, slow_ms: 0 }));
                    plan.push((cut + away, Fault::Restart { node: other }));
                }
                plan.push((cut, Fault::PowerCut { keeps: rng.random_range(0..150).min(100) }));
            }
            3 => {
                plan.push((now, Fault::Hold { node }));
                plan.push((until, Fault::Release { node }));
            }
            4 => {
                let to = (node + rng.random_range(1..nodes)) % nodes;
                plan.push((now, Fault::Cut { from: node, to }));
                plan.push((until, Fault::Mend { from: node, to }));
            }
            5 | 6 => {
                plan.push((now, Fault::Clock { node, off_ms: rng.random_range(-MAX_OFF_MS..MAX_OFF_MS) }));
            }
            7 => {
                plan.push((now, Fault::Disk { node, slow_ms: rng.random_range(1..50) }));
                plan.push((until, Fault::Disk { node, slow_ms: 0 }));
            }
            8 => {
                plan.push((now, Fault::Latency { max_ms: rng.random_range(5..150) }));
                plan.push((until, Fault::Latency { max_ms: QUICK_MS }));
            }
            9 => {
                plan.push((now, Fault::Full { node, full: true }));
                plan.push((until, Fault::Full { node, full: false }));
            }
            10 | 11 => plan.push((now, Fault::Replace { node, away_ms: until - now })),
            _ => plan.push((now, Fault::Transfer { to: node })),
        }
        now += rng.random_range(200..3_000);
    }
    plan.sort_by_key(|(at, _)| *at);
    plan
}
