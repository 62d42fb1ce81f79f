//! One who listens: first what they have missed, from the record, and then what comes, from the hub, without a gap or a
//! repeat between the two.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chronos_replica::{QueryError, Store};
use chronos_state::{EventPlace, Reader, StateError};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep};

use super::digest::{Digest, Digester};
use super::feeder::KnownJobs;
use super::filter::EventFilter;
use super::hub::{EventHub, Subscription};
use super::queue::{Closed, Handed};
use super::told::{HeldCount, Portion, Told};

/// After so long without a word comes one that says nothing but where the listener is.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// So long a node waits for what another one has told already. One that keeps up has it within a second.
const AHEAD: Duration = Duration::from_secs(60);
/// Between looks whether it has come to that.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// So many events go out at once.
const AT_ONCE: usize = 128;
/// Events of the record that are looked at in one turn, roughly, and in one step of it.
const LOOKED_AT: usize = 20_000;
const STEP: usize = 1_000;
/// Between tries where too much else is being read.
const PAUSE: Duration = Duration::from_millis(200);

/// What one who listens gets.
#[derive(Clone, Debug)]
pub enum Heard {
    /// An event.
    Event(Arc<Told>),
    /// Several, all that there were.
    Portion(Arc<Portion>),
    /// Events summed up.
    Digest(Digest),
    /// Something may be missing: it goes on from this place, which is the present.
    Reset(ResetReason, EventPlace),
    /// All up to this place was told, and there is nothing new.
    Place(EventPlace),
}

/// Why it does not go on where the client has been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetReason {
    /// The place is one of another cluster.
    OtherCluster,
    /// What came after the place is not on record any more.
    TooOld,
    /// This node has not come to the place within a minute.
    NotReached,
}

/// Where somebody begins to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// With what comes from now on: after this place, of which the client is told.
    Now(EventPlace),
    /// After this place.
    After(EventPlace),
    /// Nowhere that is known.
    Elsewhere,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Begin(Begin),
    /// This node is behind the place, and it is waited until then.
    Ahead(Instant),
    /// What was missed is read from the record.
    Replay,
    Live,
}

/// One who listens. It ends when it is dropped.
#[derive(Debug)]
pub struct Listening {
    hub: EventHub,
    store: Store,
    cluster: Arc<str>,
    filter: Arc<EventFilter>,
    phase: Phase,
    /// All up to here was looked at.
    passed: EventPlace,
    /// All up to here was told. What is being summed up is not.
    told: EventPlace,
    subscription: Option<Subscription>,
    digest: Option<Digester>,
    news: watch::Receiver<()>,
    quiet_since: Instant,
    /// Wakes it where nothing comes. It goes off early rather than to be set anew with each event.
    alarm: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl Listening {
    pub(super) fn new(
        hub: EventHub,
        store: Store,
        cluster: Arc<str>,
        filter: EventFilter,
        (begin, digest): (Begin, Option<Duration>),
        place: OwnedSemaphorePermit,
    ) -> Self {
        let now = Instant::now();
        Self {
            news: hub.news(),
            hub,
            store,
            cluster,
            filter: Arc::new(filter),
            phase: Phase::Begin(begin),
            passed: EventPlace::default(),
            told: EventPlace::default(),
            subscription: None,
            digest: digest.map(|every| Digester::new(every, now)),
            quiet_since: now,
            alarm: Box::pin(tokio::time::sleep_until(now + HEARTBEAT)),
            _place: place,
        }
    }

    /// The id of the cluster, with which places begin.
    #[must_use]
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// What comes next: at least one thing, after fifteen seconds at the latest.
    ///
    /// # Errors
    /// Nothing comes any more.
    pub async fn next(&mut self) -> Result<Vec<Heard>, Closed> {
        loop {
            let heard = match self.phase {
                Phase::Begin(begin) => self.begin(begin).await?,
                Phase::Ahead(until) => self.ahead(until).await?,
                Phase::Replay => self.replay().await?,
                Phase::Live => self.live().await?,
            };
            let now = Instant::now();
            let mut heard = self.summed_up(heard, now);
            if self.digest.as_ref().is_none_or(Digester::is_empty) {
                self.told = self.passed;
            }
            if heard.is_empty() && now >= self.heartbeat() {
                heard.push(Heard::Place(self.told));
            }
            if !heard.is_empty() {
                self.quiet_since = now;
                return Ok(heard);
            }
        }
    }

    fn heartbeat(&self) -> Instant {
        self.quiet_since + HEARTBEAT
    }

    /// The same, summed up where that is asked for.
    fn summed_up(&mut self, heard: Vec<Heard>, now: Instant) -> Vec<Heard> {
        let Some(digest) = &mut self.digest else { return heard };
        let mut rest = Vec::new();
        for one in heard {
            match one {
                Heard::Event(told) => digest.add(&told),
                Heard::Portion(portion) => portion.told().iter().for_each(|told| digest.add(told)),
                // A place is told with what was summed up before it.
                Heard::Place(_) if !digest.is_empty() => {}
                other => {
                    digest.clear();
                    rest.push(other);
                }
            }
        }
        rest.extend(digest.take(now).into_iter().map(Heard::Digest));
        rest
    }

    async fn begin(&mut self, begin: Begin) -> Result<Vec<Heard>, Closed> {
        match begin {
            Begin::Elsewhere => self.reset(ResetReason::OtherCluster).await,
            Begin::After(place) => {
                (self.passed, self.phase) = (place, Phase::Replay);
                Ok(Vec::new())
            }
            Begin::Now(newest) => {
                (self.passed, self.phase) = (newest, Phase::Replay);
                // So that whoever comes back without having heard anything misses nothing either.
                Ok(vec![Heard::Place(newest)])
            }
        }
    }

    /// Goes on from now.
    async fn reset(&mut self, why: ResetReason) -> Result<Vec<Heard>, Closed> {
        let Some(newest) = self.newest().await? else { return Ok(Vec::new()) };
        self.subscription = None;
        (self.passed, self.phase) = (newest, Phase::Replay);
        Ok(vec![Heard::Reset(why, newest)])
    }

    /// Waits until this node has come to where the client has been.
    async fn ahead(&mut self, until: Instant) -> Result<Vec<Heard>, Closed> {
        let Some(newest) = self.newest().await? else { return Ok(Vec::new()) };
        if newest.index >= self.passed.index {
            self.phase = Phase::Replay;
            return Ok(Vec::new());
        }
        if Instant::now() >= until {
            return self.reset(ResetReason::NotReached).await;
        }
        let wait = until.min(self.heartbeat().max(Instant::now()));
        // A node that stops comes nowhere.
        self.hub.is_open()?;
        if tokio::time::timeout_at(wait, self.news.changed()).await.is_ok() {
            // Much may come at once.
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(Vec::new())
    }

    /// Reads on in the record. At its end, what comes is heard from the hub.
    async fn replay(&mut self) -> Result<Vec<Heard>, Closed> {
        let (filter, after, held) = (Arc::clone(&self.filter), self.passed, self.hub.held().clone());
        let read = {
            let turn = self.hub.turn().await;
            self.hub.is_open()?;
            let read = self.store.query(move |reader| Missed::read(reader, &filter, after, &held)).await;
            drop(turn);
            read
        };
        let Some(missed) = self.found(read).await? else { return Ok(Vec::new()) };
        if after.index > missed.newest {
            self.phase = Phase::Ahead(Instant::now() + AHEAD);
            return Ok(Vec::new());
        }
        if !missed.is_whole {
            return self.reset(ResetReason::TooOld).await;
        }
        self.passed = missed.upto;
        if missed.is_end {
            let from = match &self.subscription {
                Some(subscription) => subscription.from,
                None => {
                    let subscription = self.hub.subscribe(&self.filter, self.passed)?;
                    self.subscription.insert(subscription).from
                }
            };
            if from <= self.passed {
                self.phase = Phase::Live;
            }
        }
        Ok(missed.told.into_iter().map(Heard::Event).collect())
    }

    /// What the hub has handed over.
    async fn live(&mut self) -> Result<Vec<Heard>, Closed> {
        let Some(subscription) = &self.subscription else {
            self.phase = Phase::Replay;
            return Ok(Vec::new());
        };
        // Before the queue is looked at: what was handed over by then is in it.
        let position = self.hub.position();
        let waiting = subscription.queue.take(AT_ONCE)?;
        if waiting.is_empty() {
            self.passed = self.passed.max(position);
            let until = self.digest.as_ref().and_then(Digester::due);
            let until = until.map_or(self.heartbeat(), |due| due.min(self.heartbeat()));
            if until < self.alarm.deadline() {
                self.alarm.as_mut().reset(until);
            }
            tokio::select! {
                () = subscription.queue.news() => {}
                () = self.alarm.as_mut() => self.alarm.as_mut().reset(Instant::now() + HEARTBEAT),
            }
            return Ok(Vec::new());
        }
        let mut heard = Vec::with_capacity(waiting.len());
        for handed in waiting {
            match handed {
                Handed::One(told) => self.hear(&told, &mut heard),
                // It may begin with what was read in the record.
                Handed::All(portion) if portion.told().first().is_some_and(|first| self.knows(first)) => {
                    portion.told().iter().for_each(|told| self.hear(told, &mut heard));
                }
                Handed::All(portion) => {
                    let last = portion.told().last().and_then(|last| last.place);
                    self.passed = last.unwrap_or(self.passed);
                    heard.push(Heard::Portion(portion));
                }
            }
        }
        Ok(heard)
    }

    /// Whether an event was told already.
    fn knows(&self, told: &Told) -> bool {
        told.place.is_some_and(|place| place <= self.passed)
    }

    /// Tells an event that was not told yet.
    fn hear(&mut self, told: &Arc<Told>, heard: &mut Vec<Heard>) {
        if !self.knows(told) {
            self.passed = told.place.unwrap_or(self.passed);
            heard.push(Heard::Event(Arc::clone(told)));
        }
    }

    async fn newest(&self) -> Result<Option<EventPlace>, Closed> {
        let read = self.store.query(Reader::newest_event).await;
        self.found(read).await
    }

    /// What was read; nothing where it is to be tried again.
    async fn found<T>(&self, read: Result<T, QueryError>) -> Result<Option<T>, Closed> {
        match read {
            Ok(found) => Ok(Some(found)),
            Err(QueryError::Busy | QueryError::TooLong(_)) => {
                tokio::time::sleep(PAUSE).await;
                Ok(None)
            }
            Err(QueryError::Storage(error)) => {
                tracing::error!(%error, "events cannot be read for one who listens");
                Err(Closed::Failed)
            }
        }
    }
}

/// A part of what was missed.
struct Missed {
    told: Vec<Arc<Told>>,
    upto: EventPlace,
    is_whole: bool,
    is_end: bool,
    newest: u64,
}

impl Missed {
    fn read(
        reader: &Reader,
        filter: &EventFilter,
        after: EventPlace,
        held: &HeldCount,
    ) -> Result<Self, StateError> {
        reader.at_once(|reader| {
            let mut jobs = KnownJobs::default();
            let mut missed = Self { told: Vec::new(), upto: after, is_whole: true, is_end: false, newest: 0 };
            let mut looked_at = 0;
            while !missed.is_end && missed.is_whole && missed.told.len() < AT_ONCE && looked_at < LOOKED_AT {
                let page = reader.events(missed.upto, if looked_at == 0 { AT_ONCE } else { STEP })?;
                looked_at += page.events.len() + 1;
                missed.is_whole = page.is_whole;
                missed.is_end = page.is_end;
                missed.newest = page.newest;
                missed.upto = page.upto;
                let wanted = page.events.into_iter().filter(|event| filter.may_want(&event.event)).collect();
                let told = jobs.tell(reader, wanted, |_| true, held)?;
                missed.told.extend(told.into_iter().filter(|told| filter.wants(&told.news)));
            }
            Ok(missed)
        })
    }
}
