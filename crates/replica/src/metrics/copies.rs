//! Copies of the state on their way between nodes: how many arrived, how many did not, and their bytes.

use bytes::Bytes;
use chronos_peer::Body;
use futures::{StreamExt as _, TryStreamExt as _};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};

const DONE: &str = "done";
const FAILED: &str = "failed";

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByOutcome {
    outcome: &'static str,
}

/// Copies sent, and copies received.
#[derive(Clone, Debug, Default)]
pub(crate) struct CopyMetrics {
    /// To nodes for which the log does not reach back far enough.
    pub sent: Copies,
    /// From a leader.
    pub received: Copies,
}

/// Copies in one direction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Copies {
    outcomes: Family<ByOutcome, Counter>,
    bytes: Counter,
}

/// A copy on its way. It has failed when this is dropped, unless it is [done](OnItsWay::done).
pub(crate) struct OnItsWay {
    outcomes: Family<ByOutcome, Counter>,
    outcome: Option<&'static str>,
}

impl CopyMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Copies of the state sent to other nodes, or begun and not brought to an end (failed)";
        self.sent.register("snapshots_sent", help, registry);
        let help = "Copies of the state received from a leader, or begun and not brought to an end (failed)";
        self.received.register("snapshots_received", help, registry);
    }
}

impl Copies {
    fn register(&self, name: &str, help: &str, registry: &mut Registry) {
        // What has not come up is a zero, not a gap.
        for outcome in [DONE, FAILED] {
            let _ = self.outcomes.get_or_create(&ByOutcome { outcome });
        }
        registry.register(name, help, self.outcomes.clone());
        let bytes = "Bytes of copies of the state on their way, those of copies that failed among them";
        registry.register_with_unit(name, bytes, Unit::Bytes, self.bytes.clone());
    }

    /// One copy begins.
    pub(crate) fn begin(&self) -> OnItsWay {
        OnItsWay { outcomes: self.outcomes.clone(), outcome: Some(FAILED) }
    }

    /// The bytes of a copy, counted as they go by.
    pub(crate) fn counted(&self, body: Body) -> Body {
        let bytes = self.bytes.clone();
        let counted = body.inspect_ok(move |chunk: &Bytes| {
            bytes.inc_by(chunk.len() as u64);
        });
        counted.boxed()
    }
}

impl OnItsWay {
    /// The copy is there as a whole.
    pub(crate) fn done(mut self) {
        self.outcome = Some(DONE);
    }

    /// Nothing of it was sent, and another one is about to be.
    pub(crate) fn put_off(mut self) {
        self.outcome = None;
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        if let Some(outcome) = self.outcome {
            self.outcomes.get_or_create(&ByOutcome { outcome }).inc();
        }
    }
}
