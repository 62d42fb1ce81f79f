//! Events summed up, for whoever only wants to know that something has changed. Pure: it is told the time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chronos_state::{EventPlace, JobSeq};
use chronos_types::{EventType, JobId, Millis};
use tokio::time::Instant;

use super::told::Told;

/// So many jobs are named.
const MOST_JOBS: usize = 100;

/// What came of one topic in a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// What it is about: the part of the types before the dot.
    pub topic: &'static str,
    /// When the last of them was.
    pub at: Millis,
    /// How many there were of each type.
    pub counts: BTreeMap<EventType, u64>,
    /// The jobs of them, by their ids, at most 100.
    pub jobs: Vec<JobId>,
    /// Whether there were others, or some whose ids are on no record any more.
    pub has_more: bool,
    /// The place up to which all was told, with the last digest of a moment.
    pub place: Option<EventPlace>,
}

/// Sums up events, and says when it is time to tell.
#[derive(Debug)]
pub(super) struct Digester {
    every: Duration,
    /// Nothing is told before.
    not_before: Instant,
    topics: BTreeMap<&'static str, Topic>,
    place: Option<EventPlace>,
}

#[derive(Debug, Default)]
struct Topic {
    at: Millis,
    counts: BTreeMap<EventType, u64>,
    jobs: BTreeMap<JobSeq, JobId>,
    has_more: bool,
}

impl Digester {
    pub(super) fn new(every: Duration, now: Instant) -> Self {
        Self { every, not_before: now, topics: BTreeMap::new(), place: None }
    }

    pub(super) fn add(&mut self, told: &Arc<Told>) {
        let what = told.what();
        let topic = self.topics.entry(what.topic()).or_default();
        topic.at = told.at;
        *topic.counts.entry(what).or_default() += 1;
        match told.job() {
            Some((job, _)) if topic.jobs.contains_key(&job) => {}
            Some((job, Some(id))) if topic.jobs.len() < MOST_JOBS => drop(topic.jobs.insert(job, id)),
            Some(_) => topic.has_more = true,
            None => {}
        }
        self.place = self.place.max(told.place);
    }

    /// Whether anything is to be told.
    pub(super) fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// When it is to be told, if anything is.
    pub(super) fn due(&self) -> Option<Instant> {
        (!self.is_empty()).then_some(self.not_before)
    }

    /// What is to be told now. Only the last of them has a place: a client that hears a part hears all of it again.
    pub(super) fn take(&mut self, now: Instant) -> Vec<Digest> {
        if self.is_empty() || now < self.not_before {
            return Vec::new();
        }
        self.not_before = now + self.every;
        let digest = |(topic, Topic { at, counts, jobs, has_more })| Digest {
            topic,
            at,
            counts,
            jobs: jobs.into_values().collect::<BTreeSet<_>>().into_iter().collect(),
            has_more,
            place: None,
        };
        let mut digests: Vec<_> = std::mem::take(&mut self.topics).into_iter().map(digest).collect();
        if let Some(last) = digests.last_mut() {
            last.place = self.place.take();
        }
        digests
    }

    /// Forgets what was not told.
    pub(super) fn clear(&mut self) {
        self.topics.clear();
        self.place = None;
    }
}

#[cfg(test)]
mod tests {
    use chronos_state::{Event, EventJob, ExecutionEvent, JobEvent};
    use chronos_types::{ExecutionId, Scope, Trigger};

    use super::*;
    use crate::events::told::{HeldCount, News};

    fn told(n: u32, event: Event) -> Arc<Told> {
        let job = event.job().expect("a job");
        let id = JobId::new(0, [u8::try_from(job.get() % 250).unwrap_or_default(); 10]);
        let known = EventJob { id, name: "a".into(), tags: BTreeMap::new() };
        let place = Some(EventPlace { index: 7, n });
        let news = News::of(event, Some(Arc::new(known)), Scope::all());
        Arc::new(Told::new(place, n.into(), news, &HeldCount::default()))
    }

    fn job(n: u32) -> Arc<Told> {
        let (what, id) = (EventType::JobChanged, JobId::new(0, [1; 10]));
        told(n, Event::Job(JobEvent { what, job: JobSeq::new(1), id, version: 2, name: "a".into() }))
    }

    fn run(n: u32, job: i64) -> Arc<Told> {
        let event = ExecutionEvent {
            what: EventType::ExecutionFailed,
            job: JobSeq::new(job),
            id: ExecutionId::from_bytes([0; 16]),
            trigger: Trigger::Schedule,
            scheduled_time: 0,
            attempts: 1,
            status_code: None,
            error_kind: None,
            duration_ms: None,
        };
        told(n, Event::Execution(event))
    }

    #[test]
    fn the_first_is_told_at_once_and_then_one_of_each_topic_in_a_while() {
        let (second, begun) = (Duration::from_secs(1), Instant::now());
        let mut digester = Digester::new(second, begun);
        assert_eq!((digester.due(), digester.take(begun)), (None, vec![]));
        digester.add(&run(0, 1));
        assert_eq!(digester.due(), Some(begun));
        let first = digester.take(begun);
        assert_eq!(first.len(), 1);
        assert_eq!((first[0].topic, first[0].place), ("execution", Some(EventPlace { index: 7, n: 0 })));
        for n in 1..=5 {
            digester.add(&run(n, n.into()));
        }
        digester.add(&job(6));
        assert_eq!((digester.due(), digester.take(begun + second / 2)), (Some(begun + second), vec![]));
        let next = digester.take(begun + second);
        assert_eq!(next.iter().map(|digest| digest.topic).collect::<Vec<_>>(), ["execution", "job"]);
        assert_eq!(next[0].counts, BTreeMap::from([(EventType::ExecutionFailed, 5)]));
        assert_eq!((next[0].jobs.len(), next[0].has_more, next[0].at), (5, false, 5));
        assert_eq!((next[0].place, next[1].place), (None, Some(EventPlace { index: 7, n: 6 })));
        assert!(digester.is_empty());
    }

    #[test]
    fn a_hundred_jobs_are_named_and_that_there_are_more() {
        let begun = Instant::now();
        let mut digester = Digester::new(Duration::from_secs(1), begun);
        (0..101).for_each(|n| digester.add(&run(n, i64::from(n) + 1)));
        digester.add(&run(101, 1));
        let digests = digester.take(begun);
        assert_eq!((digests[0].jobs.len(), digests[0].has_more), (100, true));
        assert_eq!(digests[0].counts[&EventType::ExecutionFailed], 102);
        digester.add(&run(102, 1));
        digester.clear();
        assert_eq!(digester.due(), None);
    }
}
