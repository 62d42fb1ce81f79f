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
            Ok((loaded, bad)) => return Event::Loaded { asked: keys, loaded, bad },
            Err(error) => {
                tracing::error!(%error, "jobs that are due cannot be read; trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Versions that were read, and those that cannot be, each with the reason.
type Loaded = (Vec<(Key, Arc<Prepared>)>, Vec<(Key, String)>);

/// Reads versions of jobs, once. Those that are not on record are left out.
async fn read(store: &Store, keys: Vec<Key>) -> Result<Loaded, StateError> {
    let read = move |reader: &Reader| {
        let (mut loaded, mut bad) = (Vec::with_capacity(keys.len()), Vec::new());
        for key in keys {
            let why = match reader.spec(key.0, key.1) {
                Ok(Some((job_id, Ok(spec)))) => {
                    loaded.push((key, Arc::new(Prepared::new(job_id, spec))));
                    continue;
                }
                Ok(Some((_, Err(bad)))) => bad.why,
                Ok(None) => continue,
                // Of one record, and no reason to keep the others waiting.
                Err(StateError::Corrupt(why)) => why,
                Err(error) => return Err(error),
            };
            bad.push((key, format!("version {} of the job cannot be read: {why}", key.1)));
        }
        Ok((loaded, bad))
    };
    store.read(read).await
}

/// Asks the state what is open for a node. With the planted bug, `forgets` says, the answer lacks it.
pub(super) async fn what_is_open(store: Store, node: NodeName, question: Question, forgets: bool) -> Event {
    loop {
        let node = node.clone();
        let ask = move |reader: &Reader| Ok((reader.open_fires(&node)?, reader.withdrawn(&node)?));
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
