//! Logs, and the registry that every part of the node puts its metrics into.

use std::sync::Arc;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

/// Sets up the process's logs, on standard error. The first call wins.
pub fn init_logs(level: tracing::Level, format: LogFormat) {
    // openraft warns of each heartbeat that a lost node does not answer, ten times a second. Ours says once that
    // the node is lost.
    let filter = EnvFilter::new(format!("{level},openraft=error,hyper=warn,rustls=warn,hickory=error"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Fails only where logs are set up already, as in a test that starts two nodes.
    let _ = match format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Pretty => builder.compact().try_init(),
    };
}

/// An empty registry. The names of its metrics begin with `chronos_`.
#[must_use]
pub(crate) fn registry() -> Registry {
    Registry::with_prefix("chronos")
}

/// What reads a registry, in the Prometheus text format (OpenMetrics 1.0).
#[must_use]
pub(crate) fn exposition(registry: Registry) -> Arc<dyn Fn() -> String + Send + Sync> {
    Arc::new(move || {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &registry);
        text
    })
}
