//! The state: `state.db` on a thread of its own, as openraft applies to it, and its snapshots.

pub(crate) mod check;
pub(crate) mod fault;
pub(crate) mod file;
pub(crate) mod position;
pub(crate) mod reads;
pub(crate) mod snapshot;
pub(crate) mod store;
pub(crate) mod version;
