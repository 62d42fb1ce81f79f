//! Between nodes: one node calls another and gets an answer. What the calls say is their callers'
//! business (`raft/network` and `raft/service`); how they travel is that of an implementation:
//! [`HttpTransport`] and [`serve`].

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests speak to it from outside"))]

mod client;
mod connection;
mod door;
mod inbound;
mod line;
mod moved;
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
pub use tls::{PeerTls, TlsError};

/// The answer to a call.
pub type Answer = Result<Bytes, PeerError>;
/// A body that is too large to hold.
pub type Body = BoxStream<'static, io::Result<Bytes>>;

/// The connection on which a call travels. Each is its own, so that a sign of life never waits
/// behind entries, nor entries behind a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Votes and signs of life.
    Control,
    /// Entries, proposals, and questions.
    Log,
    /// Snapshots.
    Bulk,
}

/// Why a call has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// It could not be sent, or no answer came in time. It may have been acted on.
    #[error("{0}")]
    Unreachable(String),
    /// The other one belongs to another cluster, or to none. Nothing was done.
    #[error("{0}")]
    Stranger(String),
    /// The other one says no, and why.
    #[error("{0}")]
    Refused(String),
}

/// Who calls.
#[derive(Clone, Debug)]
pub struct Caller {
    /// This node's name.
    pub node: String,
    /// The id of its cluster, once it has one. It goes with every call, and one from another
    /// cluster is not answered; a node without one may only ask to `join`.
    pub cluster: Arc<OnceLock<String>>,
}

/// Calls other nodes. `to` is an address as its owner advertises it, `host:port`; the name is looked
/// up anew for each connection.
pub trait Transport: Send + Sync + fmt::Debug + 'static {
    /// Sends a message and waits for its answer.
    fn call<'a>(
        &'a self,
        to: &'a str,
        lane: Lane,
        kind: &'static str,
        message: Bytes,
        timeout: Duration,
    ) -> BoxFuture<'a, Answer>;

    /// Sends a message with a body behind it, on [`Lane::Bulk`]. It may take as long as it takes, so
    /// long as bytes move.
    fn upload<'a>(
        &'a self,
        to: &'a str,
        kind: &'static str,
        message: Bytes,
        body: Body,
    ) -> BoxFuture<'a, Answer>;
}

/// Answers other nodes. `from` is the name of the caller. [`PeerError::Refused`] travels back; the
/// other errors are the transport's own.
pub trait Service: Send + Sync + 'static {
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
