//! What can be done to the cluster.

mod plan;

pub(crate) use plan::plan;

/// One thing that is done to the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A node ends as by `kill -9`, or its machine loses power. Of what its disk had not made durable, `keeps`
    /// percent stay.
    Crash { node: usize, keeps: u64 },
    /// Every node ends in this way, at once.
    PowerCut { keeps: u64 },
    /// A node is asked to stop, and does so in order.
    Stop { node: usize },
    /// A node starts again on the files it left.
    Restart { node: usize },
    /// Nothing of a node runs while time goes on. Where its machine is suspended, its monotonic clock stands still
    /// too.
    Pause { node: usize, suspended: bool },
    /// It runs again.
    Resume { node: usize },
    /// No message passes between a node and all others, but none is lost.
    Hold { node: usize },
    /// The messages pass again, also those that waited.
    Release { node: usize },
    /// Messages from a node to another are lost.
    Cut { from: usize, to: usize },
    /// The messages pass again.
    Mend { from: usize, to: usize },
    /// A node sends at most this many bytes in a millisecond. 0 is no limit.
    Narrow { node: usize, bytes_per_ms: u64 },
    /// A message between any two hosts takes at most this long.
    Latency { max_ms: u64 },
    /// A node's clock is off by this many milliseconds.
    Clock { node: usize, off_ms: i64 },
    /// A node's clock is off by days, for a while.
    ClockDays { node: usize, days: i64, for_ms: u64 },
    /// Each piece of work takes a node's disk this long, or up to twice as long.
    Disk { node: usize, slow_ms: u64 },
    /// A node's disk has no space once this many writes have passed, or has it again.
    Full { node: usize, full: bool, after: u64 },
    /// A node's disk hangs once this many writes have passed, or goes on.
    Freeze { node: usize, frozen: bool, after: u64 },
    /// An operator asks that this node lead.
    Transfer { to: usize },
    /// A node is removed, loses its files, and joins anew after `away_ms`.
    Replace { node: usize, away_ms: u64 },
    /// Another node is invited. It joins as a learner, and is removed after `for_ms`.
    Invite { for_ms: u64 },
    /// An operator takes a backup.
    Backup { node: usize, consistent: bool },
}

/// How far a clock is off at most, but for one that is off by days.
pub(crate) const MAX_OFF_MS: i64 = 3_000;
/// How long a message takes at most where nothing is wrong, beside the step in which the card takes it.
pub(crate) const QUICK_MS: u64 = 1;

impl Fault {
    /// The name under which the fault is counted, or `None` for the end of a fault, and for what is counted only
    /// once it is done.
    pub(crate) fn kind(self) -> Option<&'static str> {
        match self {
            Self::Crash { .. } => Some("crash"),
            Self::PowerCut { .. } => Some("power_cut"),
            Self::Stop { .. } => Some("stop_asked"),
            Self::Restart { .. } => Some("restart"),
            Self::Pause { suspended: false, .. } => Some("pause"),
            Self::Pause { suspended: true, .. } => Some("suspended_machine"),
            Self::Hold { .. } => Some("cut_off"),
            Self::Cut { .. } => Some("one_way_cut"),
            Self::Narrow { bytes_per_ms: 1.., .. } => Some("narrow_link"),
            Self::Latency { max_ms } if max_ms > QUICK_MS => Some("slow_network"),
            Self::Clock { .. } => Some("clock_step"),
            Self::Disk { slow_ms: 1.., .. } => Some("slow_disk"),
            Self::Full { full: true, .. } => Some("full_disk"),
            Self::Freeze { frozen: true, .. } => Some("frozen_disk"),
            Self::Transfer { .. } => Some("transfer_asked"),
            Self::Replace { .. } => Some("removal_asked"),
            Self::Invite { .. } => Some("invitation"),
            Self::ClockDays { .. }
            | Self::Backup { .. }
            | Self::Resume { .. }
            | Self::Release { .. }
            | Self::Mend { .. }
            | Self::Narrow { .. }
            | Self::Disk { .. }
            | Self::Full { .. }
            | Self::Freeze { .. }
            | Self::Latency { .. } => None,
        }
    }
}
