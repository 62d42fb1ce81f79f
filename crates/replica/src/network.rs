//! The way to other nodes, as openraft uses it.

pub(crate) mod addresses;
mod link;
pub(crate) mod peer;
mod pieces;
