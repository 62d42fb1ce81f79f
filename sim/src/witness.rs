//! Listens to what the server says of itself where nothing else tells: how often a state was replaced
//! by a snapshot, how often a node waited for space, that the states of two nodes differ.

use std::cell::RefCell;
use std::fmt::Debug;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::counts::Counts;
use crate::world::since_start;

/// Where it is said, how it begins, and what it counts as. This is the only place that names them; that they
/// are heard is seen in the counts of many seeds (`tests/seeds.rs`).
const SAID: [(&str, &str, &str); 2] = [
    ("chronos_replica::state", "the state was replaced", "snapshot_installed"),
    ("chronos_replica::health", "writes wait for space", "waited_for_space"),
];

/// Whatever is an error here says that states differ. Where one of them was mended since, nothing else tells.
const DIFFERS: &str = "chronos_replica::comparison";

/// What was heard.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    pub(crate) counts: Counts,
    /// That states differ: a sentence each.
    pub(crate) differences: Vec<String>,
}

thread_local! {
    static HEARD: RefCell<Heard> = RefCell::default();
}

/// What this thread has heard.
pub(crate) fn heard() -> Heard {
    HEARD.with_borrow(Clone::clone)
}

/// To be added to what takes the events of this process.
pub fn witness<S: Subscriber + for<'a> LookupSpan<'a>>() -> impl Layer<S> {
    let targets = SAID.map(|(target, ..)| (target, Level::INFO));
    Witness.with_filter(Targets::new().with_targets(targets).with_target(DIFFERS, Level::ERROR))
}

/// Puts simulated time before what the server logs.
#[derive(Clone, Copy, Debug)]
pub struct SimTime;

impl FormatTime for SimTime {
    fn format_time(&self, to: &mut Writer<'_>) -> std::fmt::Result {
        write!(to, "{:>9.3}", since_start().as_secs_f64())
    }
}

struct Witness;

impl<S: Subscriber> Layer<S> for Witness {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        let target = event.metadata().target();
        let known = SAID.iter().find(|(at, begin, _)| *at == target && message.0.starts_with(begin));
        if let Some((.., kind)) = known {
            HEARD.with_borrow_mut(|heard| heard.counts.add(kind, 1));
        }
        if target.starts_with(DIFFERS) {
            HEARD.with_borrow_mut(|heard| heard.differences.push(message.0));
        }
    }
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}
