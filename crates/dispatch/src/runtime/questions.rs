//! What the core asks of the state and of the leader. Each question is asked until it is answered.

use std::sync::Arc;
use std::time::Duration;

use chronos_replica::{ProposeError, Proposer, Store};
use chronos_seal::{KeyId, Keyring, WrappedKey, data_key_of};
use chronos_state::{Fire, Reader, StateError};
use chronos_types::{JobId, JobSpec, NodeName, SealedCredentials, Webhook};

use crate::core::{Key, Loaded};

/// Between two tries.
pub(super) const PAUSE: Duration = Duration::from_millis(100);
/// Bytes of webhooks that one question reads ahead. What is more is read when its attempt has a slot.
const AHEAD: usize = 16 << 20;

/// Reads versions of jobs. Those that are not on record are left out.
pub(super) async fn load(store: Store, keyring: Keyring, keys: Vec<Key>) -> Read {
    loop {
        match read(&store, keyring.clone(), keys.clone()).await {
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
async fn read(store: &Store, keyring: Keyring, keys: Vec<Key>) -> Result<Read, StateError> {
    let read = move |reader: &Reader| {
        let (mut all, mut bad) = (Vec::with_capacity(keys.len()), Vec::new());
        let mut left = AHEAD;
        for key in keys {
            let why = match find(reader, &keyring, key) {
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
    store.read(move |reader| reader.at_once(read)).await
}

/// A job and what it says, or why that cannot be read.
type Found = Result<(JobId, JobSpec), String>;

/// What a run does: the version of its job, and in place of parts of it what the run has of its own. Answers why that
/// cannot be read, and nothing where there is no such version on record. The credentials of the job stay sealed until
/// an attempt; but of a run that has its own both are opened, to be put together. Such a run is made at once.
fn find(reader: &Reader, keyring: &Keyring, key: Key) -> Result<Option<Found>, StateError> {
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
            let keys = [spec.webhook.sealed.as_ref(), overrides.sealed.as_ref()];
            let [of_job, of_run] = keys.map(|sealed| data_key(reader, keyring, sealed));
            let webhook = keyring.open_webhook(spec.webhook, id, of_job?.as_ref());
            let overrides = keyring.open_overrides(overrides, id, of_run?.as_ref());
            match (webhook, overrides) {
                (Ok(webhook), Ok(overrides)) => {
                    Ok((id, JobSpec { webhook: webhook.overridden(overrides), ..spec }))
                }
                (Err(why), _) | (_, Err(why)) => Err(why.to_string()),
            }
        }
        Some(Err(why)) => Err(why),
    }))
}

/// The data key that credentials are sealed by, where this node has not opened it before.
fn data_key(
    reader: &Reader,
    keyring: &Keyring,
    sealed: Option<&SealedCredentials>,
) -> Result<Option<WrappedKey>, StateError> {
    let unknown = data_key_of(sealed).filter(|id| !keyring.knows(*id));
    Ok(unknown.map(|id| reader.data_key_by(id)).transpose()?.flatten())
}

/// What an attempt sends, with its credentials opened.
///
/// # Errors
/// This node cannot open them, and why.
pub(super) async fn opened(
    store: &Store,
    keyring: &Keyring,
    job: JobId,
    webhook: Arc<Webhook>,
) -> Result<Arc<Webhook>, String> {
    if webhook.sealed.is_none() {
        return Ok(webhook);
    }
    let key = match data_key_of(webhook.sealed.as_ref()) {
        Some(id) if !keyring.knows(id) => data_key_by(store, id).await,
        _ => None,
    };
    let opened = keyring.open_webhook(Webhook::clone(&webhook), job, key.as_ref());
    opened.map(Arc::new).map_err(|why| why.to_string())
}

async fn data_key_by(store: &Store, id: KeyId) -> Option<WrappedKey> {
    loop {
        match store.read(move |reader: &Reader| reader.data_key_by(id)).await {
            Ok(key) => return key,
            Err(error) => {
                tracing::error!(%error, "the data key of an attempt cannot be read; trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Reads what an attempt sends that has a slot. Answers nothing where it is not on record any more.
pub(super) async fn webhook(store: &Store, keyring: &Keyring, key: Key) -> Option<Webhook> {
    loop {
        let keyring = keyring.clone();
        let find = move |reader: &Reader| reader.at_once(|reader| find(reader, &keyring, key));
        match store.read(find).await {
            Ok(found) => return found.and_then(Result::ok).map(|(_, spec)| spec.webhook),
            Err(error) => {
                tracing::error!(%error, "what an attempt sends cannot be read; trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
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
