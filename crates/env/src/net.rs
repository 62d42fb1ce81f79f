//! The network, as the server sees it.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use prometheus_client::registry::Registry;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::BoxFuture;

/// A two-way stream of bytes.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection. Bytes that are written leave at once. A peer that vanished is noticed after a minute or so
/// of silence.
pub type Socket = Box<dyn Stream>;

/// Finds addresses and makes connections. [`Env::lookup`](crate::Env::lookup),
/// [`Env::connect`](crate::Env::connect) and [`Env::listen`](crate::Env::listen) say what each method does.
pub trait Net: Send + Sync + fmt::Debug {
    /// Looks the name up. By default a network has no names, and only addresses are found.
    fn lookup<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move {
            let parsed = address.parse().map(|found| vec![found]);
            parsed.map_err(|_| io::Error::new(io::ErrorKind::NotFound, "the name has no addresses"))
        })
    }

    /// Connects to an address.
    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Socket>>;

    /// Listens at an address of this machine.
    fn listen<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>>;

    /// Puts its counters into a registry. By default it counts nothing.
    fn register(&self, registry: &mut Registry) {
        let _ = registry;
    }
}

/// Takes connections, until it is dropped.
pub trait Listener: Send + fmt::Debug {
    /// Waits for the next connection. Returns it with the address it comes from. Dropping the future and
    /// calling anew loses no connection.
    fn accept(&mut self) -> BoxFuture<'_, io::Result<(Socket, SocketAddr)>>;

    /// The address it listens at, with the actual port.
    ///
    /// # Errors
    /// The operating system does not say.
    fn local_address(&self) -> io::Result<SocketAddr>;

    /// Stops listening. Returns the connections that were made and not accepted yet. Their clients may have
    /// sent a request already, and would otherwise see the connection reset.
    fn close(self: Box<Self>) -> Vec<(Socket, SocketAddr)> {
        Vec::new()
    }
}
