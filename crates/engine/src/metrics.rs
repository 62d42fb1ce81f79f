//! What is counted of planning, of reassignment, and of the records that are kept.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByEnabled {
    enabled: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByFile {
    file: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByKind {
    kind: &'static str,
}

/// The counters. Cheap to clone; clones count together.
#[derive(Clone, Debug)]
pub struct Metrics {
    jobs: Family<ByEnabled, Gauge>,
    missed: Counter,
    planned: Counter,
    reassigned: Counter,
    passed_by: Counter,
    executions: Gauge,
    data_bytes: Gauge<f64, AtomicU64>,
    file_bytes: Family<ByFile, Gauge>,
    bytes_in_use: Gauge<f64, AtomicU64>,
    forgotten: Family<ByKind, Counter>,
    refused: Counter,
    suspended: Gauge,
    search_complete: Gauge,
    operations: Gauge,
}

impl Metrics {
    /// All of them at zero, to be read through `registry`.
    #[must_use]
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            jobs: Family::default(),
            missed: Counter::default(),
            planned: Counter::default(),
            reassigned: Counter::default(),
            passed_by: Counter::default(),
            executions: Gauge::default(),
            data_bytes: Gauge::default(),
            file_bytes: Family::default(),
            bytes_in_use: Gauge::default(),
            forgotten: Family::default(),
            refused: Counter::default(),
            suspended: Gauge::default(),
            search_complete: Gauge::default(),
            operations: Gauge::default(),
        };
        let Self { jobs, missed, planned, reassigned, passed_by, executions, .. } = metrics.clone();
        let Self {
            data_bytes, file_bytes, bytes_in_use, forgotten, refused, suspended, search_complete, ..
        } = metrics.clone();
        registry.register("jobs", "Jobs, by whether they are enabled", jobs);
        registry.register("missed_instants", "Due instants found later than the misfire threshold", missed);
        registry.register("planned_runs", "Runs put on record ahead of their instant", planned);
        registry.register(
            "executions_on_record",
            "Executions in the state, the unfinished ones too",
            executions,
        );
        registry.register(
            "reassigned",
            "Executions that this node, leading, gave to another when theirs was gone",
            reassigned,
        );
        registry.register(
            "unreadable_jobs",
            "Jobs that fell due and that this node, leading, cannot plan, because it cannot be read when they run",
            passed_by,
        );
        registry.register_with_unit("data", "Size of the data directory's files", Unit::Bytes, data_bytes);
        let help = "Size of the files of the log and of the state, and of the write-ahead logs beside them";
        registry.register_with_unit("file", help, Unit::Bytes, file_bytes);
        registry.register_with_unit(
            "state_in_use",
            "Bytes of state.db that hold records; history.max_bytes bounds them",
            Unit::Bytes,
            bytes_in_use,
        );
        registry.register(
            "forgotten",
            "Records that this node, leading, had forgotten because their keeping was over, by kind",
            forgotten,
        );
        registry.register(
            "refused_for_max_bytes",
            "Writes that this node, leading, refused because jobs alone exceed history.max_bytes",
            refused,
        );
        registry.register(
            "age_trimming_suspended",
            "1 while nothing is forgotten for its age because the cluster's time jumped",
            suspended,
        );
        registry.register(
            "search_complete",
            "1 while searches are answered from search.db; 0 while it is being written, and they go along the jobs",
            search_complete,
        );
        registry.register(
            "operations_running",
            "Operations on many jobs or executions that are under way; 0 on a node that does not lead",
            metrics.operations.clone(),
        );
        metrics
    }

    /// Operations are under way.
    pub(crate) fn operations(&self, running: usize) {
        self.operations.set(i64::try_from(running).unwrap_or(i64::MAX));
    }

    /// Jobs on record.
    pub(crate) fn jobs(&self, enabled: u64, disabled: u64) {
        for (label, count) in [("true", enabled), ("false", disabled)] {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.jobs.get_or_create(&ByEnabled { enabled: label }).set(count);
        }
    }

    /// Runs were planned, and some instants were missed, whether they run or are passed over.
    pub(crate) fn planned(&self, runs: usize, missed: u64) {
        self.planned.inc_by(runs as u64);
        self.missed.inc_by(missed);
    }

    /// Executions were given to other nodes.
    pub(crate) fn reassigned(&self, count: usize) {
        self.reassigned.inc_by(count as u64);
    }

    /// A job that is due cannot be planned.
    pub(crate) fn passed_by(&self) {
        self.passed_by.inc();
    }

    /// Executions on record.
    pub(crate) fn executions(&self, count: u64) {
        self.executions.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// The data directory's size, and that of a few of its files.
    pub(crate) fn data_bytes(&self, bytes: u64, files: &[(&'static str, u64)]) {
        self.data_bytes.set(bytes as f64);
        for &(file, bytes) in files {
            self.file_bytes.get_or_create(&ByFile { file }).set(i64::try_from(bytes).unwrap_or(i64::MAX));
        }
    }

    /// Bytes of the state that hold records.
    pub(crate) fn bytes_in_use(&self, bytes: u64) {
        self.bytes_in_use.set(bytes as f64);
    }

    /// So many executions, versions and deleted jobs were forgotten.
    pub(crate) fn forgotten(&self, counts: [usize; 3]) {
        for (kind, count) in ["execution", "version", "job"].into_iter().zip(counts) {
            self.forgotten.get_or_create(&ByKind { kind }).inc_by(count as u64);
        }
    }

    /// A write was refused because the state has reached its bound.
    pub(crate) fn refused(&self) {
        self.refused.inc();
    }

    /// Whether nothing is forgotten for its age.
    pub(crate) fn suspended(&self, suspended: bool) {
        self.suspended.set(i64::from(suspended));
    }

    /// Whether the search file has all jobs.
    pub(crate) fn search_complete(&self, complete: bool) {
        self.search_complete.set(i64::from(complete));
    }
}
