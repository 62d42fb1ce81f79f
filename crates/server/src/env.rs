//! What the server asks of the world: the time of day, timers, random bytes, and a place where
//! blocking work runs.
//!
//! This is the only module that asks for them, and so the seam where tests and the simulator put
//! a clock of their own. Everything else takes an [`Env`].

mod real;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use chronos_types::Millis;

/// A boxed future, for the traits below.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

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

/// The world as the server sees it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Env {
    clock: Arc<dyn Clock>,
}

impl Env {
    /// The machine's own clock.
    #[must_use]
    pub fn real() -> Self {
        Self::with_clock(Arc::new(real::RealClock))
    }

    /// Another clock.
    #[must_use]
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self { clock }
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.clock.now_us().div_euclid(1000)
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub fn now_us(&self) -> i64 {
        self.clock.now_us()
    }

    /// A timer on the clock.
    ///
    /// # Errors
    /// The operating system has none left.
    pub fn timer(&self) -> std::io::Result<Box<dyn Timer>> {
        self.clock.timer()
    }

    /// Random bytes, for identifiers.
    ///
    /// # Panics
    /// The operating system has no random source, without which no id is safe.
    #[must_use]
    pub fn random_bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
        bytes
    }

    /// Runs blocking work away from the async threads.
    ///
    /// # Panics
    /// Where the work panics.
    pub async fn blocking<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        match tokio::task::spawn_blocking(work).await {
            Ok(done) => done,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}
