//! turmoil's network.

use std::io;
use std::net::SocketAddr;

use chronos_env::{BoxFuture, Listener, Net, Socket};
use turmoil::net::{TcpListener, TcpStream};

/// The simulated network, as the calling host sees it.
#[derive(Debug)]
pub(super) struct SimNet;

impl Net for SimNet {
    fn lookup<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move {
            let bad = || io::Error::new(io::ErrorKind::InvalidInput, format!("{address:?} has no port"));
            let (host, port) = address.rsplit_once(':').ok_or_else(bad)?;
            Ok(vec![SocketAddr::new(turmoil::lookup(host), port.parse().map_err(|_| bad())?)])
        })
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Socket>> {
        Box::pin(async move { Ok(Box::new(TcpStream::connect(address).await?) as Socket) })
    }

    fn listen<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>> {
        Box::pin(async move { Ok(Box::new(SimListener(TcpListener::bind(address).await?)) as _) })
    }
}

struct SimListener(TcpListener);

impl std::fmt::Debug for SimListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SimListener({:?})", self.0.local_addr().ok())
    }
}

impl Listener for SimListener {
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
