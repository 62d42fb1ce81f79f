//! What bounds the requests under way together.

use std::sync::Arc;

use chronos_env::Seldom;
use tokio::sync::Semaphore;

use crate::{body, webhooks};

/// What the requests under way share, and no more than that.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes for request bodies.
    pub(crate) bodies: Arc<Semaphore>,
    /// Bytes of these for the bodies of batches.
    pub(crate) batches: Arc<Semaphore>,
    /// Places for tests of webhooks.
    pub(crate) tests: Arc<Semaphore>,
    /// Log lines about keys that are not good.
    pub(crate) failed_login: Arc<Seldom>,
    /// Log lines about keys that ask for more than they may.
    pub(crate) refused_role: Arc<Seldom>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bodies: Arc::new(Semaphore::new(body::MAX_HELD_BYTES)),
            batches: Arc::new(Semaphore::new(body::MAX_HELD_BY_BATCHES)),
            tests: Arc::new(Semaphore::new(webhooks::MAX_AT_ONCE)),
            failed_login: Arc::default(),
            refused_role: Arc::default(),
        }
    }
}
