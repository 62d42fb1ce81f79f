//! TCP.

#![expect(clippy::disallowed_methods, reason = "this is where sockets and names are asked for")]

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpStream};

use crate::{BoxFuture, Listener, Net, Socket};

/// For one of several addresses of a name. The last one, and an only one, may take as long as the
/// caller lets it; one that is dead must not keep the others from being tried.
const ONE_OF_SEVERAL: Duration = Duration::from_millis(500);
/// Silence on a connection before the other end is asked whether it is still there, and between
/// further questions.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_QUESTIONS: u32 = 3;
/// Connections that are taken from the kernel's queue at the end: as many as it holds.
const QUEUE: usize = 1024;

/// The machine's own network.
#[derive(Debug)]
pub(crate) struct RealNet;

impl Net for RealNet {
    fn lookup<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host(address).await?.collect()) })
    }

    fn connect<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Socket>> {
        Box::pin(async move {
            let found = self.lookup(address).await?;
            let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no addresses");
            for (index, address) in found.iter().enumerate() {
                let connecting = TcpStream::connect(address);
                let connected = if index + 1 == found.len() {
                    connecting.await
                } else {
                    let late = |_| Err(io::ErrorKind::TimedOut.into());
                    tokio::time::timeout(ONE_OF_SEVERAL, connecting).await.unwrap_or_else(late)
                };
                match connected {
                    Ok(stream) => return Ok(ready(stream)),
                    Err(error) => failure = error,
                }
            }
            Err(failure)
        })
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

/// Sets a connection up. Where an option cannot be set, messages are a little later, or a peer that
/// vanished is found out later: both better than no connection.
fn ready(stream: TcpStream) -> Socket {
    let _ = stream.set_nodelay(true);
    let _ = sockopt::set_socket_keepalive(&stream, true);
    let _ = sockopt::set_tcp_keepidle(&stream, KEEPALIVE_IDLE);
    let _ = sockopt::set_tcp_keepintvl(&stream, KEEPALIVE_INTERVAL);
    let _ = sockopt::set_tcp_keepcnt(&stream, KEEPALIVE_QUESTIONS);
    Box::new(stream)
}
