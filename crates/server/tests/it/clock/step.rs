//! The machine's clock and an offset, which a test steps; its timers wake at every step, as a
//! timerfd does when somebody sets the clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chronos_env::{BoxFuture, Clock, Timer};
use chronos_types::Millis;
use tokio::sync::watch;

#[derive(Clone, Debug)]
pub struct StepClock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    offset_us: AtomicI64,
    steps: watch::Sender<()>,
}

impl StepClock {
    pub fn new() -> Self {
        Self(Arc::new(Inner { offset_us: AtomicI64::new(0), steps: watch::Sender::new(()) }))
    }

    pub fn now_ms(&self) -> Millis {
        self.now_us().div_euclid(1_000)
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
