//! What the core asks of the state and of the leader. Each question is asked until it is answered.

use std::sync::Arc;
use std::time::Duration;

use chronos_replica::{ProposeError, Proposer, Store};
use chronos_state::{Reader, StateError};
use chronos_types::NodeName;

use crate::core::{Event, Key, Prepared, Question, Round};

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(100);

/// Reads versions of jobs.
pub(super) async fn load(store: Store, keys: Vec<Key>) -> Event {
    loop {
        match read(&store, keys.clone()).await {
            Ok(loaded) => return Event::Loaded { asked: keys, loaded },
            Err(error) => {
                tracing::error!(%error, "jobs that are due cannot be read; trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Reads versions of jobs, once. Those that are not on record are left out.
async fn read(store: &Store, keys: Vec<Key>) -> Result<Vec<(Key, Arc<Prepared>)>, StateError> {
    let read = |reader: &Reader| {
        let mut loaded = Vec::with_capacity(keys.len());
        for key in keys {
            if let Some((job_id, spec)) = reader.spec(key.0, key.1)? {
                loaded.push((key, Arc::new(Prepared::new(job_id, spec))));
            }
        }
        Ok(loaded)
    };
    // A reader drops the pages that it holds whenever something was written since its last question. As one
    // question, hundreds of jobs share the upper pages of the tree.
    store.read(|reader| reader.at_once(read)).await
}

/// Asks the state what is open for a node. With the planted bug, `forgets` says, the answer lacks it.
pub(super) async fn what_is_open(store: Store, node: NodeName, question: Question, forgets: bool) -> Event {
    loop {
        let node = node.clone();
        let ask = move |reader: &Reader| {
            let mut withdrawn = reader.withdrawn()?;
            withdrawn.retain(|fire| fire.node == node);
            Ok((reader.open_fires(&node)?, withdrawn))
        };
        match store.read(ask).await {
            Ok((mut fires, withdrawn)) => {
                fires.retain(|_| !forgets);
                return Event::Open { question, fires, withdrawn };
            }
            Err(error) => {
                tracing::error!(%error, "what is open cannot be read; trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Waits until everything that is agreed on by now is applied here. Answers nothing where the node stops.
pub(super) async fn catch_up(proposer: Proposer, round: Round) -> Option<Event> {
    loop {
        match proposer.barrier().await {
            Ok(()) => return Some(Event::CaughtUp(round)),
            Err(ProposeError::Stopped(_)) => return None,
            Err(error) => tracing::debug!(%error, "attempts wait for the state to catch up"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}
