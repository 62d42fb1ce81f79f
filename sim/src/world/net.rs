//! The network as a node sees it: sockets that its card serves.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use chronos_env::{BoxFuture, Listener, Net, Socket};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::sync::{mpsc, oneshot};
use turmoil::net::TcpListener;

use super::card::{Accepted, Ask};
use super::{Card, Link};

/// The addresses of all hosts, by name.
pub(crate) type Names = Arc<BTreeMap<String, IpAddr>>;

/// The network of one start of a node.
#[derive(Debug)]
pub(crate) struct SimNet {
    names: Names,
    card: mpsc::UnboundedSender<Ask>,
}

impl SimNet {
    /// The network of a node that starts, and the card that must be served for it.
    pub(crate) fn new(names: Names, link: Arc<Link>) -> (Self, Card) {
        let (card, asks) = Card::new(link);
        (Self { names, card: asks }, card)
    }

    async fn ask<T>(&self, ask: impl FnOnce(oneshot::Sender<io::Result<T>>) -> Ask) -> io::Result<T> {
        let gone = || io::Error::from(io::ErrorKind::NetworkDown);
        let (answer, answered) = oneshot::channel();
        self.card.send(ask(answer)).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

impl Net for SimNet {
    fn lookup<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move {
            let (host, port) = split(address)?;
            let known = host.parse().ok().or_else(|| self.names.get(host).copied());
            let ip =
                known.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no addresses"))?;
            Ok(vec![SocketAddr::new(ip, port)])
        })
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Socket>> {
        Box::pin(async move {
            let wire = self.ask(|answer| Ask::Connect { to: address, answer }).await?;
            Ok(Box::new(wire) as Socket)
        })
    }

    fn listen<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>> {
        Box::pin(async move {
            let address: SocketAddr =
                address.parse().map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
            let accepted = self.ask(|answer| Ask::Listen { port: address.port(), answer }).await?;
            Ok(Box::new(SimListener { address, accepted }) as _)
        })
    }
}

fn split(address: &str) -> io::Result<(&str, u16)> {
    let bad = || io::Error::new(io::ErrorKind::InvalidInput, format!("{address:?} has no port"));
    let (host, port) = address.rsplit_once(':').ok_or_else(bad)?;
    Ok((host, port.parse().map_err(|_| bad())?))
}

#[derive(Debug)]
struct SimListener {
    address: SocketAddr,
    accepted: Accepted,
}

impl Listener for SimListener {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<(Socket, SocketAddr)>> {
        Box::pin(async {
            let (wire, from) = self.accepted.recv().await.ok_or(io::ErrorKind::NetworkDown)?;
            Ok((Box::new(wire) as Socket, from))
        })
    }

    fn local_address(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }

    fn close(mut self: Box<Self>) -> Vec<(Socket, SocketAddr)> {
        self.accepted.close();
        let made = std::iter::from_fn(|| self.accepted.try_recv().ok());
        made.map(|(wire, from)| (Box::new(wire) as Socket, from)).collect()
    }
}

/// The node's end of a connection.
#[derive(Debug)]
pub(super) struct Wire {
    bytes: DuplexStream,
    /// Whether the connection was reset, rather than closed.
    reset: Arc<AtomicBool>,
}

impl Wire {
    pub(super) fn new(bytes: DuplexStream, reset: Arc<AtomicBool>) -> Self {
        Self { bytes, reset }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.bytes).poll_read(context, buffer))?;
        let is_end = buffer.filled().len() == before && buffer.remaining() > 0;
        if is_end && self.reset.load(Ordering::Relaxed) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.bytes).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.bytes).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.bytes).poll_shutdown(context)
    }
}

/// Listens on the network of a host of turmoil's own, which no card serves.
pub(super) async fn listen_directly(address: &str) -> io::Result<Box<dyn Listener>> {
    Ok(Box::new(Direct(TcpListener::bind(address).await?)))
}

struct Direct(TcpListener);

impl std::fmt::Debug for Direct {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Direct({:?})", self.0.local_addr().ok())
    }
}

impl Listener for Direct {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<(Socket, SocketAddr)>> {
        Box::pin(async {
            let (stream, from) = self.0.accept().await?;
            Ok((Box::new(stream) as Socket, from))
        })
    }

    fn local_address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}
