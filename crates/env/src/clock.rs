//! The time of day, and timers that follow it.

use std::fmt;

use chronos_types::Millis;

use crate::BoxFuture;

/// The time of day. It may step either way at any moment.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Microseconds since the Unix epoch.
    fn now_us(&self) -> i64;

    /// A timer on this clock, for one owner.
    fn timer(&self) -> std::io::Result<Box<dyn Timer>>;
}

/// Wakes its owner at an instant of its clock.
pub trait Timer: Send {
    /// Resolves at `at` or later; earlier too, when the clock was stepped. The owner looks at the
    /// clock again either way. Dropping the future and waiting anew loses nothing.
    fn wait_until(&mut self, at: Millis) -> BoxFuture<'_, ()>;
}
