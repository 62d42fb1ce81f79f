//! An event as those who listen get it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use chronos_state::{Event, EventJob, EventPlace, ExecutionEvent, JobEvent, JobSeq, OperationEvent};
use chronos_types::{EventType, JobId, Millis, NodeName, Scope};

/// An event as those who listen get it. One is made for all of them.
#[derive(Debug)]
pub struct Told {
    /// Its place in the log; none of what is told of the cluster, which is in no log.
    pub place: Option<EventPlace>,
    /// When it was put on record, or was noticed.
    pub at: Millis,
    /// What happened.
    pub news: News,
    /// As it is sent, once somebody needs that.
    text: OnceLock<Bytes>,
    _held: Held,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum News {
    /// To a job. What is known of it beside may be of a later moment; it is not there once nothing refers to the job.
    Job(JobEvent, Option<Arc<EventJob>>),
    /// To an execution, and the same of its job.
    Execution(ExecutionEvent, Option<Arc<EventJob>>),
    /// To an operation, and what that may touch.
    Operation(OperationEvent, Scope),
    /// To the cluster.
    Cluster(ClusterEvent),
}

/// What happened to the cluster, as this node has noticed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterEvent {
    /// What it was.
    pub what: EventType,
    /// The node that it is about; none where no leader is known.
    pub node: Option<NodeName>,
}

impl Told {
    pub(super) fn new(place: Option<EventPlace>, at: Millis, news: News, count: &HeldCount) -> Self {
        Self { place, at, news, text: OnceLock::new(), _held: count.one() }
    }

    /// What it was.
    #[must_use]
    pub fn what(&self) -> EventType {
        match &self.news {
            News::Job(event, _) => event.what,
            News::Execution(event, _) => event.what,
            News::Operation(event, _) => event.what,
            News::Cluster(event) => event.what,
        }
    }

    /// As it is sent: written once, for all who listen.
    pub fn text(&self, write: impl FnOnce(&Self) -> Bytes) -> Bytes {
        self.text.get_or_init(|| write(self)).clone()
    }

    /// The number of its job, and its id where that is known.
    pub(super) fn job(&self) -> Option<(JobSeq, Option<JobId>)> {
        match &self.news {
            News::Job(event, _) => Some((event.job, Some(event.id))),
            News::Execution(event, job) => Some((event.job, job.as_ref().map(|job| job.id))),
            News::Operation(..) | News::Cluster(_) => None,
        }
    }
}

/// Events that were read together, for those who listen for all there are. What is sent of them is written once.
#[derive(Debug)]
pub struct Portion {
    told: Vec<Arc<Told>>,
    text: OnceLock<Bytes>,
}

impl Portion {
    pub(super) fn new(told: Vec<Arc<Told>>) -> Self {
        Self { told, text: OnceLock::new() }
    }

    /// The events, in order.
    #[must_use]
    pub fn told(&self) -> &[Arc<Told>] {
        &self.told
    }

    /// As it is sent: written once, for all who listen.
    pub fn text(&self, write: impl FnOnce(&[Arc<Told>]) -> Bytes) -> Bytes {
        self.text.get_or_init(|| write(&self.told)).clone()
    }
}

impl News {
    /// Of an event, with its job or with what its operation may touch.
    pub(super) fn of(event: Event, job: Option<Arc<EventJob>>, scope: Scope) -> Self {
        match event {
            Event::Job(event) => Self::Job(event, job),
            Event::Execution(event) => Self::Execution(event, job),
            Event::Operation(event) => Self::Operation(event, scope),
        }
    }
}

/// How many events are in memory.
#[derive(Clone, Debug, Default)]
pub(super) struct HeldCount(Arc<AtomicUsize>);

#[derive(Debug)]
struct Held(HeldCount);

impl HeldCount {
    pub(super) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn one(&self) -> Held {
        self.0.fetch_add(1, Ordering::Relaxed);
        Held(self.clone())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
