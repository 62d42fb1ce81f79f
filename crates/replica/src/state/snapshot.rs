//! Snapshots: the state file as it stands, copied only where it must travel to another node.

pub(crate) mod builder;
pub(crate) mod checksum;
mod copy;
pub(crate) mod incoming;
pub(crate) mod outgoing;
pub(crate) mod source;
