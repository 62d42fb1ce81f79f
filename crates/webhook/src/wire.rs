//! A connection to a target, as hyper's client wants it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use chronos_env::Socket;
use hyper_util::client::legacy::connect::{Connected, Connection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::idle::Link;

/// A connection. Each response that comes by it carries the [`Use`](crate::idle::Use) that it
/// ends in its extensions.
pub(crate) struct Wire {
    socket: Socket,
    link: Link,
    /// The end of the stream was read. No request is written from then on.
    is_at_end: bool,
}

impl Wire {
    pub(crate) fn new(socket: Socket, link: Link) -> Self {
        Self { socket, link, is_at_end: false }
    }

    fn is_used(&self) {
        if !self.is_at_end {
            self.link.is_used();
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.link.ends();
    }
}

impl Connection for Wire {
    /// Asked once, after the TLS handshake.
    fn connected(&self) -> Connected {
        self.link.is_new();
        Connected::new().extra(self.link.current_use())
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let filled = buffer.filled().len();
        let read = if self.link.is_given_up(context.waker()) {
            Poll::Ready(Ok(()))
        } else {
            Pin::new(&mut self.socket).poll_read(context, buffer)
        };
        self.is_at_end |= read.is_ready() && buffer.filled().len() == filled;
        read
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.is_used();
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.is_used();
        Pin::new(&mut self.socket).poll_write_vectored(context, slices)
    }
}
