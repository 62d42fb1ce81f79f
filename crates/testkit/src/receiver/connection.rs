//! One connection: requests are read whole, recorded, and answered, until either side goes.

use std::net::SocketAddr;
use std::time::Instant;

use chronos_env::{BoxFuture, Listener, Socket};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
#[cfg(feature = "process")]
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::answer::{Answer, Ending};
use super::call::Call;
use super::shared::Shared;
use crate::now_ms;

/// Where connections come from.
pub(super) enum Incoming {
    Tcp(TcpListener),
    #[cfg(feature = "process")]
    Tls(TcpListener, TlsAcceptor),
    Given(Box<dyn Listener>),
}

/// A connection once its handshake is done; none where that failed.
type Opening = BoxFuture<'static, Option<Box<dyn Wire>>>;

impl Incoming {
    /// The next connection, and where it comes from; none where there is none to be had now.
    pub(super) async fn next(&mut self) -> Option<(SocketAddr, Opening)> {
        Some(match self {
            Self::Tcp(listener) => {
                let (stream, from) = accept(listener).await?;
                (from, Box::pin(async { Some(Box::new(stream) as _) }))
            }
            #[cfg(feature = "process")]
            Self::Tls(listener, acceptor) => {
                let (stream, from) = accept(listener).await?;
                let acceptor = acceptor.clone();
                (from, Box::pin(async move { Some(Box::new(acceptor.accept(stream).await.ok()?) as _) }))
            }
            Self::Given(listener) => {
                let (stream, from) = listener.accept().await.ok()?;
                (from, Box::pin(async { Some(Box::new(stream) as _) }))
            }
        })
    }
}

async fn accept(listener: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
    let (stream, from) = listener.accept().await.ok()?;
    stream.set_nodelay(true).unwrap();
    Some((stream, from))
}

/// What a connection runs over.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {
    /// Sees to it that it is reset when it is dropped, rather than closed.
    fn reset_at_end(&self);
}

impl Wire for TcpStream {
    fn reset_at_end(&self) {
        // With nothing to linger for, closing sends RST.
        self.set_zero_linger().unwrap();
    }
}

#[cfg(feature = "process")]
impl Wire for TlsStream<TcpStream> {
    fn reset_at_end(&self) {
        self.get_ref().0.reset_at_end();
    }
}

impl Wire for Socket {
    fn reset_at_end(&self) {
        panic!("a connection of a listener that was given cannot be reset");
    }
}

/// Serves requests until either side goes.
pub(super) async fn connection(mut wire: Box<dyn Wire>, from: SocketAddr, shared: &Shared) {
    let mut buffer = Vec::new();
    while let Some(call) = request(&mut wire, from, &mut buffer).await {
        let (path, method) = (call.path().to_owned(), call.method.clone());
        let answer = shared.record(call);
        match send(&mut wire, &answer, &method).await {
            Sent::Whole => {}
            Sent::Ended => return,
            Sent::Abandoned => return shared.change(|state| *state.abandoned.entry(path).or_default() += 1),
        }
    }
}

/// What became of an answer.
enum Sent {
    /// The connection stays.
    Whole,
    /// There is no connection any more.
    Ended,
    /// The client went away before it had a whole answer.
    Abandoned,
}

async fn send(wire: &mut Box<dyn Wire>, answer: &Answer, method: &str) -> Sent {
    tokio::select! {
        biased;
        () = answer.due() => {}
        () = gone(wire) => return Sent::Abandoned,
    }
    match answer.ending {
        Ending::Silent => {
            gone(wire).await;
            return Sent::Abandoned;
        }
        Ending::Reset => {
            wire.reset_at_end();
            return Sent::Ended;
        }
        Ending::Whole | Ending::CutShort | Ending::Stalled => {
            if wire.write_all(&answer.bytes(method)).await.is_err() || wire.flush().await.is_err() {
                return Sent::Ended;
            }
        }
    }
    match answer.ending {
        Ending::CutShort => {
            let _ = wire.shutdown().await;
            Sent::Ended
        }
        Ending::Stalled => {
            gone(wire).await;
            Sent::Abandoned
        }
        _ => Sent::Whole,
    }
}

/// Resolves when the client closes. It has nothing to say before it was answered.
async fn gone(wire: &mut Box<dyn Wire>) {
    let mut byte = [0];
    let read = wire.read(&mut byte).await;
    assert!(!matches!(read, Ok(1)), "a second request before the first was answered");
}

/// Reads one request; none where the client closes.
async fn request(wire: &mut Box<dyn Wire>, from: SocketAddr, buffer: &mut Vec<u8>) -> Option<Call> {
    let head_end = loop {
        match buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            Some(at) => break at,
            None => more(wire, buffer).await?,
        }
    };
    let (at, at_ms) = (Instant::now(), now_ms());
    let head = String::from_utf8(buffer[..head_end].to_vec()).unwrap();
    buffer.drain(..head_end + 4);
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    assert_eq!(first.next(), Some("HTTP/1.1"), "{head}");
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(':').unwrap_or_else(|| panic!("not a header: {line:?}")))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    let mut call = Call { method, target, headers, body: String::new(), from, at, at_ms };
    assert_eq!(call.header("Transfer-Encoding"), None, "bodies are sent with their length");
    let length = call.header("Content-Length").map_or(0, |length| length.parse().unwrap());
    while buffer.len() < length {
        more(wire, buffer).await?;
    }
    call.body = String::from_utf8(buffer.drain(..length).collect()).unwrap();
    Some(call)
}

async fn more(wire: &mut Box<dyn Wire>, buffer: &mut Vec<u8>) -> Option<()> {
    match wire.read_buf(buffer).await {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(()),
    }
}
