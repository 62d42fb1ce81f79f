//! What waits for one who listens. It is bounded: whoever does not take it loses the connection, and nobody waits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::told::{Portion, Told};

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

/// What is handed over.
#[derive(Clone, Debug)]
pub(super) enum Handed {
    /// One event of those that were read together.
    One(Arc<Told>),
    /// All of them.
    All(Arc<Portion>),
}

impl Handed {
    fn count(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::All(portion) => portion.told().len(),
        }
    }
}

/// What waits for one who listens.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    handed: VecDeque<Handed>,
    /// How many events these are.
    count: usize,
    closed: Option<Closed>,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds events. Answers whether there is room for them; without, nobody hears of any more.
    pub(super) fn put(&self, handed: impl IntoIterator<Item = Handed>) -> bool {
        let mut waiting = self.lock();
        if waiting.closed.is_none() {
            for one in handed {
                waiting.count += one.count();
                waiting.handed.push_back(one);
            }
            if waiting.count > MOST_WAITING {
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
        waiting.count = 0;
        let handed = std::mem::take(&mut waiting.handed);
        drop(waiting);
        drop(handed);
        self.news.notify_one();
    }

    /// How many events wait.
    pub(super) fn len(&self) -> usize {
        self.lock().count
    }

    /// What waits now: `most` events at most, or one portion of them.
    pub(super) fn take(&self, most: usize) -> Result<Vec<Handed>, Closed> {
        let mut waiting = self.lock();
        if let Some(why) = waiting.closed {
            return Err(why);
        }
        let (mut taken, mut count) = (Vec::new(), 0);
        while let Some(next) = waiting.handed.front() {
            count += next.count();
            if count > most && !taken.is_empty() {
                break;
            }
            waiting.count -= next.count();
            taken.extend(waiting.handed.pop_front());
        }
        Ok(taken)
    }

    /// Resolves when something may have come.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }
}
