//! How long a node's disk takes, and whether it has space.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use chronos_env::Disk;

use crate::entropy;

/// One node's disk. A piece of work takes as long as it says, or up to twice that.
#[derive(Debug, Default)]
pub(crate) struct SimDisk {
    slow_ms: AtomicU64,
    full: AtomicBool,
}

impl SimDisk {
    /// How slow it is from now on; 0 is as fast as simulated time can tell.
    pub(crate) fn set_slow_ms(&self, slow: u64) {
        self.slow_ms.store(slow, Ordering::Relaxed);
    }

    /// Whether it has no space from now on.
    pub(crate) fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::Relaxed);
    }
}

impl Disk for SimDisk {
    fn delay(&self) -> Duration {
        let slow = self.slow_ms.load(Ordering::Relaxed);
        let mut drawn = [0; 8];
        let _ = entropy::fill(&mut drawn);
        Duration::from_millis(slow + u64::from_le_bytes(drawn) % (slow + 1))
    }

    fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }
}
