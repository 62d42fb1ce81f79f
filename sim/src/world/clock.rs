//! The clocks of a node: simulated time, and how far its wall clock is off.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chronos_env::{BoxFuture, Clock, Timer};
use chronos_types::Millis;

use super::here;

/// Every run begins at this instant: 2026-01-01T00:00:00Z.
const BEGIN_US: i64 = 1_767_225_600_000_000;
/// How often a timer looks at its clock, because the clock may be stepped.
const LOOK: Duration = Duration::from_millis(100);

/// Simulated time since the run began.
pub(crate) fn since_start() -> Duration {
    here::since().or_else(turmoil::sim_elapsed).unwrap_or_default()
}

/// The true time of day at a time after the run began.
pub(crate) fn at_ms(since: Duration) -> Millis {
    BEGIN_US / 1_000 + i64::try_from(since.as_millis()).unwrap_or(i64::MAX / 2)
}

/// How long after the run's begin a true time of day is.
pub(crate) fn since_ms(at: Millis) -> Duration {
    Duration::from_millis((at - BEGIN_US / 1_000).max(0).cast_unsigned())
}

/// One node's clocks.
#[derive(Debug, Default)]
pub(crate) struct SimClock {
    off_us: Arc<AtomicI64>,
}

impl SimClock {
    /// Sets how far the wall clock is off from now on.
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

    fn since_boot(&self) -> Duration {
        since_start()
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
