//! The wall clock of a node: simulated time, and how far it is off.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chronos_env::{BoxFuture, Clock, Timer};
use chronos_types::Millis;

/// 2026-01-01T00:00:00Z: every run begins then.
const BEGIN_US: i64 = 1_767_225_600_000_000;
/// A timer looks at its clock so often, for somebody may step it.
const LOOK: Duration = Duration::from_millis(100);

/// Simulated time since the run began.
pub(crate) fn since_start() -> Duration {
    turmoil::sim_elapsed().unwrap_or_default()
}

/// What the time of day is so long after the run began.
pub(crate) fn at_ms(since: Duration) -> Millis {
    BEGIN_US / 1_000 + i64::try_from(since.as_millis()).unwrap_or(i64::MAX / 2)
}

/// One node's clock.
#[derive(Debug, Default)]
pub(crate) struct SimClock {
    off_us: Arc<AtomicI64>,
}

impl SimClock {
    /// How far the clock is off from now on.
    pub(crate) fn set_off_ms(&self, off: i64) {
        self.off_us.store(off * 1000, Ordering::Relaxed);
    }
}

fn read(off_us: &AtomicI64) -> i64 {
    let since = i64::try_from(since_start().as_micros()).unwrap_or(i64::MAX / 2);
    BEGIN_US + since + off_us.load(Ordering::Relaxed)
}

impl Clock for SimClock {
    fn now_us(&self) -> i64 {
        read(&self.off_us)
    }

    fn timer(&self) -> std::io::Result<Box<dyn Timer>> {
        Ok(Box::new(SimTimer { off_us: Arc::clone(&self.off_us) }))
    }
}

struct SimTimer {
    off_us: Arc<AtomicI64>,
}

impl Timer for SimTimer {
    fn wait_until(&mut self, at: Millis) -> BoxFuture<'_, ()> {
        let left = at.saturating_mul(1000).saturating_sub(read(&self.off_us)).max(0);
        let left = Duration::from_micros(left.cast_unsigned()).min(LOOK);
        Box::pin(tokio::time::sleep(left))
    }
}
