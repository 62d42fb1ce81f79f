//! The connections that carry nothing now, to all targets together, and which of them are closed when they are
//! too many.
//!
//! hyper's pool bounds the idle connections to one host, and there may be as many hosts as jobs. It offers no way
//! to close one. But it watches each idle connection for its end. So a connection that is to be closed reports to
//! hyper that the other side closed it. hyper then makes a request that had just been given that connection again
//! on another one, since nothing of the request was sent.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use futures::task::AtomicWaker;
use tokio::time::Instant;

use crate::Metrics;

/// A connection that was just made is about to carry the request that it was made for. hyper does not make that
/// request again if the connection ends before it is used, so a new connection is spared for this long.
const NEW: Duration = Duration::from_secs(1);

/// All idle connections. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Idle(Arc<All>);

struct All {
    most: usize,
    places: Mutex<Places>,
    metrics: Metrics,
}

#[derive(Default)]
struct Places {
    serial: u64,
    /// The idle connections by when they became so. The serial number tells those of one instant apart.
    idle: BTreeMap<Place, Arc<Shared>>,
}

type Place = (Instant, u64);

/// What a connection, and whoever uses it, know of it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Link {
    all: Idle,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Where it stands among the idle ones. Changed only under the lock on the places.
    place: Mutex<Option<Place>>,
    is_idle: AtomicBool,
    /// How often something was written to it.
    writes: AtomicU64,
    /// It reports its end, if nothing is written to it before it is read from.
    is_given_up: AtomicBool,
    has_ended: AtomicBool,
    /// Waits to be told that it is given up.
    reader: AtomicWaker,
    /// Waits for a response by it.
    caller: AtomicWaker,
}

/// One use of a connection: a request, and what came back.
///
/// hyper puts a clone into each response, before it gives the connection to the next request. So a clone is of the
/// use of that moment.
pub(crate) struct Use {
    link: Link,
    /// Of the connection, when this was cloned from another one.
    writes: u64,
    /// Of the connection, when that other one was.
    writes_before: u64,
}

impl Idle {
    /// Keeps at most `most` idle connections.
    pub(crate) fn new(most: usize, metrics: Metrics) -> Self {
        Self(Arc::new(All { most, places: Mutex::default(), metrics }))
    }

    /// A connection that was just made.
    pub(crate) fn link(&self) -> Link {
        Link { all: self.clone(), shared: Arc::default() }
    }

    /// Gives up all idle connections, where there is no descriptor for a new one.
    pub(crate) fn give_up(&self) {
        self.shrink(&mut self.places(), 0);
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.0.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives up those that are idle for longest.
    fn shrink(&self, places: &mut Places, to: usize) {
        let now = Instant::now();
        while places.idle.len() > to
            && let Some(oldest) = places.idle.first_entry()
            && oldest.key().0 <= now
        {
            oldest.remove().give_up();
        }
        self.0.metrics.idle(places.idle.len());
    }
}

impl Link {
    /// It was just made, and waits for its first request.
    pub(crate) fn is_new(&self) {
        self.rests(Instant::now() + NEW, self.writes());
    }

    /// The use that it has now.
    pub(crate) fn current_use(&self) -> Use {
        let writes = self.writes();
        Use { link: self.clone(), writes, writes_before: writes }
    }

    fn writes(&self) -> u64 {
        self.shared.writes.load(Ordering::SeqCst)
    }

    /// It is idle, where nothing was written to it since.
    fn rests(&self, from: Instant, writes: u64) {
        let mut places = self.all.places();
        if self.shared.has_ended.load(Ordering::SeqCst) {
            return;
        }
        self.shared.leave(&mut places);
        places.serial += 1;
        let place = (from, places.serial);
        self.shared.set(Some(place));
        // Either this sees the next use, or the next use sees that it is idle.
        if self.writes() != writes {
            return self.shared.set(None);
        }
        places.idle.insert(place, Arc::clone(&self.shared));
        self.all.shrink(&mut places, self.all.0.most);
    }

    /// Something is written to it.
    pub(crate) fn is_used(&self) {
        self.shared.writes.fetch_add(1, Ordering::SeqCst);
        if self.shared.is_idle.load(Ordering::SeqCst) {
            self.shared.leave(&mut self.all.places());
        }
        self.shared.is_given_up.store(false, Ordering::SeqCst);
    }

    /// It is closed.
    pub(crate) fn ends(&self) {
        let mut places = self.all.places();
        self.shared.has_ended.store(true, Ordering::SeqCst);
        self.shared.leave(&mut places);
        self.all.0.metrics.idle(places.idle.len());
        drop(places);
        self.shared.caller.wake();
    }

    /// Whether it is to report its end. Otherwise `reader` is woken when it is.
    pub(crate) fn is_given_up(&self, reader: &Waker) -> bool {
        self.shared.reader.register(reader);
        self.shared.is_given_up.load(Ordering::SeqCst)
    }
}

impl Use {
    /// The response was read. The connection is idle, if its next use has not begun yet: hyper gives it to another
    /// request as soon as the last byte has come, and that may be before the caller of this has seen it.
    pub(crate) fn end(self) {
        self.link.rests(Instant::now(), self.writes);
    }

    /// Whether the connection ended with nothing written to it since the use that this was cloned from. Otherwise
    /// the caller is woken when it ends.
    pub(crate) fn was_in_vain(&self, caller: &mut Context<'_>) -> bool {
        self.link.shared.caller.register(caller.waker());
        self.link.shared.has_ended.load(Ordering::SeqCst) && self.link.writes() == self.writes_before
    }
}

impl Clone for Use {
    fn clone(&self) -> Self {
        Self { writes_before: self.writes, ..self.link.current_use() }
    }
}

impl Shared {
    fn set(&self, place: Option<Place>) {
        self.is_idle.store(place.is_some(), Ordering::SeqCst);
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }

    fn leave(&self, places: &mut Places) {
        let place = *self.place.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = place {
            places.idle.remove(&place);
            self.set(None);
        }
    }

    fn give_up(&self) {
        // In this order: a use that sees that it is idle no more takes this back.
        self.is_given_up.store(true, Ordering::SeqCst);
        self.set(None);
        self.reader.wake();
    }
}

impl fmt::Debug for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Idle").field("most", &self.0.most).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn is_given_up(link: &Link) -> bool {
        link.is_given_up(Waker::noop())
    }

    #[test]
    fn the_end_of_a_use_is_not_the_end_of_the_next_one() {
        let idle = Idle::new(0, Metrics::default());
        let link = idle.link();
        link.is_used();
        let (first, seen_late) = (link.current_use(), link.current_use());
        // hyper has given it to the next request before the first caller has seen the end of its response.
        link.is_used();
        first.end();
        assert!(!is_given_up(&link));
        let second = link.current_use();
        seen_late.end();
        assert!(!is_given_up(&link));
        second.end();
        assert!(is_given_up(&link));
    }

    #[test]
    fn a_request_that_is_written_takes_it_back() {
        let idle = Idle::new(8, Metrics::default());
        let link = idle.link();
        link.current_use().end();
        idle.give_up();
        assert!(is_given_up(&link));
        link.is_used();
        assert!(!is_given_up(&link));
        // One that was just made is spared.
        let new = idle.link();
        new.is_new();
        idle.give_up();
        assert!(!is_given_up(&new));
    }

    #[test]
    fn a_use_with_nothing_written_before_the_end_was_in_vain() {
        let idle = Idle::new(8, Metrics::default());
        let was_in_vain = |used: &Use| used.was_in_vain(&mut Context::from_waker(Waker::noop()));
        let link = idle.link();
        link.is_used();
        // As hyper clones it: when a request is given to the connection, and again when it is asked for.
        let (given, answered) = (link.current_use(), link.current_use());
        link.is_used();
        let (unsent, sent) = (link.current_use().clone(), given.clone());
        assert!(!was_in_vain(&unsent));
        link.ends();
        assert!(was_in_vain(&unsent));
        assert!(!was_in_vain(&sent));
        assert!(!was_in_vain(&answered.clone()));
    }
}
