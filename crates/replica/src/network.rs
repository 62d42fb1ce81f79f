//! The way to other nodes, as openraft uses it.

pub(crate) mod addresses;
pub(crate) mod peer;
