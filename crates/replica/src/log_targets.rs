//! The targets of those log lines that something outside this crate listens for. They stay the same
//! wherever in the crate the lines are written.

/// The state was replaced by a snapshot of another node.
pub const STATE: &str = "chronos_replica::state";

/// Writes wait for space on the disk, or do so no more.
pub const HEALTH: &str = "chronos_replica::health";
