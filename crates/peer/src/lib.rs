//! How nodes call each other: one node sends a message to another and gets an answer.
//!
//! [`Transport`] and [`Service`] are the two ends of a call. [`HttpTransport`] and [`serve`] implement
//! them over HTTP/1.1. This crate never looks into a message: only its users know what the calls say.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests speak to it from outside"))]

mod activity;
mod client;
mod connection;
mod dial;
mod handler;
mod inbound;
mod places;
mod pool;
mod server;
mod tls;
mod upload;
mod wire;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use chronos_env::BoxFuture;
use futures::stream::BoxStream;

pub use client::HttpTransport;
pub use server::serve;
pub use tls::{Credentials, PeerNames, PeerTls, TlsError};
pub use wire::MAX_MESSAGE_BYTES;

/// The answer to a call.
pub type Answer = Result<Bytes, PeerError>;
/// A body that is too large to hold in memory.
pub type Body = BoxStream<'static, io::Result<Bytes>>;

/// Which connections a call travels on. Each lane has connections of its own, so that a heartbeat never
/// waits behind entries, nor entries behind a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Votes and heartbeats.
    Control,
    /// Entries, proposals, and questions.
    Log,
    /// Snapshots.
    Bulk,
}

/// Why a call has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// The call could not be sent, or no answer came in time. The other node may have acted on it.
    #[error("{0}")]
    Unreachable(String),
    /// The other node belongs to another cluster, or to none. Nothing was done.
    #[error("{0}")]
    Stranger(String),
    /// The other node refuses, with its reason.
    #[error("{0}")]
    Refused(String),
}

/// Who calls.
#[derive(Clone, Debug)]
pub struct Caller {
    /// This node's name.
    pub node: String,
    /// Where others reach it, `host:port`; empty where none can.
    pub address: String,
    /// The id of its cluster, once it has one. Every call carries it, and a call from another cluster is
    /// refused. A node without a cluster may only ask to `join`.
    pub cluster: Arc<OnceLock<String>>,
}

/// Calls other nodes. `to` is the address that a node advertises, `host:port`. Its name is looked up
/// anew for each connection.
pub trait Transport: Send + Sync + fmt::Debug + 'static {
    /// Sends a message and waits for its answer. `timeout` is how long the call may stand still: while bytes
    /// move it may take longer, so that a large message arrives over a slow network too.
    fn call<'a>(
        &'a self,
        to: &'a str,
        lane: Lane,
        kind: &'static str,
        message: Bytes,
        timeout: Duration,
    ) -> BoxFuture<'a, Answer>;

    /// Sends a message with a body behind it, on [`Lane::Bulk`]. There is no timeout while bytes move.
    fn upload<'a>(
        &'a self,
        to: &'a str,
        kind: &'static str,
        message: Bytes,
        body: Body,
    ) -> BoxFuture<'a, Answer>;
}

/// Answers other nodes. `from` is the name of the caller. A service answers errors as
/// [`PeerError::Refused`]. The transport makes the other errors itself.
pub trait Service: Send + Sync + 'static {
    /// Where the cluster knows that a node is reached, `host:port`. By default no node is known.
    fn address_of(&self, node: &str) -> Option<String> {
        let _ = node;
        None
    }

    /// The node that the cluster knows to be reached there. By default no node is known.
    fn node_at(&self, address: &str) -> Option<String> {
        let _ = address;
        None
    }

    /// Answers a message.
    fn call<'a>(&'a self, from: &'a str, kind: &'a str, message: Bytes) -> BoxFuture<'a, Answer>;

    /// Answers a message that has a body behind it.
    fn receive<'a>(
        &'a self,
        from: &'a str,
        kind: &'a str,
        message: Bytes,
        body: Body,
    ) -> BoxFuture<'a, Answer>;
}
