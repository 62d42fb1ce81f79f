//! What a node asks of the world: the time of day, timers, random bytes, the network, the disk, and
//! threads for blocking work.
//!
//! Within a node, this is the only crate that asks the operating system for these. All other crates take
//! an [`Env`]. So tests and the simulator can put a clock, a network and a disk of their own in its place.
//! This crate never knows what the others use these for.

mod accept;
mod blocking;
mod bug;
mod clock;
mod dial;
mod fault;
mod future;
mod loops;
mod net;
mod paths;
pub mod pem;
mod pool;
mod random;
mod real;
mod scratch;
mod seldom;
mod shortage;
mod worker;
mod world;

pub use accept::{Accept, Further, accept};
pub use blocking::Disk;
pub use bug::Bug;
pub use clock::{Clock, Timer};
pub use fault::Fault;
pub use future::BoxFuture;
pub use loops::{Loop, Loops, panic_text};
pub use net::{Listener, Net, Socket, Stream};
pub use paths::{no_directory, path_error};
pub use pool::{Call, LineFull, Place, Pool};
pub use random::Random;
pub use real::NameFiles;
pub use scratch::{Scratch, ScratchFile};
pub use seldom::Seldom;
pub use shortage::shortage;
pub use worker::{Ended, Gate, Worker, pause, pause_by};
pub use world::Env;
