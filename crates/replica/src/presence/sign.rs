//! [`Sign`]: what a node says of itself with each answer to its leader.

use serde::{Deserialize, Serialize};

use super::stamp::Stamp;

/// What a node says of itself. A leader goes by the newest one that a node has sent in its term, and by nothing that
/// the node said before: so a node that starts anew has nothing to take back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sign {
    /// An instant of the node's own, for the leader to send back. It also tells the starts of the node apart.
    pub stamp: Stamp,
    /// The last entry in its state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<u64>,
    /// Whether it begins attempts.
    pub fires: bool,
    /// Whether it is about to stop.
    pub leaving: bool,
    /// The age of its oldest entry that is not flushed or not applied, in milliseconds; 0 where there is none.
    pub stuck_ms: u64,
    /// What its clock says: milliseconds since the Unix epoch.
    pub wall_ms: i64,
    /// Whether its writes wait for space on its disk.
    pub disk_full: bool,
    /// Whether its state is not that of most nodes, as it has found itself, or it lacks an encryption key for it.
    pub differs: bool,
}

impl Sign {
    /// How many entries it has applied.
    pub(crate) fn entries(&self) -> u64 {
        self.applied.map_or(0, |index| index + 1)
    }

    /// Whether it says something else than `other` by which a leader gives out runs.
    pub(crate) fn says_else(&self, other: &Self) -> bool {
        let said = |sign: &Self| (sign.fires, sign.leaving, sign.disk_full, sign.differs);
        said(self) != said(other) || !self.stamp.is_of_start(&other.stamp)
    }
}
