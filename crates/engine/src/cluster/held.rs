//! [`Held`]: what the status of a node tells of its state.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chronos_replica::{QueryError, Store};
use chronos_state::{ClusterTime, Reader, StateError};

/// How long the state may take to say what it holds. Who asks for the status wants to know what is wrong, and the
/// disk may be just that.
const WITHIN: Duration = Duration::from_millis(500);

/// The bytes in use in the state and the cluster's time, as they were last read.
#[derive(Debug)]
pub(super) struct Held(Mutex<(u64, ClusterTime)>);

impl Held {
    /// What a store holds now; nothing where it does not say.
    pub(super) async fn of(store: &Store) -> Self {
        let held = Self(Mutex::default());
        // Whoever looks is told what is wrong.
        let _ = held.look(store, false).await;
        held
    }

    /// What the store holds, or held when it was last asked: where its disk hangs, it is not waited for.
    ///
    /// # Errors
    /// The storage failed.
    pub(super) async fn look(&self, store: &Store, hangs: bool) -> Result<(u64, ClusterTime), StateError> {
        let ask = |reader: &Reader| Ok((reader.bytes_in_use()?, reader.cluster_time()?));
        let answer = match hangs {
            true => None,
            false => tokio::time::timeout(WITHIN, store.query(ask)).await.ok(),
        };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Some(Ok(held)) => *known = held,
            Some(Err(QueryError::Storage(error))) => return Err(error),
            Some(Err(QueryError::Busy | QueryError::TooLong(_))) | None => {}
        }
        Ok(*known)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use chronos_env::Env;
    use chronos_replica::Metrics;
    use chronos_state::Machine;
    use tokio::sync::oneshot;

    use super::*;

    /// Has a thread that answers clients hang until what is returned is dropped.
    async fn hang(store: &Store) -> mpsc::Sender<()> {
        let (release, held) = mpsc::channel();
        let (begin, begun) = oneshot::channel();
        let store = store.clone();
        tokio::spawn(async move {
            let hung = store.query(move |_| {
                let _ = begin.send(());
                let _ = held.recv();
                Ok(())
            });
            hung.await
        });
        begun.await.expect("a thread is free");
        release
    }

    #[tokio::test]
    async fn a_state_that_does_not_answer_is_told_as_it_was_last_known() {
        let directory = tempfile::tempdir().expect("a directory");
        let machine = Machine::open(&directory.path().join("state.db")).expect("a state");
        let store = Store::open(&machine, Metrics::default(), &Env::real()).expect("a store");
        let held = Held::of(&store).await;
        let known = held.look(&store, false).await.expect("the state answers");
        assert!(known.0 > 0, "{known:?}");
        // As many as there are threads for clients.
        let hung = [hang(&store).await, hang(&store).await];
        assert_eq!(held.look(&store, false).await.expect("it is not waited for"), known);
        assert_eq!(held.look(&store, true).await.expect("it is not asked"), known);
        drop(hung);
    }
}
