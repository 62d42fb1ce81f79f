//! How many bytes a node's network card sends in a millisecond, and whether clients get through to the node.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use super::since_start;

/// What leaves one node. All of its connections share it, and one segment leaves after the other.
#[derive(Debug, Default)]
pub(crate) struct Link {
    /// 0 where nothing limits it.
    bytes_per_ms: AtomicU64,
    /// When the last segment has left, in microseconds after the start of the run.
    free_at_us: AtomicU64,
    /// How many of those who work at the node want it left out.
    left_out_by: AtomicUsize,
}

impl Link {
    /// Sets how many bytes leave in a millisecond from now on. With 0, all that is sent leaves at once.
    pub(crate) fn set_bytes_per_ms(&self, bytes: u64) {
        self.bytes_per_ms.store(bytes, Ordering::Relaxed);
        self.free_at_us.store(0, Ordering::Relaxed);
    }

    /// The API of the node takes no connections until [`Link::let_in`] was called as often as this, as where a load
    /// balancer leaves the node out.
    pub(crate) fn leave_out(&self) {
        self.left_out_by.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn let_in(&self) {
        let left = self.left_out_by.load(Ordering::Relaxed).saturating_sub(1);
        self.left_out_by.store(left, Ordering::Relaxed);
    }

    /// Lets clients in again, whoever wanted the node left out.
    pub(crate) fn let_all_in(&self) {
        self.left_out_by.store(0, Ordering::Relaxed);
    }

    pub(super) fn is_left_out(&self) -> bool {
        self.left_out_by.load(Ordering::Relaxed) > 0
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
