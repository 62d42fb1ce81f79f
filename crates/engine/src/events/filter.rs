//! Which events somebody listens for.

use std::collections::BTreeSet;

use chronos_state::{Event, EventJob, ExecutionEvent, JobEvent, JobSeq};
use chronos_types::{ErrorKind, EventType, Scope, Status, Trigger};

use super::told::News;

/// Which events somebody listens for. Every condition must hold; one that asks for something an event does not have
/// keeps it away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Those of these types; all where none is named.
    pub types: BTreeSet<EventType>,
    /// Those by which an execution has come to one of these statuses.
    pub statuses: BTreeSet<Status>,
    /// Those of executions that one of these has asked for.
    pub triggers: BTreeSet<Trigger>,
    /// Those of executions with such an error.
    pub error_kinds: BTreeSet<ErrorKind>,
    /// Those of jobs that have all of these tags.
    pub tags: Vec<(String, String)>,
    /// Those of this job. [`Events::listen`](super::Events::listen) finds it by what a client calls it.
    pub job: Option<JobSeq>,
    /// Those of jobs within it. [`Events::listen`](super::Events::listen) is told it.
    pub scope: Scope,
}

fn is_among<T: Ord>(wanted: &BTreeSet<T>, value: Option<T>) -> bool {
    wanted.is_empty() || value.is_some_and(|value| wanted.contains(&value))
}

impl EventFilter {
    /// Whether every event is wanted.
    pub(super) fn is_none(&self) -> bool {
        let Self { types, statuses, triggers, error_kinds, tags, job, scope } = self;
        types.is_empty()
            && statuses.is_empty()
            && triggers.is_empty()
            && error_kinds.is_empty()
            && tags.is_empty()
            && job.is_none()
            && scope.is_all()
    }

    /// Whether an event is wanted, as far as its job need not be known.
    pub(super) fn may_want(&self, event: &Event) -> bool {
        match event {
            Event::Job(event) => self.may_want_job(event),
            Event::Execution(event) => self.may_want_run(event),
            Event::Operation(event) => self.wants_no_job(event.what),
        }
    }

    /// The same of an event of a job.
    pub(super) fn may_want_job(&self, event: &JobEvent) -> bool {
        self.job.is_none_or(|job| job == event.job)
            && is_among(&self.types, Some(event.what))
            && self.statuses.is_empty()
            && self.triggers.is_empty()
            && self.error_kinds.is_empty()
    }

    /// The same of one of an execution.
    pub(super) fn may_want_run(&self, event: &ExecutionEvent) -> bool {
        self.job.is_none_or(|job| job == event.job)
            && is_among(&self.types, Some(event.what))
            && is_among(&self.statuses, event.what.status())
            && is_among(&self.triggers, Some(event.trigger))
            && is_among(&self.error_kinds, event.error_kind)
    }

    /// Whether an event is wanted.
    pub(super) fn wants(&self, news: &News) -> bool {
        match news {
            News::Job(event, job) => self.may_want_job(event) && self.wants_job(job.as_deref()),
            News::Execution(event, job) => self.may_want_run(event) && self.wants_job(job.as_deref()),
            News::Operation(event, scope) => self.scope.covers(scope) && self.wants_no_job(event.what),
            News::Cluster(event) => self.scope.is_all() && self.wants_no_job(event.what),
        }
    }

    /// Whether events of a job are wanted. Of one that is on record no more, no tags are known, and who is limited may not
    /// see it.
    fn wants_job(&self, job: Option<&EventJob>) -> bool {
        let has = |(key, value): &(String, String)| job.is_some_and(|job| job.tags.get(key) == Some(value));
        let is_seen = self.scope.is_all() || job.is_some_and(|job| self.scope.sees(&job.tags));
        is_seen && self.tags.iter().all(has)
    }

    /// Whether an event is wanted that is about no job: of the cluster, or of an operation.
    fn wants_no_job(&self, what: EventType) -> bool {
        let Self { types, statuses, triggers, error_kinds, tags, job, scope: _ } = self;
        is_among(types, Some(what))
            && statuses.is_empty()
            && triggers.is_empty()
            && error_kinds.is_empty()
            && tags.is_empty()
            && job.is_none()
    }
}
