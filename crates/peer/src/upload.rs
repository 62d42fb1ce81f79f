//! A body that is being sent, and how long it may stand still.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;

use super::Body;
use super::connection::Outgoing;

/// How long the answer to an upload may take once all of it is sent, and beyond that a second for so many bytes
/// of the body: the other node reads gigabytes again and writes them to its disk. A node that vanishes meanwhile
/// is noticed sooner, by its connection.
const ANSWER: Duration = Duration::from_secs(5 * 60);
const BYTES_A_SECOND: u64 = 8 << 20;

/// How far an upload has come.
pub(super) struct Upload {
    progress: Arc<Progress>,
    stall: Duration,
}

#[derive(Default)]
struct Progress {
    bytes: AtomicU64,
    is_out: AtomicBool,
}

impl Upload {
    pub(super) fn new(stall: Duration) -> Self {
        Self { progress: Arc::default(), stall }
    }

    /// Makes the body of the request: the message, and `body` behind it.
    pub(super) fn watch(&self, message: Bytes, mut body: Body) -> Outgoing {
        let progress = Arc::clone(&self.progress);
        let body = stream::poll_fn(move |context| {
            let next = ready!(body.poll_next_unpin(context));
            match &next {
                Some(Ok(part)) => drop(progress.bytes.fetch_add(part.len() as u64, Ordering::Relaxed)),
                Some(Err(_)) => {}
                None => progress.is_out.store(true, Ordering::Relaxed),
            }
            Poll::Ready(next)
        });
        let message = stream::iter([Ok(message)]);
        let frames = message.chain(body).map(|part| part.map(Frame::data));
        BodyExt::boxed_unsync(StreamBody::new(frames))
    }

    /// Whether all of it was handed to the connection.
    pub(super) fn is_out(&self) -> bool {
        self.progress.is_out.load(Ordering::Relaxed)
    }

    /// How long the upload may stand still, as far as it has come.
    pub(super) fn patience(&self) -> Duration {
        match self.is_out() {
            true => answer_within(self.progress.bytes.load(Ordering::Relaxed)),
            false => self.stall,
        }
    }
}

fn answer_within(bytes: u64) -> Duration {
    ANSWER + Duration::from_secs(bytes / BYTES_A_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_has_longer_to_check_a_larger_body() {
        let seconds = |bytes| answer_within(bytes).as_secs();
        assert_eq!([0, 250 << 20, 10 << 30].map(seconds), [300, 331, 1_580]);
    }
}
