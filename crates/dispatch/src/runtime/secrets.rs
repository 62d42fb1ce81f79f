//! The named secrets that attempts are made with.
//!
//! A question to the state for each attempt would be most of what a secret costs. So what was read stays at hand, sealed as
//! it is on record, until the record of any secret changes: from then on no attempt is made with what was read before. It
//! is opened for the time of an attempt.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chronos_replica::Store;
use chronos_seal::Keyring;
use chronos_state::{Reader, SecretRow, StateError};
use chronos_types::{SecretName, SecretValues, Tags};

use super::questions::PAUSE;
use crate::core::Recent;

/// Bytes of the secrets that are kept.
const KEPT: usize = 4 << 20;
/// Bytes that one takes beside its value.
const EACH: usize = 1 << 10;

/// The secrets at hand. Cheap to clone; clones share them.
#[derive(Clone, Debug)]
pub(super) struct Secrets(Arc<Mutex<AtHand>>);

#[derive(Debug)]
struct AtHand {
    rows: Recent<SecretName, Arc<SecretRow>>,
    /// How often the record has changed: what was read before that is not kept after it.
    changes: u64,
}

impl Default for Secrets {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(AtHand { rows: Recent::within(KEPT), changes: 0 })))
    }
}

impl Secrets {
    /// The record may be another now.
    pub(super) fn forget(&self) {
        let mut at_hand = self.at_hand();
        at_hand.rows = Recent::within(KEPT);
        at_hand.changes += 1;
    }

    /// The secrets that an attempt of a job with these tags names, as they are now, opened.
    ///
    /// # Errors
    /// One is not there or not for such a job, or this node cannot open it, and why.
    pub(super) async fn opened(
        &self,
        store: &Store,
        names: &BTreeSet<SecretName>,
        tags: &Tags,
        keyring: &Keyring,
    ) -> Result<SecretValues, String> {
        let mut values = SecretValues::default();
        if names.is_empty() {
            return Ok(values);
        }
        let rows = match self.found(names) {
            Some(rows) => rows,
            None => self.read(store, names).await?,
        };
        for row in rows {
            let SecretRow { name, hosts, scope, value, key, .. } = &*row;
            if !scope.sees(tags.as_map()) {
                // Whoever sees the run need not see for whom it is.
                return Err(format!("the secret {name:?} is not for this job, by its tags"));
            }
            keyring.open_into(&mut values, name, hosts.clone(), value, key.as_ref())?;
        }
        Ok(values)
    }

    /// Those at hand, where all of them are.
    fn found(&self, names: &BTreeSet<SecretName>) -> Option<Vec<Arc<SecretRow>>> {
        let mut at_hand = self.at_hand();
        names.iter().map(|name| at_hand.rows.get(name, Arc::clone)).collect()
    }

    /// Reads them all, and has them at hand.
    async fn read(&self, store: &Store, names: &BTreeSet<SecretName>) -> Result<Vec<Arc<SecretRow>>, String> {
        loop {
            let (changes, wanted) = (self.at_hand().changes, names.clone());
            let find = move |reader: &Reader| {
                reader.at_once(|reader| wanted.iter().map(|name| reader.secret(name.as_str())).collect())
            };
            let read: Result<Vec<Option<SecretRow>>, StateError> = store.read(find).await;
            match read {
                Ok(rows) => return self.keep(names, rows, changes),
                // It costs this run, and is not asked for again.
                Err(StateError::Corrupt(why)) => return Err(format!("a secret cannot be read: {why}")),
                Err(error) => {
                    tracing::error!(%error, "the secrets of an attempt cannot be read; trying again");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Has what was read at hand, unless the record has changed since.
    fn keep(
        &self,
        names: &BTreeSet<SecretName>,
        rows: Vec<Option<SecretRow>>,
        changes: u64,
    ) -> Result<Vec<Arc<SecretRow>>, String> {
        let rows = names.iter().zip(rows).map(|(name, row)| {
            row.map(Arc::new).ok_or_else(|| format!("there is no secret {:?}", name.as_str()))
        });
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let mut at_hand = self.at_hand();
        if at_hand.changes == changes {
            for (name, row) in names.iter().zip(&rows) {
                at_hand.rows.put(name.clone(), Arc::clone(row), EACH + row.value.to_text().len());
            }
        }
        Ok(rows)
    }

    fn at_hand(&self) -> MutexGuard<'_, AtHand> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
