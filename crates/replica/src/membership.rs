//! Who is a member and who has a vote: asked for on any node, done by the leader; and how this node comes
//! to be a member, and learns that it is one no more.

pub(crate) mod changes;
pub(crate) mod client;
pub(crate) mod commit;
pub(crate) mod handle;
pub(crate) mod join;
pub(crate) mod keeper;
pub(crate) mod rules;
pub(crate) mod state;
mod step_aside;
pub(crate) mod transfer;
