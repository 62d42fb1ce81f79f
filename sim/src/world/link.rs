//! How many bytes a node's network card sends in a millisecond, and whether clients get through to the node.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::since_start;

/// What leaves one node. All of its connections share it, and one segment leaves after the other.
#[derive(Debug, Default)]
pub(crate) struct Link {
    /// 0 where nothing limits it.
    bytes_per_ms: AtomicU64,
    /// When the last segment has left, in microseconds after the start of the run.
    free_at_us: AtomicU64,
    left_out: AtomicBool,
}

impl Link {
    /// Sets how many bytes leave in a millisecond from now on. With 0, all that is sent leaves at once.
    pub(crate) fn set_bytes_per_ms(&self, bytes: u64) {
        self.bytes_per_ms.store(bytes, Ordering::Relaxed);
        self.free_at_us.store(0, Ordering::Relaxed);
    }

    /// Whether the API of the node takes no connections from now on, as where a load balancer leaves the node out.
    pub(crate) fn leave_out(&self, left_out: bool) {
        self.left_out.store(left_out, Ordering::Relaxed);
    }

    pub(super) fn is_left_out(&self) -> bool {
        self.left_out.load(Ordering::Relaxed)
    }

    /// Waits until a segment of this size has left.
    pub(super) async fn pass(&self, bytes: usize) {
        let rate = self.bytes_per_ms.load(Ordering::Relaxed);
        if rate == 0 {
            return;
        }
        let now = u64::try_from(since_start().as_micros()).unwrap_or(u64::MAX / 2);
        let takes = u64::try_from(bytes).unwrap_or(u64::MAX / 2).saturating_mul(1_000) / rate;
        let left_at = self.free_at_us.load(Ordering::Relaxed).max(now).saturating_add(takes);
        self.free_at_us.store(left_at, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_micros(left_at - now)).await;
    }
}
