//! What nodes say to each other: requests, what they carry, and both as bytes.

mod append;
pub(crate) mod error;
pub(crate) mod payload;
pub(crate) mod raft;
pub(crate) mod request;
pub(crate) mod wire;
