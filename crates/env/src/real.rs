//! The machine's clock, timers that follow it, its random bytes, and its network.

mod names;
mod net;

use std::time::Duration;

use chronos_types::Millis;
use rustix::time::ClockId;

use crate::{BoxFuture, Clock, Random, Timer};

pub use names::NameFiles;
pub(super) use net::RealNet;

/// The clock that goes on while the machine is suspended. Darwin's monotonic clock does; where a system has none that
/// does, its monotonic clock is the nearest.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia", target_os = "openbsd"))]
const SINCE_BOOT: ClockId = ClockId::Boottime;
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "fuchsia", target_os = "openbsd")))]
const SINCE_BOOT: ClockId = ClockId::Monotonic;

/// `CLOCK_REALTIME` and `CLOCK_BOOTTIME`.
#[derive(Debug)]
pub(super) struct RealClock;

impl Clock for RealClock {
    #[expect(clippy::disallowed_methods, reason = "this is where it is asked for")]
    fn now_us(&self) -> i64 {
        match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_micros()).unwrap_or(i64::MAX),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "this is where it is asked for")]
    fn since_boot(&self) -> Duration {
        let since = rustix::time::clock_gettime(SINCE_BOOT);
        let parts = (u64::try_from(since.tv_sec), u32::try_from(since.tv_nsec));
        let (Ok(seconds), Ok(nanos)) = parts else { return Duration::ZERO };
        Duration::new(seconds, nanos)
    }

    fn timer(&self) -> std::io::Result<Box<dyn Timer>> {
        #[cfg(target_os = "linux")]
        return Ok(Box::new(linux::TimerFd::new()?));
        #[cfg(not(target_os = "linux"))]
        return Ok(Box::new(portable::TokioTimer));
    }
}

/// The operating system's random bytes.
#[derive(Debug)]
pub(super) struct RealRandom;

impl Random for RealRandom {
    #[expect(clippy::disallowed_methods, reason = "this is where it is asked for")]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}

#[cfg(target_os = "linux")]
mod linux {
    //! A timerfd on the wall clock. It keeps to the instant within some tens of microseconds, and reports
    //! when somebody sets the clock. See `timerfd_create(2)`.

    use std::os::fd::OwnedFd;

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::unix::AsyncFd;

    use super::{BoxFuture, Millis, Timer};

    pub(super) struct TimerFd {
        fd: AsyncFd<OwnedFd>,
        armed: Option<Millis>,
    }

    impl TimerFd {
        pub(super) fn new() -> std::io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let fd = timerfd_create(TimerfdClockId::Realtime, flags)?;
            // It is deprecated because a type may return another descriptor each time it is asked. An OwnedFd
            // always returns the same one. The replacement is unsafe, which we forbid.
            #[expect(deprecated, reason = "sound for an OwnedFd")]
            let fd = AsyncFd::new(fd)?;
            Ok(Self { fd, armed: None })
        }

        fn arm(&mut self, at: Millis) -> std::io::Result<()> {
            // Zero would disarm the timer. Any instant in the past expires at once.
            let at = at.max(1);
            let value = Timespec { tv_sec: at / 1000, tv_nsec: at % 1000 * 1_000_000 };
            let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
            let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
            timerfd_settime(&self.fd, flags, &Itimerspec { it_interval: zero, it_value: value })?;
            self.armed = Some(at);
            Ok(())
        }

        async fn wait(&mut self, at: Millis) -> std::io::Result<()> {
            if self.armed != Some(at.max(1)) {
                self.arm(at)?;
            }
            let mut ready = self.fd.readable().await?;
            let mut ticks = [0; 8];
            // ECANCELED says that the clock was set. That is a reason to look at the clock, as the instant is.
            let _ = rustix::io::read(ready.get_inner(), &mut ticks);
            ready.clear_ready();
            self.armed = None;
            Ok(())
        }
    }

    impl Timer for TimerFd {
        fn wait_until(&mut self, at: Millis) -> BoxFuture<'_, ()> {
            Box::pin(async move {
                if let Err(error) = self.wait(at).await {
                    tracing::error!(%error, "the timer failed; looking again in 10 ms");
                    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                }
            })
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod portable {
    //! tokio's timer. Its steps are a millisecond, and it looks at the clock once a second in case the clock
    //! was set.

    use std::time::Duration;

    use super::{BoxFuture, Clock, Millis, RealClock, Timer};

    pub(super) struct TokioTimer;

    impl Timer for TokioTimer {
        fn wait_until(&mut self, at: Millis) -> BoxFuture<'_, ()> {
            Box::pin(async move {
                let left = (at * 1000 - RealClock.now_us()).clamp(0, 1_000_000);
                tokio::time::sleep(Duration::from_micros(left.cast_unsigned())).await;
            })
        }
    }
}
