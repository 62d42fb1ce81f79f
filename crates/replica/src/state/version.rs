//! The version of the cluster: which commands and tables may be used.

use prometheus_client::metrics::gauge::Gauge;

use crate::types::Member;

/// The version of the cluster, as the state of this node has it. The state's thread sets it. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClusterVersion(Gauge);

impl ClusterVersion {
    /// Kept in the gauge that shows it.
    pub(crate) fn new(shown: Gauge) -> Self {
        Self(shown)
    }

    /// The version; 0 before the state is open.
    pub(crate) fn get(&self) -> u32 {
        u32::try_from(self.0.get()).unwrap_or_default()
    }

    /// Notes the version that the state has now.
    pub(super) fn set(&self, version: u32) {
        let before = self.0.set(version.into());
        if before != 0 && before != i64::from(version) {
            tracing::info!(version, "the cluster has a new version");
        }
    }
}

/// The highest version that all of these members can follow. Where there is none, nothing is known: 0.
pub(crate) fn followed_by_all<'a>(members: impl Iterator<Item = (&'a u64, &'a Member)>) -> u32 {
    members.map(|(_, member)| member.follows).min().unwrap_or_default()
}
