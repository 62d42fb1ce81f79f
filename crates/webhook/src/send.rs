//! Sends one request, also where the connection that it was given ends just then.

use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Extensions;
use hyper::body::Incoming;
use hyper_util::client::legacy::Error;
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};

use super::client::Http;
use super::hop::Hop;
use super::idle::Use;

/// How often a request is sent again after a connection that ended with nothing written to it.
const MAX_IN_VAIN: usize = 3;

/// Sends a request and waits for the head of its response.
///
/// A request may be handed to a connection just as that ends, and hyper may then never say so
/// (<https://github.com/hyperium/hyper/issues/4122>). So a connection that ended with nothing written to it is
/// noticed here, and the request is sent again.
pub(crate) async fn send(http: &Http, hop: &Hop) -> Result<http::Response<Incoming>, Error> {
    for _ in 0..MAX_IN_VAIN {
        let mut request = hop.to_http();
        let connection = capture_connection(&mut request);
        let mut response = http.request(request);
        let answer = poll_fn(|context| match Pin::new(&mut response).poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            // Asked after hyper, which may have taken another connection meanwhile.
            Poll::Pending if was_in_vain(&connection, context) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        if let Some(answer) = answer.await {
            return answer;
        }
    }
    http.request(hop.to_http()).await
}

fn was_in_vain(connection: &CaptureConnection, context: &mut Context<'_>) -> bool {
    let mut found = Extensions::new();
    if let Some(connected) = connection.connection_metadata().as_ref() {
        connected.get_extras(&mut found);
    }
    found.get::<Use>().is_some_and(|used| used.was_in_vain(context))
}
