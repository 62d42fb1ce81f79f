//! The machine's network: TCP, and the names that are looked up.

#![expect(clippy::disallowed_methods, reason = "this is where sockets are asked for")]

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use prometheus_client::registry::Registry;
use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpStream};

use super::names::{NameFiles, Names};
use crate::{BoxFuture, Listener, Net, Socket, shortage};

/// How long a connection is silent before the kernel probes whether the other end is still there, and the
/// time between probes.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_PROBES: u32 = 3;
/// How many connections are taken from the kernel's queue when listening ends: as many as it holds.
const QUEUE: usize = 1024;

/// The machine's own network.
#[derive(Debug)]
pub(crate) struct RealNet(Names);

impl RealNet {
    pub(crate) fn new(files: NameFiles) -> Self {
        Self(Names::new(files))
    }
}

impl Net for RealNet {
    fn lookup<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(self.0.lookup(address))
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Socket>> {
        Box::pin(async move {
            let connected = TcpStream::connect(address).await;
            Ok(ready(connected.map_err(|error| shortage::of_connect(error, address))?))
        })
    }

    fn register(&self, registry: &mut Registry) {
        self.0.register(registry);
    }

    fn listen<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>> {
        Box::pin(async move { Ok(Box::new(RealListener(TcpListener::bind(address).await?)) as _) })
    }
}

#[derive(Debug)]
struct RealListener(TcpListener);

impl Listener for RealListener {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<(Socket, SocketAddr)>> {
        Box::pin(async {
            let (stream, from) = self.0.accept().await?;
            Ok((ready(stream), from))
        })
    }

    fn local_address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    fn close(self: Box<Self>) -> Vec<(Socket, SocketAddr)> {
        let Ok(listener) = self.0.into_std() else { return Vec::new() };
        let next = || {
            let (stream, from) = listener.accept().ok()?;
            stream.set_nonblocking(true).ok()?;
            Some((ready(TcpStream::from_std(stream).ok()?), from))
        };
        std::iter::from_fn(next).take(QUEUE).collect()
    }
}

/// Sets a connection up. Where an option cannot be set, messages are a little later, or a vanished peer is
/// noticed later. Both are better than no connection.
fn ready(stream: TcpStream) -> Socket {
    let _ = stream.set_nodelay(true);
    let _ = sockopt::set_socket_keepalive(&stream, true);
    let _ = sockopt::set_tcp_keepidle(&stream, KEEPALIVE_IDLE);
    let _ = sockopt::set_tcp_keepintvl(&stream, KEEPALIVE_INTERVAL);
    let _ = sockopt::set_tcp_keepcnt(&stream, KEEPALIVE_PROBES);
    Box::new(stream)
}
