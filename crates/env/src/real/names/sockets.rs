//! How name servers are reached: a socket of its own for each question over UDP, and a shared connection for answers
//! that are too long for it.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hickory_resolver::config::{ConnectionConfig, ProtocolConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::{
    DnsUdpSocket, RuntimeProvider, TokioHandle, TokioRuntimeProvider, TokioTime,
};
use hickory_resolver::net::tcp::TcpClientStream;
use hickory_resolver::net::udp::UdpClientStream;
use hickory_resolver::net::xfer::DnsExchange;
use hickory_resolver::{ConnectionProvider, PoolContext};
use tokio::io::{Interest, ReadBuf};
use tokio::net::UdpSocket;
use tokio::time::Instant;

/// How often a question is sent within one attempt over UDP, and how long after the first time: a packet may get
/// lost. By default there would be three, a third of a second apart, each with a socket of its own.
const SENDS: u8 = 2;
const RESEND_MS: u64 = 1_000;

/// The number of the system's last error, for the library says only that there is no connection.
#[derive(Clone, Default)]
pub(super) struct Errors(Arc<Mutex<Option<(Instant, i32)>>>);

impl Errors {
    /// The last error since then, where there was one. One from before is not why a later question failed.
    pub(super) fn since(&self, begun: Instant) -> Option<i32> {
        self.lock().filter(|(at, _)| *at >= begun).map(|(_, number)| number)
    }

    fn note<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if let Some(number) = result.as_ref().err().and_then(io::Error::raw_os_error) {
            *self.lock() = Some((Instant::now(), number));
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Instant, i32)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the connections to one name server.
#[derive(Clone)]
pub(super) struct Connections(Sockets);

impl Connections {
    /// `server` may have a scope, which is not in the address that the library knows.
    pub(super) fn new(server: SocketAddr) -> Self {
        Self(Sockets { server, tokio: TokioRuntimeProvider::new(), errors: Errors::default() })
    }

    /// The sockets' errors.
    pub(super) fn errors(&self) -> Errors {
        self.0.errors.clone()
    }
}

impl ConnectionProvider for Connections {
    type Conn = DnsExchange<Sockets>;
    type FutureConn = Pin<Box<dyn Future<Output = Result<Self::Conn, NetError>> + Send>>;
    type RuntimeProvider = Sockets;

    fn new_connection(
        &self,
        ip: IpAddr,
        config: &ConnectionConfig,
        context: &PoolContext,
    ) -> Result<Self::FutureConn, NetError> {
        let (server, timeout) = (SocketAddr::new(ip, config.port), context.options.timeout);
        if config.protocol == ProtocolConfig::Tcp {
            let most = Some(context.options.max_active_requests);
            return Ok(Box::pin(TcpClientStream::exchange(server, None, timeout, most, self.0.clone())));
        }
        let stream = UdpClientStream::builder(server, self.0.clone())
            .with_timeout(Some(timeout))
            // The kernel draws it at random from its range, as for glibc.
            .with_os_port_selection(true)
            .with_max_retries(SENDS)
            .with_retry_interval_floor(RESEND_MS);
        Ok(Box::pin(async move { Ok(stream.exchange()) }))
    }

    fn runtime_provider(&self) -> &Sockets {
        &self.0
    }
}

/// Makes the sockets to one name server.
#[derive(Clone)]
pub(super) struct Sockets {
    server: SocketAddr,
    tokio: TokioRuntimeProvider,
    errors: Errors,
}

impl RuntimeProvider for Sockets {
    type Handle = TokioHandle;
    type Timer = TokioTime;
    type Udp = Connected;
    type Tcp = <TokioRuntimeProvider as RuntimeProvider>::Tcp;

    fn create_handle(&self) -> TokioHandle {
        self.tokio.create_handle()
    }

    fn connect_tcp(
        &self,
        _: SocketAddr,
        from: Option<SocketAddr>,
        timeout: Option<Duration>,
    ) -> Pin<Box<dyn Send + Future<Output = io::Result<Self::Tcp>>>> {
        let (connecting, errors) = (self.tokio.connect_tcp(self.server, from, timeout), self.errors.clone());
        Box::pin(async move { errors.note(connecting.await) })
    }

    fn bind_udp(
        &self,
        from: SocketAddr,
        _: SocketAddr,
    ) -> Pin<Box<dyn Send + Future<Output = io::Result<Connected>>>> {
        let (server, errors) = (self.server, self.errors.clone());
        Box::pin(async move {
            let socket = errors.note(UdpSocket::bind(from).await)?;
            errors.note(socket.connect(server).await)?;
            Ok(Connected { socket, server, errors })
        })
    }
}

/// A socket that is connected. The kernel drops what others send to it, so they cannot use up the question; and it
/// says at once where nobody listens at the server's port.
pub(super) struct Connected {
    socket: UdpSocket,
    server: SocketAddr,
    errors: Errors,
}

impl Connected {
    /// Waits for a message, or for an error: a read of tokio does not wake for that.
    async fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        loop {
            let ready = self.socket.ready(Interest::READABLE | Interest::ERROR).await?;
            if ready.is_error() {
                if let Some(error) = self.socket.take_error()? {
                    return Err(error);
                }
                // It is gone, and is not to be waited for.
                let none = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
                let _ = self.socket.try_io(Interest::ERROR, none);
            }
            match self.socket.try_recv(buffer) {
                Ok(bytes) => return Ok((bytes, self.server)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl DnsUdpSocket for Connected {
    type Time = TokioTime;

    // What `async fn recv_from` stands for in this trait.
    fn recv_from<'a, 'b, 'c>(
        &'a self,
        buffer: &'b mut [u8],
    ) -> Pin<Box<dyn Future<Output = io::Result<(usize, SocketAddr)>> + Send + 'c>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(async move { self.errors.note(self.receive(buffer).await) })
    }

    fn poll_recv_from(
        &self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        let mut buffer = ReadBuf::new(buffer);
        let received = self.socket.poll_recv(context, &mut buffer);
        received.map_ok(|()| (buffer.filled().len(), self.server))
    }

    fn poll_send_to(
        &self,
        context: &mut Context<'_>,
        bytes: &[u8],
        _: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.socket.poll_send(context, bytes).map(|sent| self.errors.note(sent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_before_is_not_why_a_later_question_failed() {
        let (errors, begun) = (Errors::default(), Instant::now());
        assert_eq!(errors.since(begun), None);
        let shortage = io::Error::from_raw_os_error(rustix::io::Errno::MFILE.raw_os_error());
        assert!(errors.note(Err::<(), _>(shortage)).is_err());
        assert_eq!(errors.since(begun), Some(rustix::io::Errno::MFILE.raw_os_error()));
        assert_eq!(errors.since(Instant::now() + Duration::from_nanos(1)), None);
    }
}
