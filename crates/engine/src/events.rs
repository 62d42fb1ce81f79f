//! The use case of events: whoever listens is told what happens, live, and what they have missed.
//!
//! `apply` puts on record what each entry of the log has changed, for an hour. [`EventFeeder`] reads that once for all who
//! listen on this node, and the hub hands each of them what they want ([`hub`]). [`Listening`] is one of them.

mod cluster;
mod digest;
mod feeder;
mod filter;
mod hub;
mod listening;
mod metrics;
mod queue;
mod told;

use std::fmt;
use std::time::Duration;

use chronos_replica::Replica;
use chronos_state::{EVENTS_SINCE, EventPlace, JobSeq, Reader};
use chronos_types::{JobId, Scope, clip};

use crate::error::{NotFound, ReadError, Unavailable};
use crate::services::Services;
use listening::Begin;

pub use cluster::ClusterWatch;
pub use digest::Digest;
pub use feeder::EventFeeder;
pub use filter::EventFilter;
pub use hub::EventHub;
pub use listening::{Heard, Listening, ResetReason};
pub use queue::Closed;
pub use told::{ClusterEvent, News, Portion, Told};

/// The shortest time between two digests, and the longest.
pub const DIGEST_EVERY: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];

/// Tells what happens to whoever listens.
#[derive(Debug)]
pub struct Events {
    services: Services,
    replica: Replica,
    hub: EventHub,
}

/// The id of an event: its place in the log of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventId {
    /// The id of the cluster.
    pub cluster: String,
    /// The place.
    pub place: EventPlace,
}

/// What somebody listens for.
#[derive(Clone, Debug, Default)]
pub struct Listen {
    /// Events of this job alone, by its id or its name.
    pub job: Option<String>,
    /// What else is wanted.
    pub filter: EventFilter,
    /// It goes on after this one; without, it begins now.
    pub after: Option<EventId>,
    /// Events are summed up over so long.
    pub digest: Option<Duration>,
}

impl Events {
    /// The use case, with what it works with.
    #[must_use]
    pub fn new(services: Services, replica: Replica, hub: EventHub) -> Self {
        Self { services, replica, hub }
    }

    /// Begins to listen.
    ///
    /// # Errors
    /// There is no such job, too many listen already, this node belongs to no cluster or stops, or the cluster has no
    /// events yet.
    pub async fn listen(&self, scope: &Scope, what: Listen) -> Result<Listening, ReadError> {
        let Listen { job, mut filter, after, digest } = what;
        let Some(cluster) = self.replica.status().cluster else {
            return Err(Unavailable::NoCluster("this node has no cluster yet".to_owned()).into());
        };
        let version = self.services.proposer.version();
        if version < EVENTS_SINCE {
            let why = format!(
                "there are events from cluster version {EVENTS_SINCE} on, and the cluster is at version {version} until \
                 every node can follow a higher one"
            );
            return Err(Unavailable::NotInUse(why).into());
        }
        self.hub.is_open().map_err(|why| Unavailable::Stopping(why.to_string()))?;
        let place = self.hub.place().ok_or_else(|| {
            Unavailable::Busy(format!(
                "{} clients listen for events on this node already",
                hub::MOST_LISTENERS
            ))
        })?;
        if let Some(key) = job {
            filter.job = Some(self.job(scope, key).await?);
        }
        filter.scope = scope.clone();
        let begin = match after {
            // Before the answer begins: what happens once a client has its head is told.
            None => Begin::Now(self.services.store.query(Reader::newest_event).await?),
            Some(id) if id.cluster == cluster => Begin::After(id.place),
            Some(_) => Begin::Elsewhere,
        };
        let store = self.services.store.clone();
        Ok(Listening::new(self.hub.clone(), store, cluster.into(), filter, (begin, digest), place))
    }

    /// The number of a job. One that is deleted is found by its id.
    async fn job(&self, scope: &Scope, key: String) -> Result<JobSeq, ReadError> {
        let (wanted, scope) = (key.clone(), scope.clone());
        let find = move |reader: &Reader| {
            let found = match (reader.find_job(&wanted)?, JobId::parse(&wanted)) {
                (Some(found), _) => Some(found.seq),
                (None, Ok(id)) => reader.job_of_id(id)?,
                (None, Err(_)) => None,
            };
            match found {
                Some(job) if reader.is_job_in(job, &scope)? => Ok(Some(job)),
                _ => Ok(None),
            }
        };
        let found = self.services.store.query(find).await?;
        Ok(found.ok_or(NotFound::Job(key))?)
    }
}

impl EventId {
    /// Reads an id as it was told.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{:?} is no id of an event; expected one that was told, such as \"0a1b2c3d4e5f60718293a4b5c6d7e8f9-4711-0\"",
                clip(text)
            )
        };
        let mut parts = text.rsplitn(3, '-');
        let (n, index, cluster) = (parts.next(), parts.next(), parts.next());
        let cluster =
            cluster.filter(|cluster| !cluster.is_empty() && cluster.len() <= 64).ok_or_else(wrong)?;
        let index = index.and_then(number).ok_or_else(wrong)?;
        let n = n.and_then(number).and_then(|n| u32::try_from(n).ok()).ok_or_else(wrong)?;
        Ok(Self { cluster: cluster.to_owned(), place: EventPlace { index, n } })
    }
}

/// A number that SQLite has, in digits alone.
fn number(text: &str) -> Option<u64> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse::<i64>().ok()).flatten().map(i64::cast_unsigned)
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cluster, place: EventPlace { index, n } } = self;
        write!(f, "{cluster}-{index}-{n}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_was_told_and_nothing_else_is() {
        let id = EventId { cluster: "c0ffee".into(), place: EventPlace { index: 4711, n: 3 } };
        assert_eq!(EventId::parse(&id.to_string()), Ok(id));
        let id = EventId::parse("a-b-0-0").expect("an id");
        assert_eq!((id.cluster.as_str(), id.place), ("a-b", EventPlace::default()));
        for wrong in [
            "",
            "1",
            "1-2",
            "-1-2",
            "c-1",
            "c-+1-2",
            "c-1-",
            "c--1",
            "c-1-4294967296",
            "c-9223372036854775808-0",
        ] {
            let error = EventId::parse(wrong).expect_err(wrong);
            assert!(error.contains(&format!("{wrong:?}")) && error.contains("expected"), "{error}");
        }
    }
}
