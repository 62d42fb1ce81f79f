//! [`Store`]: reads the state from async code.

use std::sync::Arc;

use chronos_env::Env;
use chronos_state::{Reader, Readers, StateError};

/// Reads the state of this node, away from the async threads. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    readers: Arc<Readers>,
    env: Env,
}

impl Store {
    /// Over a set of readers.
    #[must_use]
    pub fn new(readers: Arc<Readers>, env: Env) -> Self {
        Self { readers, env }
    }

    /// Reads what this node has applied.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn read<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Reader) -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, StateError> {
        let readers = Arc::clone(&self.readers);
        self.env.blocking(move || readers.with(ask)).await
    }
}
