//! What is left of a request's body when its answer is there.
//!
//! A connection is not closed on a client that still sends: the reset may take the answer with it before it was read
//! (RFC 9112, section 9.6). So whoever refuses a request need not read its body; that is done here, within limits, and the
//! connection goes on.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::Request;
use hyper::body::{Body, Incoming};
use hyper::header::EXPECT;
use tokio::sync::oneshot;

/// What is read and thrown away: as much as the largest body that is taken.
const BYTES: usize = 16 << 20;
/// Who is slower is not waited for.
const TIME: Duration = Duration::from_secs(3);

/// A body that comes back where it is dropped before its end.
pub(super) struct Lent {
    body: Option<Incoming>,
    back: Option<oneshot::Sender<Incoming>>,
}

/// What may come back of a body.
pub(super) struct Unread {
    body: Option<oneshot::Receiver<Incoming>>,
    /// The client sends it when it is asked to (RFC 9110, section 10.1.1). Reading it would ask.
    waits_to_be_asked: bool,
}

/// Lends the body of a request to whoever answers it.
pub(super) fn lend(request: Request<Incoming>) -> (Request<Lent>, Unread) {
    let waits_to_be_asked = request.headers().contains_key(EXPECT);
    let (head, body) = request.into_parts();
    let (back, unread) = if body.is_end_stream() { (None, None) } else { Some(oneshot::channel()).unzip() };
    let lent = Lent { body: Some(body), back };
    (Request::from_parts(head, lent), Unread { body: unread, waits_to_be_asked })
}

impl Unread {
    /// Reads the rest. Whether nothing more can come of it.
    pub(super) async fn read(self) -> bool {
        let Some(Ok(mut body)) = self.body.map(|mut back| back.try_recv()) else { return true };
        if self.waits_to_be_asked {
            return false;
        }
        let rest = async {
            let mut dropped = 0;
            while let Some(frame) = body.frame().await {
                dropped += frame.ok().and_then(|frame| frame.into_data().ok()).map_or(0, |data| data.len());
                if dropped > BYTES {
                    return false;
                }
            }
            true
        };
        tokio::time::timeout(TIME, rest).await.unwrap_or(false)
    }
}

impl Body for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(body).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) {
            self.body = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (Some(body), Some(back)) = (self.body.take(), self.back.take())
            && !body.is_end_stream()
        {
            // Nobody waits for it where the connection is gone.
            let _ = back.send(body);
        }
    }
}
