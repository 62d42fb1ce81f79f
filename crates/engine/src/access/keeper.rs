//! Keeps the keys in memory as the record has them, and notices when one expires.

use std::time::Duration;

use chronos_env::Seldom;

use super::ring::KeyRing;
use crate::services::Services;

/// Between looks whether any has expired. What a key leaves is to end within a second.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The loop that keeps them.
#[derive(Debug)]
pub struct KeyKeeper {
    services: Services,
    ring: KeyRing,
}

impl KeyKeeper {
    /// The loop, with what it works with.
    #[must_use]
    pub fn new(services: Services, ring: KeyRing) -> Self {
        Self { services, ring }
    }

    /// Keeps for as long as the node runs.
    pub async fn run(self) {
        let complaint = Seldom::default();
        let mut has_changed = false;
        loop {
            tokio::select! {
                () = self.ring.wait() => has_changed = true,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            if has_changed {
                match self.ring.load(&self.services.store).await {
                    Ok(()) => has_changed = false,
                    Err(error) => complaint.say(|| {
                        tracing::warn!(%error, "the keys of the API cannot be read; trying again");
                    }),
                }
            }
            self.ring.sweep();
        }
    }
}
