//! The body of an answer, as it goes out.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;

use super::Protocol;
use super::watch::{Open, PART};

/// A body whose end is seen. In HTTP/2 it goes out in parts: what hyper has taken of it, it holds for as long as the client
/// does not take it, for each of the requests on a connection.
pub(super) struct WatchedBody {
    body: Body,
    open: Open,
    /// What was read of `body` and is not out yet.
    rest: Bytes,
    most: usize,
    /// Its room among the requests under way.
    _room: Option<OwnedSemaphorePermit>,
}

impl WatchedBody {
    pub(super) fn new(body: Body, open: Open, room: Option<OwnedSemaphorePermit>) -> Self {
        let most = match open.protocol {
            Protocol::Http1 => usize::MAX,
            Protocol::Http2 => PART,
        };
        let mut this = Self { body, open, rest: Bytes::new(), most, _room: room };
        this.look();
        this
    }

    fn is_over(&self) -> bool {
        self.rest.is_empty() && http_body::Body::is_end_stream(&self.body)
    }

    fn look(&mut self) {
        if self.is_over() {
            self.open.answered();
        }
    }

    fn part(&mut self) -> Frame<Bytes> {
        let part = self.rest.split_to(self.rest.len().min(self.most));
        self.open.waits(true);
        self.look();
        Frame::data(part)
    }
}

impl http_body::Body for WatchedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        // Whoever asks for more has sent what there was before.
        this.open.waits(false);
        if !this.rest.is_empty() {
            return Poll::Ready(Some(Ok(this.part())));
        }
        let frame = match ready!(Pin::new(&mut this.body).poll_frame(context)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            None => {
                this.open.answered();
                return Poll::Ready(None);
            }
        };
        match frame.into_data() {
            Ok(data) => {
                this.rest = data;
                Poll::Ready(Some(Ok(this.part())))
            }
            Err(other) => Poll::Ready(Some(Ok(other))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_over()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.body.size_hint();
        let rest = self.rest.len() as u64;
        match hint.exact() {
            Some(bytes) => hint.set_exact(bytes + rest),
            None => hint.set_lower(hint.lower() + rest),
        }
        hint
    }
}
