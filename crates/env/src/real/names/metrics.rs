//! What is counted of looking names up.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByOutcome {
    outcome: &'static str,
}

/// The counters. Cheap to clone; clones count together.
#[derive(Clone, Debug, Default)]
pub(super) struct Metrics {
    questions: Family<ByOutcome, Counter>,
    under_way: Gauge,
    stale: Counter,
}

impl Metrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        let Self { questions, under_way, stale } = self.clone();
        for outcome in ["found", "not_found", "failed"] {
            let _ = questions.get_or_create(&ByOutcome { outcome });
        }
        let help = "Questions to the name servers that ended, by outcome: found, not_found or failed";
        registry.register("name_questions", help, questions);
        registry.register("name_questions_running", "Names that the name servers are asked about", under_way);
        let help = "Lookups that were answered with addresses that ran out, because the name servers failed";
        registry.register("name_lookups_stale", help, stale);
    }

    /// A question ended.
    pub(super) fn ended(&self, outcome: &'static str) {
        self.questions.get_or_create(&ByOutcome { outcome }).inc();
    }

    /// How many questions are under way or in line.
    pub(super) fn under_way(&self, count: usize) {
        self.under_way.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// A caller got addresses that ran out.
    pub(super) fn stale(&self) {
        self.stale.inc();
    }
}
