//! How a node is: it tells those who ask, itself and over the network.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use chronos_env::BoxFuture;
use chronos_peer::{Answer, Body, Service};
use serde::{Deserialize, Serialize};

/// What asks a node for its [`NodeReport`].
pub(super) const KIND: &str = "report";

/// How a node is. Fields may be added; those that are not known are passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct NodeReport {
    /// The last entry of the log in its state.
    pub(crate) applied: Option<u64>,
    /// Attempts under way.
    pub(crate) firing: u64,
    /// Whether it starts none for want of a leader.
    pub(crate) fenced: bool,
    /// Of a leader: milliseconds since it last heard of each member, by name.
    pub(crate) heard: BTreeMap<String, u64>,
}

impl NodeReport {
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

/// Says how this node is.
#[derive(Clone)]
pub(crate) struct Reporter(Arc<dyn Fn() -> NodeReport + Send + Sync>);

impl Reporter {
    pub(crate) fn new(report: impl Fn() -> NodeReport + Send + Sync + 'static) -> Self {
        Self(Arc::new(report))
    }

    pub(super) fn report(&self) -> NodeReport {
        (self.0)()
    }
}

/// Answers other nodes: for itself how this node is, and all else is the consensus's.
pub(crate) struct Reception {
    /// The consensus.
    pub(crate) raft: Arc<dyn Service>,
    /// How this node is.
    pub(crate) reporter: Reporter,
}

impl Service for Reception {
    fn call<'a>(&'a self, from: &'a str, kind: &'a str, message: Bytes) -> BoxFuture<'a, Answer> {
        if kind == KIND {
            let report = serde_json::to_vec(&self.reporter.report()).unwrap_or_default();
            return Box::pin(std::future::ready(Ok(report.into())));
        }
        self.raft.call(from, kind, message)
    }

    fn receive<'a>(
        &'a self,
        from: &'a str,
        kind: &'a str,
        message: Bytes,
        body: Body,
    ) -> BoxFuture<'a, Answer> {
        self.raft.receive(from, kind, message, body)
    }
}
