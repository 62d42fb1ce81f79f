//! What the core asks of the state and of the leader. Each question is asked until it is answered.

use std::collections::BTreeSet;
use std::time::Duration;

use chronos_replica::{ProposeError, Proposer, Store};
use chronos_seal::Keyring;
use chronos_state::{Fire, Reader, SecretRow, StateError};
use chronos_types::{JobId, JobSpec, NodeName, SecretName, SecretValues, Webhook};

use crate::core::{Key, Loaded};

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(100);
/// Bytes of webhooks that one question reads ahead. What is more is read when its attempt has a slot.
const AHEAD: usize = 16 << 20;

/// Reads versions of jobs. Those that are not on record are left out.
pub(super) async fn load(store: Store, keys: Vec<Key>) -> Read {
    loop {
        match read(&store, keys.clone()).await {
            Ok(read) => return read,
            Err(error) => {
                tracing::error!(%error, "jobs that are due cannot be read; trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Versions that were read, and those that cannot be, each with the reason.
type Read = (Vec<(Key, Loaded)>, Vec<(Key, String)>);

/// Reads versions of jobs, once.
async fn read(store: &Store, keys: Vec<Key>) -> Result<Read, StateError> {
    let read = |reader: &Reader| {
        let (mut all, mut bad) = (Vec::with_capacity(keys.len()), Vec::new());
        let mut left = AHEAD;
        for key in keys {
            let why = match find(reader, key) {
                Ok(Some(Ok((job_id, spec)))) => {
                    let loaded = Loaded::new(job_id, spec);
                    let fits = loaded.bytes <= left;
                    let loaded = if fits { loaded } else { loaded.without_webhook() };
                    left -= loaded.bytes;
                    all.push((key, loaded));
                    continue;
                }
                Ok(Some(Err(why))) => why,
                Ok(None) => continue,
                // Of one record, and no reason to keep the others waiting.
                Err(StateError::Corrupt(why)) => why,
                Err(error) => return Err(error),
            };
            bad.push((key, format!("version {} of the job cannot be read: {why}", key.version)));
        }
        Ok((all, bad))
    };
    // A reader drops the pages that it holds whenever something was written since its last question. As one
    // question, hundreds of jobs share the upper pages of the tree.
    store.read(|reader| reader.at_once(read)).await
}

/// A job and what it says, or why that cannot be read.
type Found = Result<(JobId, JobSpec), String>;

/// What a run does: the version of its job, and in place of parts of it what the run has of its own. Answers why that
/// cannot be read, and nothing where there is no such version on record.
fn find(reader: &Reader, key: Key) -> Result<Option<Found>, StateError> {
    let Key { job, version, overridden } = key;
    let spec = match reader.spec(job, version)? {
        Some((id, Ok(spec))) => (id, spec),
        Some((_, Err(bad))) => return Ok(Some(Err(bad.why))),
        None => return Ok(None),
    };
    let overrides = overridden.map(|run| reader.overrides(run)).transpose()?.flatten();
    Ok(Some(match overrides {
        None => Ok(spec),
        Some(Ok(overrides)) => {
            let (id, spec) = spec;
            Ok((id, JobSpec { webhook: spec.webhook.overridden(overrides), ..spec }))
        }
        Some(Err(why)) => Err(why),
    }))
}

/// Reads what an attempt sends that has a slot. Answers nothing where it is not on record any more.
pub(super) async fn webhook(store: &Store, key: Key) -> Option<Webhook> {
    loop {
        match store.read(move |reader: &Reader| reader.at_once(|reader| find(reader, key))).await {
            Ok(found) => return found.and_then(Result::ok).map(|(_, spec)| spec.webhook),
            Err(error) => {
                tracing::error!(%error, "what an attempt sends cannot be read; trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Reads and opens the secrets that an attempt is made with, as they are now.
///
/// # Errors
/// One is not there, or this node cannot open it, and why.
pub(super) async fn secrets(
    store: &Store,
    names: &BTreeSet<SecretName>,
    keyring: &Keyring,
) -> Result<SecretValues, String> {
    let mut values = SecretValues::default();
    if names.is_empty() {
        return Ok(values);
    }
    let rows = loop {
        let wanted = names.clone();
        let find = move |reader: &Reader| {
            reader.at_once(|reader| wanted.iter().map(|name| reader.secret(name.as_str())).collect())
        };
        let read: Result<Vec<Option<SecretRow>>, StateError> = store.read(find).await;
        match read {
            Ok(rows) => break rows,
            // It costs this run, and is not asked for again.
            Err(StateError::Corrupt(why)) => return Err(format!("a secret cannot be read: {why}")),
            Err(error) => {
                tracing::error!(%error, "the secrets of an attempt cannot be read; trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    };
    for (name, row) in names.iter().zip(rows) {
        let Some(SecretRow { hosts, value, key, .. }) = row else {
            return Err(format!("there is no secret {:?}", name.as_str()));
        };
        keyring.open_into(&mut values, name.as_str(), hosts, &value, key.as_ref())?;
    }
    Ok(values)
}

/// Asks the state what is open for a node, and which runs were withdrawn from it. With the planted bug, `forgets`
/// says, the answer lacks what is open.
pub(super) async fn what_is_open(store: Store, node: NodeName, forgets: bool) -> (Vec<Fire>, Vec<Fire>) {
    loop {
        let node = node.clone();
        let ask = move |reader: &Reader| Ok((reader.open_fires(&node)?, reader.withdrawn(&node)?));
        match store.read(ask).await {
            Ok((mut fires, withdrawn)) => {
                fires.retain(|_| !forgets);
                return (fires, withdrawn);
            }
            Err(error) => {
                tracing::error!(%error, "what is open cannot be read; trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Waits until everything that is on its way into the log by now is applied here: what was this node's may be about to
/// go to another. Answers nothing where the node stops. With the planted bug, `skips` says, it does not wait.
pub(super) async fn catch_up(proposer: Proposer, skips: bool) -> Option<()> {
    if skips {
        return Some(());
    }
    loop {
        match proposer.catch_up().await {
            Ok(()) => return Some(()),
            Err(ProposeError::Stopped(_)) => return None,
            Err(error) => tracing::debug!(%error, "attempts wait for the state to catch up"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}
