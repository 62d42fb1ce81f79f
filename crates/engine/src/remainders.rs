//! Carries on with what changes of jobs have left to do with their runs: a portion after the other, while this node
//! leads. What there is to do stands in the state, so another leader goes on where this one ends.

use std::time::Duration;

use chronos_state::{Command, Reader};
use tokio::sync::mpsc;

use crate::error::LoopError;
use crate::services::Services;
use crate::tick::Tick;

/// Between tries while the log takes nothing.
const PAUSE: Duration = Duration::from_millis(200);

/// The loop that carries on with what changes of jobs have left.
#[derive(Debug)]
pub struct Remainders {
    services: Services,
    remains: mpsc::Receiver<()>,
}

impl Remainders {
    /// The loop, with what it works with. `remains` says that a change has left something.
    #[must_use]
    pub fn new(services: Services, remains: mpsc::Receiver<()>) -> Self {
        Self { services, remains }
    }

    /// Carries on for as long as the node runs.
    pub async fn run(mut self) {
        let mut leadership = self.services.proposer.leadership();
        loop {
            if leadership.borrow_and_update().is_leader {
                match self.tick().await {
                    Ok(Tick::More) => continue,
                    Ok(Tick::Idle(())) => {}
                    Err(error) => {
                        tracing::warn!(%error, "runs of a changed job wait to be ended; trying again");
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    }
                }
            }
            tokio::select! {
                changed = leadership.changed() => if changed.is_err() { return },
                left = self.remains.recv() => if left.is_none() { return },
            }
        }
    }

    /// Does one portion, if anything is left.
    async fn tick(&self) -> Result<Tick, LoopError> {
        let Services { store, proposer, .. } = &self.services;
        if !store.read(Reader::has_remainders).await? {
            return Ok(Tick::Idle(()));
        }
        proposer.propose(Command::Portion.into()).await?;
        Ok(Tick::More)
    }
}
