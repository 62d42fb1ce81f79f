//! Logs and metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chronos_types::{ErrorKind, Millis, Status};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
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
    // openraft warns of each sign of life that a lost node does not answer, ten times a second;
    // `raft/view` says once that it is lost.
    let filter = EnvFilter::new(format!("{level},openraft=error,hyper=warn,rustls=warn"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Fails only where logs are set up already, as in a test that starts two nodes.
    let _ = match format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Pretty => builder.compact().try_init(),
    };
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByStatus {
    status: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByOutcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByEnabled {
    enabled: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByRequest {
    method: String,
    route: String,
    status: u16,
}

/// What is counted. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    executions: Family<ByStatus, Counter>,
    execution_duration: Histogram,
    attempts: Family<ByOutcome, Counter>,
    lateness: Histogram,
    running: Gauge,
    waiting: Gauge,
    jobs: Family<ByEnabled, Gauge>,
    missed: Counter,
    plans: Counter,
    leader: Gauge,
    fenced: Gauge,
    reassigned: Counter,
    requests: Family<ByRequest, Counter>,
    request_duration: Histogram,
    log_bytes: Gauge<f64, AtomicU64>,
    log_commits: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All of them at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("chronos");
        let latencies = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0];
        let delays = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 10.0, 60.0];
        let executions = Family::default();
        let execution_duration = Histogram::new(latencies);
        let attempts = Family::default();
        let lateness = Histogram::new(delays);
        let (running, waiting, leader) = (Gauge::default(), Gauge::default(), Gauge::default());
        let (jobs, missed, plans) = (Family::default(), Counter::default(), Counter::default());
        let (fenced, reassigned) = (Gauge::default(), Counter::default());
        let (requests, request_duration) = (Family::default(), Histogram::new(latencies));
        let (log_bytes, log_commits) = (Gauge::default(), Counter::default());
        registry.register("executions", "Executions that ended on this node, by status", executions.clone());
        registry.register_with_unit(
            "execution_duration",
            "From the first attempt's begin to the execution's end",
            Unit::Seconds,
            execution_duration.clone(),
        );
        registry.register(
            "attempts",
            "Attempts that ended, by outcome: success or the error kind",
            attempts.clone(),
        );
        registry.register_with_unit(
            "schedule_lateness",
            "From the instant a run was to fire to its first attempt's begin",
            Unit::Seconds,
            lateness.clone(),
        );
        registry.register("executions_running", "Attempts under way", running.clone());
        registry.register("executions_waiting", "Attempts that wait for a slot", waiting.clone());
        registry.register("jobs", "Jobs, by whether they are enabled", jobs.clone());
        registry.register(
            "missed_instants",
            "Due instants found later than the misfire threshold",
            missed.clone(),
        );
        registry.register("planned_runs", "Runs put on record ahead of their instant", plans.clone());
        registry.register("raft_leader", "1 while this node leads", leader.clone());
        registry.register(
            "fenced",
            "1 while this node hears no leader and starts no attempt",
            fenced.clone(),
        );
        registry.register(
            "reassigned",
            "Executions that this node, leading, gave to another when theirs was gone",
            reassigned.clone(),
        );
        registry.register("http_requests", "API requests, by method, route and status", requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "From an API request's head to its response's head",
            Unit::Seconds,
            request_duration.clone(),
        );
        registry.register_with_unit(
            "data",
            "Size of the data directory's files",
            Unit::Bytes,
            log_bytes.clone(),
        );
        registry.register(
            "log_commits",
            "Transactions of the log since the start, each synced to the disk and shared by all that waited",
            log_commits.clone(),
        );
        // A status that has not come up is a zero, not a gap.
        for status in Status::ALL.iter().filter(|status| status.is_finished()) {
            let _ = executions.get_or_create(&ByStatus { status: status.as_str() });
        }
        let _ = attempts.get_or_create(&ByOutcome { outcome: "success" });
        Self(Arc::new(Inner {
            registry,
            executions,
            execution_duration,
            attempts,
            lateness,
            running,
            waiting,
            jobs,
            missed,
            plans,
            leader,
            fenced,
            reassigned,
            requests,
            request_duration,
            log_bytes,
            log_commits,
        }))
    }

    /// An execution ended; `took` is from its first attempt, where there was one.
    pub fn execution_ended(&self, status: Status, took: Option<Millis>) {
        self.0.executions.get_or_create(&ByStatus { status: status.as_str() }).inc();
        if let Some(took) = took {
            self.0.execution_duration.observe(took.max(0) as f64 / 1e3);
        }
    }

    /// An attempt ended, with this error or none.
    pub fn attempt_ended(&self, error: Option<ErrorKind>) {
        let outcome = error.map_or("success", ErrorKind::as_str);
        self.0.attempts.get_or_create(&ByOutcome { outcome }).inc();
    }

    /// A first attempt began this many microseconds after its instant.
    pub fn lateness(&self, us: i64) {
        self.0.lateness.observe(us.max(0) as f64 / 1e6);
    }

    /// Attempts under way, and attempts that wait for a slot.
    pub fn executions_running(&self, running: usize, waiting: usize) {
        self.0.running.set(i64::try_from(running).unwrap_or(i64::MAX));
        self.0.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }

    /// Jobs on record.
    pub fn jobs(&self, enabled: u64, disabled: u64) {
        for (label, count) in [("true", enabled), ("false", disabled)] {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.0.jobs.get_or_create(&ByEnabled { enabled: label }).set(count);
        }
    }

    /// Runs were planned, some of them for missed instants.
    pub fn planned(&self, runs: usize, missed: usize) {
        self.0.plans.inc_by(runs as u64);
        self.0.missed.inc_by(missed as u64);
    }

    /// Whether this node leads.
    pub fn leading(&self, leads: bool) {
        self.0.leader.set(i64::from(leads));
    }

    /// Whether this node is cut off and starts no attempt.
    pub fn fenced(&self, fenced: bool) {
        self.0.fenced.set(i64::from(fenced));
    }

    /// Executions were given to other nodes.
    pub fn reassigned(&self, count: usize) {
        self.0.reassigned.inc_by(count as u64);
    }

    /// The data directory's size.
    pub fn data_bytes(&self, bytes: u64) {
        self.0.log_bytes.set(bytes as f64);
    }

    /// The log's transactions so far; it counts them itself.
    pub fn log_commits(&self, count: u64) {
        self.0.log_commits.inner().store(count, Ordering::Relaxed);
    }

    /// An API request was answered.
    pub fn http_request(&self, method: &str, route: &str, status: u16, seconds: f64) {
        let label = ByRequest { method: method.to_owned(), route: route.to_owned(), status };
        self.0.requests.get_or_create(&label).inc();
        self.0.request_duration.observe(seconds);
    }

    /// The Prometheus text format (OpenMetrics 1.0).
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.0.registry);
        text
    }
}
