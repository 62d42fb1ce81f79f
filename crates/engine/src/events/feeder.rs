//! The loop that reads what comes on record, once for all who listen on this node.
//!
//! It reads while somebody listens, and it reads the state as anybody may: so what is told live is what a client hears
//! that comes back later, or asks another node, and nothing is lost where the state was replaced by that of another node.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chronos_env::Seldom;
use chronos_state::{EventJob, EventPage, EventPlace, JobSeq, Reader, RecordedEvent, StateError};
use chronos_types::EventType;

use super::hub::EventHub;
use super::queue::Closed;
use super::told::{HeldCount, News, Told};
use crate::services::Services;

/// Between two reads: what comes meanwhile is read at once.
const BEAT: Duration = Duration::from_millis(20);
/// Where more is waiting, this is for those who listen to take what they got.
const BREATH: Duration = Duration::from_millis(2);
/// Between tries while the storage fails.
const PAUSE: Duration = Duration::from_secs(1);
/// Events that are read at once, roughly.
const PORTION: usize = 1_000;
/// Jobs that are known by their name and tags. Past that all are looked up anew.
const MOST_JOBS: usize = 10_000;

/// The loop that reads what comes on record.
#[derive(Debug)]
pub struct EventFeeder {
    services: Services,
    hub: EventHub,
    jobs: Arc<Mutex<KnownJobs>>,
    failing: Seldom,
}

/// What is told of jobs, so that it is not looked up for each run.
#[derive(Debug, Default)]
pub(super) struct KnownJobs(HashMap<JobSeq, Option<Arc<EventJob>>>);

/// What a read has found.
struct Found {
    told: Vec<Arc<Told>>,
    page: EventPage,
}

impl EventFeeder {
    /// The loop, with what it works with.
    #[must_use]
    pub fn new(services: Services, hub: EventHub) -> Self {
        Self { services, hub, jobs: Arc::default(), failing: Seldom::default() }
    }

    /// Reads for as long as the node runs. Nobody hears any more when it ends.
    pub async fn run(self) {
        let mut news = self.hub.news();
        loop {
            match self.tick().await {
                Ok(true) => tokio::time::sleep(BREATH).await,
                Ok(false) => {
                    tokio::time::sleep(BEAT).await;
                    if news.changed().await.is_err() {
                        // It holds the other end itself.
                        return;
                    }
                }
                Err(error) => {
                    self.failing.say(|| tracing::warn!(%error, "what happened cannot be read; trying again"));
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Reads and hands over a portion. Answers whether there is more.
    async fn tick(&self) -> Result<bool, StateError> {
        let Some((after, begun)) = self.hub.next() else { return Ok(false) };
        let Found { told, page } = self.read(after, false).await?;
        if !page.is_whole {
            tracing::warn!("events were forgotten before they were read; those who listen are to come again");
            self.hub.close_all(Closed::Lost);
            return Ok(false);
        }
        let upto = page.upto;
        if !self.hub.hand_over(&told, upto, false, begun) {
            // Somebody else listens by now, and may want what nobody wanted.
            let Found { told, page } = self.read(after, true).await?;
            self.hub.hand_over(&told, page.upto, true, begun);
        }
        drop(told);
        self.hub.make_room();
        Ok(!page.is_end)
    }

    /// Reads a portion: all of it, or what somebody wants.
    async fn read(&self, after: EventPlace, all: bool) -> Result<Found, StateError> {
        let (hub, jobs) = (self.hub.clone(), Arc::clone(&self.jobs));
        let read = move |reader: &Reader| {
            reader.at_once(|reader| {
                let mut page = reader.events(after, PORTION)?;
                for (index, why) in &page.unreadable {
                    tracing::warn!(
                        index,
                        why,
                        "the events of an entry of the log cannot be read, and are not told"
                    );
                }
                let events = std::mem::take(&mut page.events);
                let mut jobs = jobs.lock().unwrap_or_else(PoisonError::into_inner);
                let wanted = |job| all || hub.wants(job);
                let told = jobs.tell(reader, events, wanted, hub.held())?;
                Ok(Found { told, page })
            })
        };
        self.services.store.read(read).await
    }
}

impl Drop for EventFeeder {
    fn drop(&mut self) {
        self.hub.close_all(Closed::Stopping);
    }
}

impl KnownJobs {
    /// Those of some events that are wanted, with what is told of their jobs.
    pub(super) fn tell(
        &mut self,
        reader: &Reader,
        events: Vec<RecordedEvent>,
        wanted: impl Fn(Option<JobSeq>) -> bool,
        held: &HeldCount,
    ) -> Result<Vec<Arc<Told>>, StateError> {
        let mut told = Vec::with_capacity(events.len());
        for RecordedEvent { place, at, event } in events {
            let (job, what) = (event.job(), event.what());
            if let (EventType::JobChanged | EventType::JobDeleted, Some(job)) = (what, job) {
                self.0.remove(&job);
            }
            if wanted(job) {
                let known = job.map(|job| self.get(reader, job)).transpose()?.flatten();
                let news = News::of(event, known);
                told.push(Arc::new(Told::new(Some(place), at, news, held)));
            }
        }
        Ok(told)
    }

    pub(super) fn get(&mut self, reader: &Reader, job: JobSeq) -> Result<Option<Arc<EventJob>>, StateError> {
        if let Some(known) = self.0.get(&job) {
            return Ok(known.clone());
        }
        if self.0.len() >= MOST_JOBS {
            self.0.clear();
        }
        let found = reader.event_job(job)?.map(Arc::new);
        self.0.insert(job, found.clone());
        Ok(found)
    }
}
