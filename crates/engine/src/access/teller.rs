//! Puts on record what this node knows of keys: when each was used, and which its configuration has. While it leads, it
//! also ends what keys leave that have expired.

use std::collections::HashMap;
use std::time::Duration;

use chronos_env::Seldom;
use chronos_state::{Command, KEYS_SINCE, KeyWord, Reader};
use chronos_types::{ActorKind, KeyId, OperationId};
use tokio::time::Instant;

use super::ring::KeyRing;
use crate::error::LoopError;
use crate::services::Services;

/// Between looks. What a key leaves is to end within a second.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// When keys were used is told so often at most: the record knows the hour.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// The loop that tells.
#[derive(Debug)]
pub struct KeyTeller {
    services: Services,
    ring: KeyRing,
    /// Whether it is on record which keys the configuration of this node has.
    is_declared: bool,
    told_at: Option<Instant>,
    /// The keys that asked for operations under way.
    askers: HashMap<OperationId, Option<KeyId>>,
}

impl KeyTeller {
    /// The loop, with what it works with.
    #[must_use]
    pub fn new(services: Services, ring: KeyRing) -> Self {
        Self { services, ring, is_declared: false, told_at: None, askers: HashMap::new() }
    }

    /// Tells for as long as the node runs.
    pub async fn run(mut self) {
        let complaint = Seldom::default();
        loop {
            if self.services.proposer.version() >= KEYS_SINCE
                && let Err(error) = self.tick().await
            {
                complaint.say(
                    || tracing::warn!(%error, "what is known of keys cannot be put on record; trying again"),
                );
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn tick(&mut self) -> Result<(), LoopError> {
        if self.ring.asks() && self.services.proposer.leadership().borrow().is_leader {
            self.end_operations().await?;
        }
        if !self.is_declared {
            self.declare().await?;
            self.is_declared = true;
        }
        if self.told_at.is_none_or(|at| at.elapsed() >= TELL_EVERY) {
            let keys = self.ring.uses();
            if !keys.is_empty() {
                self.propose(KeyWord::Used { keys: keys.clone() }).await?;
                self.ring.told(&keys);
                self.told_at = Some(Instant::now());
            }
        }
        Ok(())
    }

    /// Says which keys the configuration of this node has, unless that is on record.
    async fn declare(&self) -> Result<(), LoopError> {
        let mine = self.ring.of_node(&self.services.node);
        let nodes = self.services.store.read(Reader::access).await?.nodes;
        let recorded = nodes.into_iter().find(|node| node.node == mine.node);
        // Of a node that asks nobody nothing needs to be on record, unless it said something else before.
        let is_known = recorded.map_or(!mine.asks, |recorded| recorded == mine);
        if is_known { Ok(()) } else { self.propose(KeyWord::Node(mine)).await }
    }

    /// Ends the operations of keys that are over. Those of one that was revoked ended in the same step.
    async fn end_operations(&mut self) -> Result<(), LoopError> {
        let running = self.services.store.read(Reader::running_operations).await?;
        self.askers.retain(|id, _| running.contains(id));
        for id in running {
            if !self.askers.contains_key(&id) {
                let row = self.services.store.read(move |reader| reader.operation(id)).await?;
                let actor = row.and_then(|row| row.by).map(|by| by.actor);
                let key = actor.filter(|actor| actor.kind == ActorKind::Key).and_then(|actor| actor.id);
                self.askers.insert(id, key.and_then(|key| KeyId::parse(&key).ok()));
            }
        }
        let over = self.askers.values().flatten().find(|key| self.ring.is_over(**key)).copied();
        match over {
            Some(id) => self.propose(KeyWord::End { id }).await,
            None => Ok(()),
        }
    }

    async fn propose(&self, word: KeyWord) -> Result<(), LoopError> {
        self.services.proposer.propose(Command::Keys(word).into()).await?;
        Ok(())
    }
}
