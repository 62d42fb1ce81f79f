//! The loop that reads what comes on record, once for all who listen on this node.
//!
//! It reads while somebody listens, and it reads the state as anybody may: so what is told live is what a client hears
//! that comes back later, or asks another node, and nothing is lost where the state was replaced by that of another node.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chronos_env::Seldom;
use chronos_state::{
    Event, EventJob, EventPage, EventPlace, JobSeq, KEPT_OPERATIONS, OperationSpec, Reader, RecordedEvent,
    StateError,
};
use chronos_types::{EventType, OperationId, Scope};

use super::hub::EventHub;
use super::queue::Closed;
use super::told::{HeldCount, News, Told};
use crate::services::Services;

/// Between two reads: what comes meanwhile is read at once. Where much comes, little of it at a time keeps nobody waiting.
const BEAT: Duration = Duration::from_millis(50);
const BEAT_OF_MANY: Duration = Duration::from_millis(10);
const MANY: usize = PORTION / 2;
/// Where more is waiting, this is for those who listen to take what they got.
const BREATH: Duration = Duration::from_millis(2);
/// Between tries while the storage fails.
const PAUSE: Duration = Duration::from_secs(1);
/// Events that are read at once, roughly. Their text is sent to all who listen for everything, and stays in the caches.
const PORTION: usize = 256;
/// What is known of jobs by their names and tags takes so many bytes, roughly: some 50,000 jobs. Past that all are looked
/// up anew.
const MOST_KNOWN: usize = 16 << 20;
/// What a job takes there beside its texts, and each tag.
const JOB_BYTES: usize = 160;
const TAG_BYTES: usize = 64;

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
pub(super) struct KnownJobs {
    jobs: HashMap<JobSeq, Option<Arc<EventJob>>>,
    /// What operations may touch.
    operations: HashMap<OperationId, Scope>,
    /// How many bytes that is, roughly.
    bytes: usize,
}

/// What a read has brought.
#[derive(Default)]
struct Came {
    /// How many events that somebody wants.
    events: usize,
    /// Whether more is waiting.
    more: bool,
}

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
                Ok(Came { more: true, .. }) => tokio::time::sleep(BREATH).await,
                Ok(Came { events, .. }) => {
                    tokio::time::sleep(if events < MANY { BEAT } else { BEAT_OF_MANY }).await;
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

    /// Reads and hands over a portion.
    async fn tick(&self) -> Result<Came, StateError> {
        let Some((after, begun)) = self.hub.next() else { return Ok(Came::default()) };
        let Found { told, page } = self.read(after, false).await?;
        if !page.is_whole {
            tracing::warn!("events were forgotten before they were read; those who listen are to come again");
            self.hub.close_all(Closed::Lost);
            return Ok(Came::default());
        }
        let upto = page.upto;
        if !self.hub.hand_over(&told, upto, false, begun) {
            // Somebody else listens by now, and may want what nobody wanted.
            let Found { told, page } = self.read(after, true).await?;
            self.hub.hand_over(&told, page.upto, true, begun);
        }
        let came = Came { events: told.len(), more: !page.is_end };
        drop(told);
        self.hub.make_room();
        Ok(came)
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
                self.forget(job);
            }
            if wanted(job) {
                let known = job.map(|job| self.get(reader, job)).transpose()?.flatten();
                let scope = match &event {
                    Event::Operation(event) => self.scope(reader, event.id)?,
                    Event::Job(_) | Event::Execution(_) => Scope::all(),
                };
                let news = News::of(event, known, scope);
                told.push(Arc::new(Told::new(Some(place), at, news, held)));
            }
        }
        Ok(told)
    }

    pub(super) fn get(&mut self, reader: &Reader, job: JobSeq) -> Result<Option<Arc<EventJob>>, StateError> {
        if let Some(known) = self.jobs.get(&job) {
            return Ok(known.clone());
        }
        let found = reader.event_job(job)?.map(Arc::new);
        self.keep(job, found.clone());
        Ok(found)
    }

    /// What an operation may touch. One that is on record no more, or cannot be read, may have touched all.
    fn scope(&mut self, reader: &Reader, id: OperationId) -> Result<Scope, StateError> {
        if let Some(known) = self.operations.get(&id) {
            return Ok(known.clone());
        }
        let spec = reader.operation(id)?.and_then(|row| row.spec.ok());
        let scope = spec.as_ref().map_or(Scope::all(), OperationSpec::within);
        if self.operations.len() >= 2 * KEPT_OPERATIONS {
            self.operations.clear();
        }
        self.operations.insert(id, scope.clone());
        Ok(scope)
    }

    fn keep(&mut self, job: JobSeq, found: Option<Arc<EventJob>>) {
        let bytes = weight(found.as_deref());
        if self.bytes + bytes > MOST_KNOWN {
            *self = Self::default();
        }
        self.bytes += bytes;
        self.jobs.insert(job, found);
    }

    fn forget(&mut self, job: JobSeq) {
        if let Some(gone) = self.jobs.remove(&job) {
            self.bytes -= weight(gone.as_deref());
        }
    }
}

/// How many bytes it takes to know a job, roughly.
fn weight(job: Option<&EventJob>) -> usize {
    let texts = job.map_or(0, |job| {
        let tags = job.tags.iter().map(|(key, value)| key.len() + value.len() + TAG_BYTES);
        job.name.len() + tags.sum::<usize>()
    });
    JOB_BYTES + texts
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chronos_types::JobId;

    use super::*;

    #[test]
    fn what_is_known_of_jobs_is_bounded_in_bytes() {
        let job = |name: usize| {
            let tags = BTreeMap::from([("team".to_owned(), "web".to_owned())]);
            Some(Arc::new(EventJob { id: JobId::new(0, [0; 10]), name: "n".repeat(name), tags }))
        };
        let mut known = KnownJobs::default();
        let as_many_as_fire = 40_000;
        for number in 0..as_many_as_fire {
            known.keep(JobSeq::new(number), job(30));
        }
        assert_eq!(known.jobs.len(), 40_000, "none was forgotten");
        for number in 0..as_many_as_fire {
            known.keep(JobSeq::new(100_000 + number), job(1_000));
            assert!(known.bytes <= MOST_KNOWN);
        }
        assert!(known.jobs.len() < 40_000);
        known.keep(JobSeq::new(1), None);
        for number in known.jobs.keys().copied().collect::<Vec<_>>() {
            known.forget(number);
        }
        assert_eq!(known.bytes, 0);
    }
}
