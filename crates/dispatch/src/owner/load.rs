//! Reading what is to be run ahead of its instant: one question for all that is wanted at a time.

use std::sync::Arc;

use chronos_types::ExecutionId;

use super::{Dispatcher, Entry, Message, PAUSE, State};
use crate::prepared::{self, Key, Prepared};

impl Dispatcher {
    /// Has the specification read that an execution waits for.
    pub(super) fn want(&mut self, key: Key, id: ExecutionId) {
        let waiting = self.awaiting.entry(key).or_default();
        if waiting.is_empty() {
            self.to_load.push(key);
        }
        waiting.push(id);
    }

    /// Asks for the specifications that are wanted.
    pub(super) fn load(&mut self) {
        if self.to_load.is_empty() {
            return;
        }
        let keys = std::mem::take(&mut self.to_load);
        let (store, messages) = (self.config.store.clone(), self.messages.clone());
        tokio::spawn(async move {
            let asked = keys.clone();
            loop {
                match prepared::load(&store, keys.clone()).await {
                    Ok(loaded) => {
                        let _ = messages.send(Message::Loaded(asked, loaded));
                        return;
                    }
                    Err(error) => {
                        tracing::error!(%error, "jobs that are due cannot be read; trying again");
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
        });
    }

    /// Hands out what was read, and lets those go whose instant came meanwhile.
    pub(super) fn loaded(&mut self, asked: &[Key], loaded: Vec<(Key, Arc<Prepared>)>) {
        for (key, prepared) in loaded {
            for id in self.awaiting.get(&key).into_iter().flatten() {
                if let Some(entry) = self.entries.get_mut(id).filter(|entry| entry.key() == key) {
                    entry.prepared = Some(Arc::clone(&prepared));
                }
            }
            self.cache.put(key, prepared);
        }
        for key in asked {
            for id in self.awaiting.remove(key).unwrap_or_default() {
                // It may run another version by now, which is asked for too.
                let entry = self.entries.get_mut(&id).filter(|entry| entry.key() == *key);
                let Some(Entry { state: state @ State::Loading, fire, .. }) = entry else { continue };
                if self.fence.is_down() {
                    self.admit(id, true);
                } else {
                    // The job's policy decides when it may begin, by what is open then.
                    *state = State::Waiting;
                    self.heap.push(fire.fire_at, id);
                }
            }
        }
    }
}
