//! A body that is being sent, and how long it may stand still.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;

use super::Body;
use super::activity::Activity;
use super::connection::Outgoing;

/// How long the answer to an upload may take once all of it is sent: the other node writes gigabytes to
/// its disk. A node that vanishes meanwhile is noticed sooner, by its connection.
const ANSWER: Duration = Duration::from_secs(5 * 60);

/// How far an upload has come.
pub(super) struct Upload {
    is_out: Arc<AtomicBool>,
    stall: Duration,
}

impl Upload {
    pub(super) fn new(stall: Duration) -> Self {
        Self { is_out: Arc::default(), stall }
    }

    /// Makes the body of the request: the message, and `body` behind it.
    pub(super) fn watch(&self, message: Bytes, mut body: Body) -> Outgoing {
        let is_out = Arc::clone(&self.is_out);
        let body = stream::poll_fn(move |context| {
            let next = ready!(body.poll_next_unpin(context));
            if next.is_none() {
                is_out.store(true, Ordering::Relaxed);
            }
            Poll::Ready(next)
        });
        let message = stream::iter([Ok(message)]);
        let frames = message.chain(body).map(|part| part.map(Frame::data));
        BodyExt::boxed_unsync(StreamBody::new(frames))
    }

    /// Whether all of it was handed to the connection.
    pub(super) fn is_out(&self) -> bool {
        self.is_out.load(Ordering::Relaxed)
    }

    /// Waits until no byte has moved for too long. Returns the sentence that says so.
    pub(super) async fn stalls(&self, activity: &Activity) -> String {
        activity.touch();
        loop {
            let patience = if self.is_out() { ANSWER } else { self.stall };
            if activity.last().elapsed() >= patience {
                return format!("no byte moved for {} s", patience.as_secs_f64());
            }
            tokio::time::sleep(self.stall / 8).await;
        }
    }
}
