//! What a node asks of the world: the time of day, timers, random bytes, the network between nodes and
//! to its clients, the disk, and threads for blocking work.
//!
//! This is the only crate that asks for them, and so the seam where tests and the simulator put
//! a clock, a network and a disk of their own. Everything else takes an [`Env`]. This crate knows nothing
//! of what they are asked for.

mod accept;
mod blocking;
mod bug;
mod clock;
mod future;
mod net;
pub mod pem;
mod random;
mod real;
mod scratch;
mod worker;
mod world;

pub use accept::{Accept, accept};
pub use blocking::Disk;
pub use bug::Bug;
pub use clock::{Clock, Timer};
pub use future::BoxFuture;
pub use net::{Listener, Net, Socket, Stream};
pub use random::Random;
pub use scratch::{Scratch, ScratchFile};
pub use worker::{Ended, Gate, Worker, pause};
pub use world::Env;
