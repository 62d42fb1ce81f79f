//! Logs, and the registry that every part of the node puts its metrics into.

mod lines;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use tracing_subscriber::EnvFilter;

pub use lines::Lines;

/// How long the last lines of a process that ends may take.
pub const LAST_LINES: Duration = Duration::from_secs(1);

/// Lines that nobody got. Standard error is the process's, and so is their count.
static DROPPED: LazyLock<Counter> = LazyLock::new(Counter::default);

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

/// Sets up the process's logs, panics included. The first call wins.
pub fn init_logs(level: tracing::Level, format: LogFormat, to: &Lines) {
    // openraft warns of each heartbeat that a lost node does not answer, ten times a second. Ours says once that
    // the node is lost.
    let filter = EnvFilter::new(format!("{level},openraft=error,hyper=warn,rustls=warn,hickory=error"));
    let writer = to.clone();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || writer.clone())
        // It would say on standard error that an event cannot be written, and panic where that fails too.
        .log_internal_errors(false);
    let set_up = match format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Pretty => builder.compact().try_init(),
    };
    // Fails only where logs are set up already, as in a test that starts two nodes.
    if set_up.is_ok() {
        let last = to.clone();
        std::panic::set_hook(Box::new(move |panic| log_panic(panic, &last)));
    }
}

/// The usual hook writes to standard error and waits for its reader, so that a thread that panics would hang.
fn log_panic(panic: &PanicHookInfo<'_>, last: &Lines) {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("unnamed");
    let location = panic.location().map(ToString::to_string);
    let payload = panic.payload_as_str().unwrap_or("no message");
    // Taken only where RUST_BACKTRACE asks for it.
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    tracing::error!(thread = name, location, payload, backtrace, "panicked");
    if name == "main" {
        // The process ends with its main thread, and with it what waits to be written.
        last.flush(LAST_LINES);
    }
}

fn count_dropped(lines: u64) {
    DROPPED.inc_by(lines);
}

/// A registry with what is counted of the process. The names of its metrics begin with `chronos_`.
#[must_use]
pub(crate) fn registry() -> Registry {
    let mut registry = Registry::with_prefix("chronos");
    let help = "Log lines that were dropped because nobody read them in time";
    registry.register("log_lines_dropped", help, DROPPED.clone());
    registry
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
