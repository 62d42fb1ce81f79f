//! What a node asks of the world: the time of day, timers, random bytes, the network between nodes and
//! to its clients, the disk, and threads for blocking work.
//!
//! This is the only crate that asks for them, and so the seam where tests and the simulator put
//! a clock, a network and a disk of their own. Everything else takes an [`Env`]. It knows nothing of what
//! they are asked for.

mod accept;
mod blocking;
mod bug;
mod net;
pub mod pem;
mod real;
mod scratch;
mod worker;

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use chronos_types::Millis;

use blocking::Blocking;

pub use accept::{Accept, accept};
pub use blocking::Disk;
pub use bug::Bug;
pub use net::{Listener, Net, Socket, Stream};
pub use scratch::{Scratch, ScratchFile};
pub use worker::{Ended, Gate, Worker, pause};

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

/// A source of random bytes.
pub trait Random: Send + Sync + fmt::Debug {
    /// Fills all of `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}

/// The world as the server sees it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Env {
    clock: Arc<dyn Clock>,
    net: Arc<dyn Net>,
    random: Arc<dyn Random>,
    blocking: Blocking,
    bug: Option<Bug>,
}

impl Env {
    /// The machine's own clock and network.
    #[must_use]
    pub fn real() -> Self {
        Self::with_clock(Arc::new(real::RealClock))
    }

    /// Another clock; the machine's own network.
    #[must_use]
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            net: Arc::new(real::RealNet),
            random: Arc::new(real::RealRandom),
            blocking: Blocking::Threads,
            bug: None,
        }
    }

    /// The same with another network.
    #[must_use]
    pub fn with_net(self, net: Arc<dyn Net>) -> Self {
        Self { net, ..self }
    }

    /// The same with other random bytes.
    #[must_use]
    pub fn with_random(self, random: Arc<dyn Random>) -> Self {
        Self { random, ..self }
    }

    /// The same without threads: blocking work is done on the caller's runtime, after as long as
    /// `disk` says that it takes. For a simulator, where one thread is all there is.
    #[must_use]
    pub fn inline(self, disk: Arc<dyn Disk>) -> Self {
        Self { blocking: Blocking::Inline(disk), ..self }
    }

    /// The same with a bug.
    #[cfg(feature = "planted-bugs")]
    #[must_use]
    pub fn with_bug(self, bug: Bug) -> Self {
        Self { bug: Some(bug), ..self }
    }

    /// Whether this bug is to be there. It never is, but in tests of the tests.
    pub fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
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
        self.random.fill(&mut bytes);
        bytes
    }

    /// The addresses of `address`, a `host:port` whose name is looked up now.
    ///
    /// # Errors
    /// The name has no address, or nobody could say.
    pub async fn lookup(&self, address: &str) -> std::io::Result<Vec<SocketAddr>> {
        self.net.lookup(address).await
    }

    /// Connects to `address`, a `host:port` whose name is looked up now. It takes as long as the
    /// operating system does; bounding that is the caller's.
    ///
    /// # Errors
    /// The name has no address, or none of its addresses answers.
    pub async fn connect(&self, address: &str) -> std::io::Result<Socket> {
        self.net.connect(address).await
    }

    /// Listens at `address`, a `host:port`; port 0 takes a free one.
    ///
    /// # Errors
    /// The address is not one of this machine, or is taken.
    pub async fn listen(&self, address: &str) -> std::io::Result<Box<dyn Listener>> {
        self.net.listen(address).await
    }

    /// Runs blocking work away from the async threads.
    ///
    /// # Panics
    /// Where the work panics.
    pub async fn blocking<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        self.blocking.run(work).await
    }

    /// Whether a simulated disk has space. A real one says so when it is written to, and not here.
    ///
    /// # Errors
    /// It is full.
    pub fn room(&self) -> std::io::Result<()> {
        self.blocking.room()
    }

    /// Where blocking work is done.
    pub(crate) fn workers(&self) -> &Blocking {
        &self.blocking
    }
}
