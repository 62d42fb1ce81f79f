//! The places for connections at the port where a node listens for others, and who gives way when there is none left.
//!
//! A connection is a stranger's until whoever made it has shown that it is a node of the cluster: by its certificate or,
//! where there is no TLS, by a call that names the cluster. Strangers have few places, and a new one always gets one of
//! them. All other places are kept for nodes. So nobody keeps a node out by opening sockets.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use chronos_env::Seldom;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// Of so many places one is for strangers.
const SHARE: usize = 16;
/// Strangers at a time. Nodes are strangers for a round trip or two. When a node starts, ten others may connect to it
/// at once, by some connections each. One that has to give way connects anew.
const STRANGERS: (usize, usize) = (4, 64);

/// The places of one port.
pub(super) struct Places(Arc<Shared>);

struct Shared {
    /// One for each connection that nodes may have.
    nodes: Arc<Semaphore>,
    /// How many strangers there may be.
    most: usize,
    strangers: Mutex<Strangers>,
    complaint: Seldom,
}

#[derive(Default)]
struct Strangers {
    entered: u64,
    /// By the order in which they came.
    here: BTreeMap<u64, Stranger>,
}

struct Stranger {
    from: IpAddr,
    is_calling: bool,
    /// Cancelled when it has to give way.
    leave: CancellationToken,
}

/// The place of one connection.
pub(super) struct Place {
    shared: Arc<Shared>,
    number: u64,
    leave: CancellationToken,
    /// Once it is a node's.
    node: OnceLock<OwnedSemaphorePermit>,
}

impl Places {
    /// Shares `most` places out.
    pub(super) fn new(most: usize) -> Self {
        let strangers = (most / SHARE).clamp(STRANGERS.0, STRANGERS.1);
        let nodes = most.saturating_sub(strangers).clamp(1, Semaphore::MAX_PERMITS);
        Self(Arc::new(Shared {
            nodes: Arc::new(Semaphore::new(nodes)),
            most: strangers,
            strangers: Mutex::default(),
            complaint: Seldom::default(),
        }))
    }

    /// How many connections may be open for a moment: those that have to give way close while others have come.
    pub(super) fn most_open(&self) -> usize {
        self.0.nodes.available_permits().saturating_add(2 * self.0.most)
    }

    /// A stranger has come. Where there are too many now, one of them gives way.
    pub(super) fn enter(&self, from: IpAddr) -> Place {
        let (shared, leave) = (Arc::clone(&self.0), CancellationToken::new());
        let mut strangers = shared.strangers();
        if strangers.here.len() >= shared.most {
            strangers.send_one_away();
            let say = || tracing::warn!(%from, "too many connect that do not show that they are nodes");
            shared.complaint.say(say);
        }
        strangers.entered += 1;
        let number = strangers.entered;
        let stranger = Stranger { from, is_calling: false, leave: leave.clone() };
        strangers.here.insert(number, stranger);
        drop(strangers);
        Place { shared, number, leave, node: OnceLock::new() }
    }
}

impl Shared {
    fn strangers(&self) -> MutexGuard<'_, Strangers> {
        self.strangers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Strangers {
    /// One that has no call under way, if there is any; of those, one from the address that holds the most places; and
    /// of those, the one that came first.
    fn send_one_away(&mut self) {
        let mut held = HashMap::<IpAddr, usize>::new();
        self.here.values().for_each(|stranger| *held.entry(stranger.from).or_default() += 1);
        let worth = |(number, stranger): &(&u64, &Stranger)| {
            (!stranger.is_calling, held.get(&stranger.from).copied(), Reverse(**number))
        };
        let goes = self.here.iter().max_by_key(worth).map(|(number, _)| *number);
        if let Some(stranger) = goes.and_then(|number| self.here.remove(&number)) {
            stranger.leave.cancel();
        }
    }
}

impl Place {
    /// Resolves when it has to give way. It never does once it is a node's.
    pub(super) async fn gives_way(&self) {
        self.leave.cancelled().await;
    }

    /// Whether it is a node's.
    pub(super) fn is_nodes(&self) -> bool {
        self.node.get().is_some()
    }

    /// Whoever made the connection is a node. Says whether it stays: there may be too many of those, too, or it was
    /// just sent away.
    pub(super) fn becomes_nodes(&self) -> bool {
        if self.is_nodes() {
            return true;
        }
        let Ok(permit) = Arc::clone(&self.shared.nodes).try_acquire_owned() else {
            self.shared.complaint.say(|| tracing::warn!("too many connections of other nodes"));
            return false;
        };
        let was_here = self.shared.strangers().here.remove(&self.number).is_some();
        was_here && self.node.set(permit).is_ok()
    }

    /// A call is under way until this is dropped.
    pub(super) fn call(&self) -> Calling {
        let calling = Calling { shared: Arc::clone(&self.shared), number: self.number };
        calling.set(true);
        calling
    }

    /// Whether a stranger's call is under way.
    pub(super) fn is_calling(&self) -> bool {
        self.shared.strangers().here.get(&self.number).is_some_and(|stranger| stranger.is_calling)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.strangers().here.remove(&self.number);
    }
}

/// A call on a connection, which carries one at a time.
pub(super) struct Calling {
    shared: Arc<Shared>,
    number: u64,
}

impl Calling {
    fn set(&self, is_calling: bool) {
        if let Some(stranger) = self.shared.strangers().here.get_mut(&self.number) {
            stranger.is_calling = is_calling;
        }
    }
}

impl Drop for Calling {
    fn drop(&mut self) {
        self.set(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    fn gone(places: &[Place]) -> Vec<usize> {
        let gone = places.iter().enumerate().filter(|(_, place)| place.leave.is_cancelled());
        gone.map(|(index, _)| index).collect()
    }

    #[test]
    fn the_oldest_of_whoever_has_the_most_places_gives_way() {
        let places = Places::new(32);
        let mut came: Vec<Place> = Vec::new();
        for (from, expected) in [
            (1, vec![]),
            (2, vec![]),
            (2, vec![]),
            (1, vec![]),
            (2, vec![0]),
            (2, vec![0, 1]),
            (3, vec![0, 1, 2]),
            (4, vec![0, 1, 2, 4]),
        ] {
            came.push(places.enter(address(from)));
            assert_eq!(gone(&came), expected, "{} came", came.len());
        }
    }

    #[test]
    fn a_call_that_is_under_way_gives_way_last() {
        let places = Places::new(32);
        let mut came: Vec<Place> = (0..4).map(|_| places.enter(address(1))).collect();
        let calls: Vec<_> = came.iter().take(3).map(Place::call).collect();
        assert!(came[0].is_calling() && !came[3].is_calling());
        came.push(places.enter(address(2)));
        assert_eq!(gone(&came), [3]);
        let last = came[4].call();
        came.push(places.enter(address(2)));
        assert_eq!(gone(&came), [0, 3], "somebody has to");
        drop((calls, last));
        came.push(places.enter(address(2)));
        assert_eq!(gone(&came), [0, 1, 3], "of two each, the first that came");
    }

    #[test]
    fn a_node_has_a_place_of_its_own_until_it_goes() {
        let places = Places::new(8);
        let nodes: Vec<_> = (0..4).map(|_| places.enter(address(1))).collect();
        assert!(nodes.iter().all(Place::becomes_nodes));
        let strangers: Vec<_> = (0..50).map(|_| places.enter(address(1))).collect();
        assert_eq!(gone(&nodes), [0; 0]);
        assert_eq!(gone(&strangers).len(), 46);
        // No place is left for a fifth node, until one goes.
        assert!(!strangers[49].becomes_nodes() && !strangers[49].is_nodes());
        drop(nodes);
        assert!(strangers[49].becomes_nodes() && strangers[49].is_nodes());
        assert!(!strangers[0].becomes_nodes(), "it was sent away");
        assert_eq!(places.0.nodes.available_permits(), 3);
        assert!(!strangers[48].is_calling());
    }
}
