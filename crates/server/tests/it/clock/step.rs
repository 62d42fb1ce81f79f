//! The machine's clock and an offset, which a test steps; its timers wake at every step, as a
//! timerfd does when somebody sets the clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chronos_env::{BoxFuture, Clock, Timer};
use chronos_types::Millis;
use tokio::sync::watch;

#[derive(Clone, Debug)]
pub struct StepClock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    made: Instant,
    suspended_ms: AtomicU64,
    offset_us: AtomicI64,
    steps: watch::Sender<()>,
}

impl StepClock {
    pub fn new() -> Self {
        let (suspended_ms, offset_us) = (AtomicU64::new(0), AtomicI64::new(0));
        Self(Arc::new(Inner { made: Instant::now(), suspended_ms, offset_us, steps: watch::Sender::new(()) }))
    }

    pub fn now_ms(&self) -> Millis {
        self.now_us().div_euclid(1_000)
    }

    /// The machine was suspended for so long: that went by on no clock but the one since boot.
    pub fn suspend(&self, ms: u64) {
        self.0.suspended_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// Steps the clock; answers what it says then.
    pub fn step(&self, by_ms: i64) -> Millis {
        self.0.offset_us.fetch_add(by_ms * 1_000, Ordering::SeqCst);
        let now = self.now_ms();
        self.0.steps.send_replace(());
        now
    }
}

impl Clock for StepClock {
    fn now_us(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock past 1970");
        let real = i64::try_from(since.as_micros()).expect("a clock before the year 292 million");
        real + self.0.offset_us.load(Ordering::SeqCst)
    }

    fn since_boot(&self) -> Duration {
        self.0.made.elapsed() + Duration::from_millis(self.0.suspended_ms.load(Ordering::SeqCst))
    }

    fn timer(&self) -> std::io::Result<Box<dyn Timer>> {
        Ok(Box::new(StepTimer { clock: self.clone(), steps: self.0.steps.subscribe() }))
    }
}

struct StepTimer {
    clock: StepClock,
    steps: watch::Receiver<()>,
}

impl Timer for StepTimer {
    fn wait_until(&mut self, at: Millis) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let left = at.saturating_mul(1_000) - self.clock.now_us();
            let sleep = tokio::time::sleep(Duration::from_micros(left.max(0).cast_unsigned()));
            tokio::select! {
                () = sleep => {}
                // A step between two waits is not lost: it counts as not seen yet.
                _ = self.steps.changed() => {}
            }
        })
    }
}
