//! The connections that carry nothing now, to all targets together, and which of them are closed when they are
//! too many or too old.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::connection::Connection;
use super::metrics::Metrics;
use super::origin::Origin;

/// How often it is looked at least whether a connection is to be closed.
const LOOK: Duration = Duration::from_secs(1);

/// All idle connections. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Pool(Arc<Shared>);

struct Shared {
    most: usize,
    idle: Mutex<Idle>,
    metrics: Metrics,
}

#[derive(Default)]
struct Idle {
    /// By target. The one that rests for the shortest time is at the end, and is used first.
    connections: HashMap<Arc<Origin>, VecDeque<Resting>>,
    /// The target of each, in the order in which they began to rest.
    order: BTreeMap<u64, Arc<Origin>>,
    serial: u64,
    /// Whether a task closes those whose time is over. It ends where none is left.
    is_watched: bool,
}

struct Resting {
    connection: Connection,
    /// Its place in the order.
    serial: u64,
    until: Instant,
}

impl Pool {
    /// Keeps at most `most` idle connections.
    pub(crate) fn new(most: usize, metrics: Metrics) -> Self {
        Self(Arc::new(Shared { most, idle: Mutex::default(), metrics }))
    }

    /// Takes a connection to a target out, of those that seem to be open.
    pub(crate) fn take(&self, origin: &Origin) -> Option<Connection> {
        loop {
            let mut resting = self.0.with(|idle| idle.take(origin))?;
            if resting.until > Instant::now() && resting.connection.is_quiet() {
                return Some(resting.connection);
            }
            resting.connection.close();
        }
    }

    /// Keeps a connection whose last response was read to its end, for so long at most. Where there are too many now,
    /// those that rest for longest are closed.
    pub(crate) fn put(&self, mut connection: Connection, keep: Option<Duration>) {
        let Some(until) = keep.and_then(|keep| connection.rest(keep)) else {
            return connection.close();
        };
        let (surplus, is_unwatched) = self.0.with(|idle| {
            idle.put(connection, until);
            (idle.shrink(self.0.most), !std::mem::replace(&mut idle.is_watched, true))
        });
        surplus.into_iter().for_each(Connection::close);
        if is_unwatched {
            tokio::spawn(watch(Arc::downgrade(&self.0)));
        }
    }

    /// Closes all idle connections, where there is no descriptor for a new one.
    pub(crate) fn give_up(&self) {
        self.0.with(|idle| idle.shrink(0)).into_iter().for_each(Connection::close);
    }
}

impl Shared {
    fn with<T>(&self, act: impl FnOnce(&mut Idle) -> T) -> T {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let result = act(&mut idle);
        self.metrics.idle(idle.order.len());
        result
    }
}

impl Idle {
    fn take(&mut self, origin: &Origin) -> Option<Resting> {
        let resting = self.connections.get_mut(origin)?.pop_back();
        self.took(resting, origin)
    }

    fn put(&mut self, connection: Connection, until: Instant) {
        self.serial += 1;
        let (serial, origin) = (self.serial, Arc::clone(&connection.origin));
        self.order.insert(serial, Arc::clone(&origin));
        self.connections.entry(origin).or_default().push_back(Resting { connection, serial, until });
    }

    /// Takes out those that rest for longest, but for `most`.
    fn shrink(&mut self, most: usize) -> Vec<Connection> {
        let mut surplus = Vec::new();
        while self.order.len() > most
            && let Some((_, origin)) = self.order.first_key_value()
        {
            let origin = Arc::clone(origin);
            let oldest = self.connections.get_mut(&origin).and_then(VecDeque::pop_front);
            match self.took(oldest, &origin) {
                Some(oldest) => surplus.push(oldest.connection),
                None => break,
            }
        }
        surplus
    }

    /// Takes out those whose time is over, and says when the next one is to be closed.
    fn expire(&mut self, now: Instant) -> (Vec<Connection>, Option<Instant>) {
        let (mut over, mut next) = (Vec::new(), None::<Instant>);
        self.connections.retain(|_, connections| {
            for resting in std::mem::take(connections) {
                if resting.until > now {
                    next = Some(next.map_or(resting.until, |next| next.min(resting.until)));
                    connections.push_back(resting);
                } else {
                    self.order.remove(&resting.serial);
                    over.push(resting.connection);
                }
            }
            !connections.is_empty()
        });
        (over, next)
    }

    /// One was taken from the end of the queue of its target, or from its front.
    fn took(&mut self, resting: Option<Resting>, origin: &Origin) -> Option<Resting> {
        if self.connections.get(origin).is_some_and(VecDeque::is_empty) {
            self.connections.remove(origin);
        }
        let resting = resting?;
        self.order.remove(&resting.serial);
        Some(resting)
    }
}

/// Closes connections whose time is over, until there are none.
async fn watch(pool: Weak<Shared>) {
    loop {
        let now = Instant::now();
        let Some(shared) = pool.upgrade() else { return };
        let (over, next) = shared.with(|idle| {
            let (over, next) = idle.expire(now);
            idle.is_watched = next.is_some();
            (over, next)
        });
        over.into_iter().for_each(Connection::close);
        drop(shared);
        let Some(next) = next else { return };
        tokio::time::sleep_until(next.min(now + LOOK)).await;
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("most", &self.0.most).finish_non_exhaustive()
    }
}
