//! What nodes say to each other: requests, what they carry, and both as bytes.

pub(crate) mod again;
mod append;
pub(crate) mod error;
pub(crate) mod payload;
pub(crate) mod raft;
pub(crate) mod request;
pub(crate) mod wire;
