//! The time of day, timers that follow it, and the time that has passed.

use std::fmt;
use std::time::Duration;

use chronos_types::Millis;

use crate::BoxFuture;

/// The clocks of a machine.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The time of day, in microseconds since the Unix epoch. It may step either way at any moment.
    fn now_us(&self) -> i64;

    /// The time since an instant before this process began. Nobody sets it, and it never goes back. It goes on while
    /// the process is stopped, and while the machine is suspended, which `tokio::time::Instant` does not.
    fn since_boot(&self) -> Duration;

    /// A timer on the time of day, for one owner.
    fn timer(&self) -> std::io::Result<Box<dyn Timer>>;
}

/// Wakes its owner at a time of day.
pub trait Timer: Send {
    /// Resolves at `at` or later, or earlier when the clock was stepped. The owner looks at the clock again
    /// in either case. Dropping the future and waiting anew loses nothing.
    fn wait_until(&mut self, at: Millis) -> BoxFuture<'_, ()>;
}
