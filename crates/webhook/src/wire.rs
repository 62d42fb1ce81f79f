//! A connection to a target, as hyper's client wants it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use chronos_env::Socket;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;

use crate::idle::Link;

/// A connection. Each response that comes by it carries the [`Use`](crate::idle::Use) that it
/// ends in its extensions.
pub(crate) struct Wire {
    io: TokioIo<Socket>,
    link: Link,
}

impl Wire {
    pub(crate) fn new(socket: Socket, link: Link) -> Self {
        Self { io: TokioIo::new(socket), link }
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

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.link.is_given_up(context.waker()) {
            // The end of the stream.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl Write for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.link.is_used();
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.link.is_used();
        Pin::new(&mut self.io).poll_write_vectored(context, slices)
    }
}
