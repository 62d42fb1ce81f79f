//! What waits for one who listens. It is bounded: whoever does not take it loses the connection, and nobody waits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::told::Told;

/// So many events wait for one who listens.
pub(super) const MOST_WAITING: usize = 4_096;

/// Why somebody hears no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// They did not take what there was.
    #[error("the listener is too slow: more events wait for it than there is room for")]
    Slow,
    /// This node could not read on from where it was.
    #[error("what happened is not on record any more")]
    Lost,
    /// The storage of this node failed.
    #[error("the events cannot be read")]
    Failed,
    /// This node stops.
    #[error("this node is stopping")]
    Stopping,
}

/// What waits for one who listens.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    told: VecDeque<Arc<Told>>,
    closed: Option<Closed>,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds events. Answers whether there is room for them; without, nobody hears of any more.
    pub(super) fn put(&self, told: impl IntoIterator<Item = Arc<Told>>) -> bool {
        let mut waiting = self.lock();
        if waiting.closed.is_none() {
            waiting.told.extend(told);
            if waiting.told.len() > MOST_WAITING {
                drop(waiting);
                self.close(Closed::Slow);
                return false;
            }
        }
        drop(waiting);
        self.news.notify_one();
        true
    }

    /// No more comes, and what waited is let go at once, whoever still holds the other end.
    pub(super) fn close(&self, why: Closed) {
        let mut waiting = self.lock();
        waiting.closed.get_or_insert(why);
        // Freed after the lock.
        let told = std::mem::take(&mut waiting.told);
        drop(waiting);
        drop(told);
        self.news.notify_one();
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.lock().told.len()
    }

    /// What waits now.
    pub(super) fn take(&self, most: usize) -> Result<Vec<Arc<Told>>, Closed> {
        let mut waiting = self.lock();
        if let Some(why) = waiting.closed {
            return Err(why);
        }
        let count = waiting.told.len().min(most);
        Ok(waiting.told.drain(..count).collect())
    }

    /// Resolves when something may have come.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }
}
