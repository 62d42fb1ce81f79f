//! What is counted of firing.

use chronos_types::{ErrorKind, Millis, Status};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::core::{ByClass, Class};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByStatus {
    status: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByOutcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByTarget {
    target: &'static str,
}

/// The counters. Cheap to clone; clones count together.
#[derive(Clone, Debug)]
pub struct Metrics {
    executions: Family<ByStatus, Counter>,
    execution_duration: Histogram,
    attempts: Family<ByOutcome, Counter>,
    lateness: Histogram,
    running: Gauge,
    waiting: Gauge,
    slots: Gauge,
    taken: ByClass<Gauge>,
    awaited: ByClass<Gauge>,
    postponed: Counter,
    fenced: Gauge,
    bodies_dropped: Counter,
    reports_refused: Counter,
}

impl Metrics {
    /// All of them at zero, to be read through `registry`.
    #[must_use]
    pub fn new(registry: &mut Registry) -> Self {
        let durations = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0];
        let delays = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 10.0, 60.0];
        let (by_taken, by_awaited) = (Family::default(), Family::default());
        let metrics = Self {
            executions: Family::default(),
            execution_duration: Histogram::new(durations),
            attempts: Family::default(),
            lateness: Histogram::new(delays),
            running: Gauge::default(),
            waiting: Gauge::default(),
            slots: Gauge::default(),
            taken: of_each_class(&by_taken),
            awaited: of_each_class(&by_awaited),
            postponed: Counter::default(),
            fenced: Gauge::default(),
            bodies_dropped: Counter::default(),
            reports_refused: Counter::default(),
        };
        let Self { executions, execution_duration, attempts, lateness, running, waiting, .. } =
            metrics.clone();
        let Self { slots, postponed, fenced, .. } = metrics.clone();
        registry.register("executions", "Executions that ended on this node, by status", executions);
        registry.register_with_unit(
            "execution_duration",
            "From the first attempt's begin to the execution's end",
            Unit::Seconds,
            execution_duration,
        );
        let help = "Attempts that ended, by outcome: success or the error kind";
        registry.register("attempts", help, attempts);
        registry.register_with_unit(
            "schedule_lateness",
            "From the instant a run was to fire to its first attempt's begin",
            Unit::Seconds,
            lateness,
        );
        registry.register("executions_running", "Attempts under way", running);
        registry.register("executions_waiting", "Attempts that wait for a slot", waiting);
        registry.register("slots", "Slots for attempts", slots);
        registry.register("slots_taken", "Slots taken, by how their targets do", by_taken);
        let help = "Attempts that wait for a slot, by how their targets do";
        registry.register("slots_awaited", help, by_awaited);
        let help = "Attempts put off because this process was short of descriptors, ports or memory";
        registry.register("attempts_postponed", help, postponed);
        registry.register("fenced", "1 while this node hears no leader and starts no attempt", fenced);
        let help =
            "Bodies of responses that are not kept, because the log could not take them in time or at all";
        registry.register("response_bodies_dropped", help, metrics.bodies_dropped.clone());
        let help = "Outcomes that cannot be recorded";
        registry.register("reports_refused", help, metrics.reports_refused.clone());
        // A status that has not come up is a zero, not a gap.
        for status in Status::ALL.iter().filter(|status| status.is_finished()) {
            let _ = metrics.executions.get_or_create(&ByStatus { status: status.as_str() });
        }
        let _ = metrics.attempts.get_or_create(&ByOutcome { outcome: "success" });
        metrics
    }

    /// An execution ended; `took` is from its first attempt, where there was one.
    pub(crate) fn execution_ended(&self, status: Status, took: Option<Millis>) {
        self.executions.get_or_create(&ByStatus { status: status.as_str() }).inc();
        if let Some(took) = took {
            self.execution_duration.observe(took.max(0) as f64 / 1e3);
        }
    }

    /// An attempt ended, with this error or none.
    pub(crate) fn attempt_ended(&self, error: Option<ErrorKind>) {
        let outcome = error.map_or("success", ErrorKind::as_str);
        self.attempts.get_or_create(&ByOutcome { outcome }).inc();
    }

    /// A first attempt began this many microseconds after its instant.
    pub(crate) fn lateness(&self, us: i64) {
        self.lateness.observe(us.max(0) as f64 / 1e6);
    }

    /// Attempts under way, and attempts that wait for a slot.
    pub(crate) fn executions_running(&self, running: usize, waiting: usize) {
        self.running.set(i64::try_from(running).unwrap_or(i64::MAX));
        self.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }

    /// How many slots there are, the slots taken and the attempts that wait, by the class of their targets.
    pub(crate) fn slots(&self, slots: usize, taken: ByClass<usize>, waiting: ByClass<usize>) {
        self.slots.set(i64::try_from(slots).unwrap_or(i64::MAX));
        for class in Class::ALL {
            self.taken[class].set(i64::try_from(taken[class]).unwrap_or(i64::MAX));
            self.awaited[class].set(i64::try_from(waiting[class]).unwrap_or(i64::MAX));
        }
    }

    /// An attempt was put off, because this process had too little of something.
    pub(crate) fn attempt_postponed(&self) {
        self.postponed.inc();
    }

    /// The body of a response is not kept.
    pub(crate) fn body_dropped(&self) {
        self.bodies_dropped.inc();
    }

    /// An outcome cannot be recorded.
    pub(crate) fn report_refused(&self) {
        self.reports_refused.inc();
    }

    /// Whether this node is cut off and starts no attempt.
    pub(crate) fn fenced(&self, fenced: bool) {
        self.fenced.set(i64::from(fenced));
    }
}

/// The gauges of a family, at hand.
fn of_each_class(family: &Family<ByTarget, Gauge>) -> ByClass<Gauge> {
    let mut gauges = ByClass::default();
    for class in Class::ALL {
        gauges[class] = family.get_or_create(&ByTarget { target: class.as_str() }).clone();
    }
    gauges
}
