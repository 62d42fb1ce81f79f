//! The network between nodes, as the server sees it.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::BoxFuture;

/// A two-way stream of bytes.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection. What is written leaves at once, and a peer that vanished is found out within a
/// minute or so of silence.
pub type Socket = Box<dyn Stream>;

/// Finds addresses and makes connections. [`Env::lookup`](crate::Env::lookup), [`Env::connect`](crate::Env::connect) and [`Env::listen`](crate::Env::listen)
/// say what is asked of it.
pub trait Net: Send + Sync + fmt::Debug {
    /// Looks the name up. A network without names knows addresses only.
    fn lookup<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move {
            let parsed = address.parse().map(|found| vec![found]);
            parsed.map_err(|_| io::Error::new(io::ErrorKind::NotFound, "the name has no addresses"))
        })
    }

    /// Looks the name up and connects.
    fn connect<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Socket>>;

    /// Takes an address of this machine.
    fn listen<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>>;
}

/// Takes connections, until it is dropped.
pub trait Listener: Send + fmt::Debug {
    /// Waits for the next connection, and says where it comes from. Dropping the future and calling
    /// anew loses none.
    fn accept(&mut self) -> BoxFuture<'_, io::Result<(Socket, SocketAddr)>>;

    /// Where it listens, with the port it was given.
    ///
    /// # Errors
    /// The operating system does not say.
    fn local_address(&self) -> io::Result<SocketAddr>;

    /// Stops listening. Answers with the connections that were made and not taken yet: whoever made
    /// them may have sent a request, and would see them reset.
    fn close(self: Box<Self>) -> Vec<(Socket, SocketAddr)> {
        Vec::new()
    }
}
