//! The one value through which a node asks the world.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chronos_types::Millis;
use prometheus_client::registry::Registry;

use crate::blocking::Blocking;
use crate::bug::Bug;
use crate::clock::{Clock, Timer};
use crate::dial::dial;
use crate::random::Random;
use crate::real::{NameFiles, RealClock, RealNet, RealRandom};
use crate::{Disk, Listener, Net, Socket};

/// The world as a node sees it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Env {
    clock: Arc<dyn Clock>,
    net: Arc<dyn Net>,
    random: Arc<dyn Random>,
    blocking: Blocking,
    bug: Option<Bug>,
}

impl Env {
    /// The machine's own clock, network and random bytes, and real threads.
    #[must_use]
    pub fn real() -> Self {
        Self::with_clock(Arc::new(RealClock))
    }

    /// The same as [`Env::real`], with another clock.
    #[must_use]
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            net: Arc::new(RealNet::new(NameFiles::default())),
            random: Arc::new(RealRandom),
            blocking: Blocking::Threads,
            bug: None,
        }
    }

    /// This world with another network.
    #[must_use]
    pub fn with_net(self, net: Arc<dyn Net>) -> Self {
        Self { net, ..self }
    }

    /// This world with the machine's own network, on which names are looked up as other files say.
    #[must_use]
    pub fn with_name_files(self, files: NameFiles) -> Self {
        self.with_net(Arc::new(RealNet::new(files)))
    }

    /// This world with another source of random bytes.
    #[must_use]
    pub fn with_random(self, random: Arc<dyn Random>) -> Self {
        Self { random, ..self }
    }

    /// This world without threads, for a simulator that has only one. Blocking work is done on the caller's
    /// runtime, after as long as `disk` says that it takes.
    #[must_use]
    pub fn inline(self, disk: Arc<dyn Disk>) -> Self {
        Self { blocking: Blocking::Inline(disk), ..self }
    }

    /// This world with a planted bug.
    #[cfg(feature = "planted-bugs")]
    #[must_use]
    pub fn with_bug(self, bug: Bug) -> Self {
        Self { bug: Some(bug), ..self }
    }

    /// Whether this bug is planted. It never is, except in tests and where the simulator is tested.
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

    /// The time since an instant before this process began, suspension included: see [`Clock::since_boot`].
    #[must_use]
    pub fn since_boot(&self) -> Duration {
        self.clock.since_boot()
    }

    /// A timer on the time of day.
    ///
    /// # Errors
    /// The operating system has no timer left.
    pub fn timer(&self) -> std::io::Result<Box<dyn Timer>> {
        self.clock.timer()
    }

    /// Random bytes, for identifiers.
    ///
    /// # Panics
    /// The operating system has no source of random bytes. No id is safe without one.
    #[must_use]
    pub fn random_bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes);
        bytes
    }

    /// The addresses of `address`, a `host:port`, with the one to be tried first at the front. A name server that
    /// does not answer takes 10 s at most.
    ///
    /// # Errors
    /// The name has no address, or the name servers failed. The error does not name the host.
    pub async fn lookup(&self, address: &str) -> std::io::Result<Vec<SocketAddr>> {
        self.net.lookup(address).await
    }

    /// Connects to the first of the addresses that answers, and returns it too. The caller must bound the time,
    /// because the operating system may take long.
    ///
    /// # Errors
    /// None of the addresses answers.
    pub async fn connect(&self, addresses: &[SocketAddr]) -> std::io::Result<(Socket, SocketAddr)> {
        dial(&*self.net, addresses).await
    }

    /// Puts what is counted of the network into a registry.
    pub fn register(&self, registry: &mut Registry) {
        self.net.register(registry);
    }

    /// Listens at `address`, a `host:port`; port 0 takes a free one.
    ///
    /// # Errors
    /// The address is not one of this machine's, or it is in use.
    pub async fn listen(&self, address: &str) -> std::io::Result<Box<dyn Listener>> {
        self.net.listen(address).await
    }

    /// Runs blocking work away from the async threads.
    ///
    /// # Panics
    /// The work panics.
    pub async fn blocking<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        self.blocking.run(work).await
    }

    /// Whether a simulated disk has space. A real disk always passes here, and writing to it shows whether it
    /// is full.
    ///
    /// # Errors
    /// The simulated disk is full.
    pub fn room(&self) -> std::io::Result<()> {
        self.blocking.room()
    }

    /// Where blocking work is done.
    pub(crate) fn workers(&self) -> &Blocking {
        &self.blocking
    }
}
