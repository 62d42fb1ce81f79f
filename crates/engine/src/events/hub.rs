//! [`EventHub`]: who listens, and who of them gets what.
//!
//! One loop reads what comes on record, and hands it over here. An event is looked for by its job, so a thousand who listen
//! for one job each are not asked a thousand times; only those who listen for all jobs look at every event.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chronos_state::{EventPlace, JobSeq};
use prometheus_client::registry::Registry;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit, watch};

use super::filter::EventFilter;
use super::metrics::EventMetrics;
use super::queue::{Closed, Handed, Queue};
use super::told::{HeldCount, Portion, Told};

/// So many listen at a time.
pub(super) const MOST_LISTENERS: usize = 1_024;
/// So many events are in memory for all who listen, each once: some 24 MiB. Past that, whoever is furthest behind goes.
const MOST_HELD: usize = 32_768;
/// So many read at a time what they have missed. Each reads a portion, and then it is another's turn.
const REPLAYS: usize = 2;

/// Who listens. Cheap to clone; clones share it.
#[derive(Clone, Debug)]
pub struct EventHub {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    listeners: Mutex<Listeners>,
    /// The position of the listeners. Who is woken asks for it, and is not to wait until all others are woken, too.
    position: Mutex<EventPlace>,
    /// Events came on record, or somebody began to listen.
    news: watch::Sender<()>,
    places: Arc<Semaphore>,
    replays: Semaphore,
    held: HeldCount,
    metrics: EventMetrics,
}

#[derive(Debug, Default)]
struct Listeners {
    all: BTreeMap<u64, Listener>,
    /// The numbers of those who listen for one job, by the job. The others are in `any`.
    by_job: BTreeMap<JobSeq, Vec<u64>>,
    any: Vec<u64>,
    /// How many ever began to listen.
    begun: u64,
    /// All who listen have what came up to here.
    position: EventPlace,
    is_closed: bool,
}

#[derive(Debug)]
struct Listener {
    filter: Arc<EventFilter>,
    queue: Arc<Queue>,
}

/// One who listens. Dropped, it listens no more.
#[derive(Debug)]
pub(super) struct Subscription {
    hub: EventHub,
    number: u64,
    pub(super) queue: Arc<Queue>,
    /// What came up to here is not handed over.
    pub(super) from: EventPlace,
}

impl EventHub {
    /// Nobody listens yet.
    #[must_use]
    pub fn new(registry: &mut Registry) -> Self {
        let shared = Shared {
            listeners: Mutex::default(),
            position: Mutex::default(),
            news: watch::Sender::new(()),
            places: Arc::new(Semaphore::new(MOST_LISTENERS)),
            replays: Semaphore::new(REPLAYS),
            held: HeldCount::default(),
            metrics: EventMetrics::new(registry),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Events came on record. It is called on the thread of the state machine, and never waits.
    pub fn recorded(&self) {
        self.shared.news.send_replace(());
    }

    pub(super) fn news(&self) -> watch::Receiver<()> {
        self.shared.news.subscribe()
    }

    pub(super) fn held(&self) -> &HeldCount {
        &self.shared.held
    }

    /// A place for one more who listens, if there is one.
    pub(super) fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.shared.places).try_acquire_owned().ok()
    }

    /// Whether anybody may listen.
    pub(super) fn is_open(&self) -> Result<(), Closed> {
        if self.lock().is_closed { Err(Closed::Stopping) } else { Ok(()) }
    }

    /// Whose turn it is to read what they have missed.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.shared.replays.acquire().await.ok()
    }

    /// Begins to listen for what comes after a place, up to which all is known.
    pub(super) fn subscribe(
        &self,
        filter: &Arc<EventFilter>,
        known: EventPlace,
    ) -> Result<Subscription, Closed> {
        let mut listeners = self.lock();
        if listeners.is_closed {
            return Err(Closed::Stopping);
        }
        if listeners.all.is_empty() {
            // Nobody has read on since the last one went.
            self.come_to(&mut listeners, known);
        }
        listeners.begun += 1;
        let (number, from, queue) = (listeners.begun, listeners.position, Arc::<Queue>::default());
        listeners.all.insert(number, Listener { filter: Arc::clone(filter), queue: Arc::clone(&queue) });
        match filter.job {
            Some(job) => listeners.by_job.entry(job).or_default().push(number),
            None => listeners.any.push(number),
        }
        self.shared.metrics.listeners(listeners.all.len());
        drop(listeners);
        self.shared.news.send_replace(());
        Ok(Subscription { hub: self.clone(), number, queue, from })
    }

    /// Where to read on, and how many ever began to listen; nothing while nobody listens.
    pub(super) fn next(&self) -> Option<(EventPlace, u64)> {
        let listeners = self.lock();
        (!listeners.all.is_empty()).then_some((listeners.position, listeners.begun))
    }

    /// The place up to which all who listen were handed everything.
    pub(super) fn position(&self) -> EventPlace {
        *self.shared.position.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All who listen have what came up to there.
    fn come_to(&self, listeners: &mut Listeners, place: EventPlace) {
        listeners.position = listeners.position.max(place);
        *self.shared.position.lock().unwrap_or_else(PoisonError::into_inner) = listeners.position;
    }

    /// Whether anybody listens for events of a job, or for those that are about none.
    pub(super) fn wants(&self, job: Option<JobSeq>) -> bool {
        let listeners = self.lock();
        !listeners.any.is_empty() || job.is_some_and(|job| listeners.by_job.contains_key(&job))
    }

    /// Hands over what came up to a place. Where it is not `all` that came, but what was wanted when `begun` had ever begun
    /// to listen, and there are others by now, nothing is done, and the answer is false.
    pub(super) fn hand_over(&self, told: &[Arc<Told>], upto: EventPlace, all: bool, begun: u64) -> bool {
        let mut listeners = self.lock();
        if !all && listeners.begun != begun {
            return false;
        }
        let position = listeners.position;
        let is_new = |told: &&Arc<Told>| told.place.is_some_and(|place| place > position);
        let new: Vec<_> = told.iter().filter(is_new).cloned().collect();
        let new = Arc::new(Portion::new(new));
        let mut slow = Vec::new();
        for number in &listeners.any {
            let Some(listener) = listeners.all.get(number) else { continue };
            let has_room = if new.told().is_empty() {
                true
            } else if listener.filter.is_none() {
                listener.queue.put([Handed::All(Arc::clone(&new))])
            } else {
                let wanted = new.told().iter().filter(|told| listener.filter.wants(&told.news));
                let mut wanted = wanted.map(|told| Handed::One(Arc::clone(told))).peekable();
                wanted.peek().is_none() || listener.queue.put(wanted)
            };
            if !has_room {
                slow.push(*number);
            }
        }
        for told in new.told() {
            let Some((job, _)) = told.job() else { continue };
            for number in listeners.by_job.get(&job).into_iter().flatten() {
                let Some(listener) = listeners.all.get(number) else { continue };
                if listener.filter.wants(&told.news) && !listener.queue.put([Handed::One(Arc::clone(told))]) {
                    slow.push(*number);
                }
            }
        }
        self.come_to(&mut listeners, upto);
        for number in slow {
            self.forget(&mut listeners, number, Some(Closed::Slow));
        }
        true
    }

    /// Hands over what happened to the cluster.
    pub(super) fn hand_over_cluster(&self, told: &Arc<Told>) {
        let mut listeners = self.lock();
        let mut slow = Vec::new();
        for number in &listeners.any {
            let Some(listener) = listeners.all.get(number) else { continue };
            if listener.filter.wants(&told.news) && !listener.queue.put([Handed::One(Arc::clone(told))]) {
                slow.push(*number);
            }
        }
        for number in slow {
            self.forget(&mut listeners, number, Some(Closed::Slow));
        }
    }

    /// Where too much waits in all, those who are furthest behind go. What others wait for, too, stays.
    pub(super) fn make_room(&self) {
        while self.shared.held.get() > MOST_HELD {
            let mut listeners = self.lock();
            let lengths = listeners.all.iter().map(|(number, listener)| (listener.queue.len(), *number));
            let Some((length, number)) = lengths.max().filter(|(length, _)| *length > 0) else { return };
            tracing::debug!(length, "one who listens for events is furthest behind, and there is no room");
            if let Some(listener) = listeners.all.get(&number) {
                listener.queue.close(Closed::Slow);
            }
            self.forget(&mut listeners, number, Some(Closed::Slow));
        }
    }

    /// Nobody hears any more: this node stops, or what they are to hear cannot be read.
    pub(super) fn close_all(&self, why: Closed) {
        let mut listeners = self.lock();
        listeners.is_closed |= why == Closed::Stopping;
        let numbers: Vec<_> = listeners.all.keys().copied().collect();
        for number in numbers {
            if let Some(listener) = listeners.all.get(&number) {
                listener.queue.close(why);
            }
            self.forget(&mut listeners, number, Some(why).filter(|why| *why != Closed::Stopping));
        }
        drop(listeners);
        // Who waits for something else looks again.
        self.shared.news.send_replace(());
    }

    fn forget(&self, listeners: &mut Listeners, number: u64, dropped: Option<Closed>) {
        let Some(gone) = listeners.all.remove(&number) else { return };
        match gone.filter.job {
            None => listeners.any.retain(|other| *other != number),
            Some(job) => {
                if let Some(numbers) = listeners.by_job.get_mut(&job) {
                    numbers.retain(|other| *other != number);
                    if numbers.is_empty() {
                        listeners.by_job.remove(&job);
                    }
                }
            }
        }
        self.shared.metrics.listeners(listeners.all.len());
        if let Some(why) = dropped {
            self.shared.metrics.dropped(why);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Listeners> {
        self.shared.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut listeners = self.hub.lock();
        self.hub.forget(&mut listeners, self.number, None);
    }
}

#[cfg(test)]
mod tests {
    use chronos_state::{Event, JobEvent};
    use chronos_types::{EventType, JobId, Scope};

    use super::*;
    use crate::events::queue::MOST_WAITING;
    use crate::events::told::News;

    fn hub() -> EventHub {
        EventHub::new(&mut Registry::default())
    }

    fn filter(job: Option<i64>) -> Arc<EventFilter> {
        Arc::new(EventFilter { job: job.map(JobSeq::new), ..EventFilter::default() })
    }

    fn listen(hub: &EventHub, job: Option<i64>) -> Subscription {
        hub.subscribe(&filter(job), EventPlace::default()).expect("the hub is open")
    }

    fn place(index: usize) -> EventPlace {
        EventPlace { index: index as u64, n: 0 }
    }

    fn told(hub: &EventHub, index: usize, job: i64) -> Arc<Told> {
        let (what, id) = (EventType::JobCreated, JobId::new(0, [0; 10]));
        let event = JobEvent { what, job: JobSeq::new(job), id, version: 1, name: "a".into() };
        let news = News::of(Event::Job(event), None, Scope::all());
        Arc::new(Told::new(Some(place(index)), 0, news, hub.held()))
    }

    /// Hands over an event for each place from one to another.
    fn hand_over(hub: &EventHub, places: std::ops::Range<usize>, job: i64) {
        let upto = place(places.end - 1);
        let all: Vec<_> = places.map(|index| told(hub, index, job)).collect();
        assert!(hub.hand_over(&all, upto, true, 0));
    }

    fn waiting(subscription: &Subscription) -> Vec<u64> {
        let handed = subscription.queue.take(usize::MAX).expect("it is not closed");
        let told = handed.iter().flat_map(|handed| match handed {
            Handed::One(told) => std::slice::from_ref(told),
            Handed::All(portion) => portion.told(),
        });
        told.map(|told| told.place.expect("a place").index).collect()
    }

    #[test]
    fn who_listens_for_a_job_gets_its_events_and_each_once() {
        let hub = hub();
        let (any, one) = (listen(&hub, None), listen(&hub, Some(1)));
        hand_over(&hub, 1..3, 1);
        hand_over(&hub, 3..5, 2);
        // What was handed over before is passed over.
        hand_over(&hub, 2..6, 1);
        assert_eq!((waiting(&any), waiting(&one)), (vec![1, 2, 3, 4, 5], vec![1, 2, 5]));
        drop(any);
        assert!(hub.wants(Some(JobSeq::new(1))) && !hub.wants(Some(JobSeq::new(2))) && !hub.wants(None));
        drop(one);
        assert!(!hub.wants(Some(JobSeq::new(1))));
        assert_eq!((hub.next(), hub.held().get()), (None, 0));
    }

    #[test]
    fn what_was_read_before_somebody_began_to_listen_is_read_again() {
        let hub = hub();
        let first = listen(&hub, Some(1));
        let (position, begun) = hub.next().expect("somebody listens");
        let second = listen(&hub, Some(2));
        assert!(!hub.hand_over(&[told(&hub, 1, 1)], place(1), false, begun));
        assert_eq!((hub.position(), waiting(&first)), (position, vec![]));
        assert!(hub.hand_over(&[told(&hub, 1, 1), told(&hub, 2, 2)], place(2), true, begun));
        assert_eq!((waiting(&first), waiting(&second)), (vec![1], vec![2]));
        // Nobody reads while nobody listens, so the next one begins where it is.
        drop((first, second));
        let third = hub.subscribe(&filter(None), place(9)).expect("the hub is open");
        assert_eq!((third.from, hub.position()), (place(9), place(9)));
    }

    #[test]
    fn so_many_listen_and_no_more() {
        let hub = hub();
        let places: Vec<_> = (0..MOST_LISTENERS).map(|_| hub.place().expect("a place")).collect();
        assert!(hub.place().is_none());
        drop(places);
        assert!(hub.place().is_some());
    }

    #[test]
    fn whoever_does_not_listen_is_let_go_and_what_waited_with_them() {
        let hub = hub();
        let (silent, other) = (listen(&hub, None), listen(&hub, None));
        for begin in (1..=MOST_WAITING).step_by(1_024) {
            hand_over(&hub, begin..begin + 1_024, 1);
            assert_eq!(waiting(&other).len(), 1_024);
        }
        assert_eq!(silent.queue.len(), MOST_WAITING);
        hand_over(&hub, MOST_WAITING + 1..MOST_WAITING + 2, 1);
        assert_eq!(silent.queue.take(1).err(), Some(Closed::Slow));
        assert_eq!((waiting(&other).len(), hub.held().get()), (1, 0));
    }

    #[test]
    fn where_too_much_waits_in_all_whoever_is_furthest_behind_goes() {
        let hub = hub();
        let all: Vec<_> = (1..=10).map(|job| listen(&hub, Some(job))).collect();
        let mut index = 1;
        for (number, job) in (1..=10).enumerate() {
            let count = MOST_WAITING - number;
            hand_over(&hub, index..index + count, job);
            index += count;
        }
        assert!(hub.held().get() > MOST_HELD);
        hub.make_room();
        assert!(hub.held().get() <= MOST_HELD);
        let gone = all.iter().map(|one| one.queue.take(1).is_err()).collect::<Vec<_>>();
        assert_eq!(gone, [true, true, false, false, false, false, false, false, false, false]);
    }

    #[test]
    fn a_hub_that_is_closed_ends_all_and_takes_nobody() {
        let hub = hub();
        let listener = listen(&hub, None);
        hub.close_all(Closed::Stopping);
        assert_eq!(listener.queue.take(1).err(), Some(Closed::Stopping));
        assert_eq!(hub.is_open(), Err(Closed::Stopping));
        assert!(hub.subscribe(&filter(None), place(1)).is_err());
    }
}
