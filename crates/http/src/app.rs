//! What the pages work with.

use std::sync::Arc;

use chronos_engine::Engine;
use chronos_types::Role;
use chronos_webhook::Tester;

use crate::access::Access;
use crate::guard::Guard;
use crate::limits::Limits;
use crate::metrics::Metrics;

/// What the pages work with.
pub struct App {
    /// The use cases.
    pub engine: Engine,
    /// Tries webhooks out.
    pub tester: Tester,
    /// What is counted of the API.
    pub metrics: Metrics,
    /// Which requests are let in.
    pub guard: Guard,
    /// What the requests under way share.
    pub limits: Limits,
    /// Reads the metrics of the whole node, in the OpenMetrics text format.
    pub exposition: Arc<dyn Fn() -> String + Send + Sync>,
    /// The path at which metrics are read.
    pub metrics_path: String,
    /// Whether anybody may read them, also where clients are asked for keys.
    pub metrics_are_open: bool,
}

impl App {
    /// Who may read the metrics.
    pub(crate) fn metrics_access(&self) -> Access {
        if self.metrics_are_open { Access::Open } else { Access::Of(Role::Viewer) }
    }
}

/// As each page has it.
pub(crate) type Shared = Arc<App>;
