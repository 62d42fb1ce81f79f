//! One connection to a server: HTTP/1.1, one request at a time.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;

use crate::{Answer, Error, Stream};

/// What every connection to one server needs to know.
#[derive(Debug)]
pub(crate) struct Server {
    /// Its `host:port`.
    pub(crate) address: String,
    /// The same as the value of a `Host` header.
    pub(crate) host: HeaderValue,
    /// What says who asks, where that is known.
    pub(crate) authorization: Option<HeaderValue>,
    /// The longest body that is read.
    pub(crate) largest_answer: usize,
}

impl Server {
    pub(crate) fn unanswered(&self, why: impl ToString) -> Error {
        Error::Unanswered { server: self.address.clone(), why: why.to_string() }
    }

    /// Reads the body of an answer.
    pub(crate) async fn read(&self, response: Response<Incoming>) -> Result<Answer, Error> {
        let (head, body) = response.into_parts();
        let body = Limited::new(body, self.largest_answer).collect().await;
        let body = body.map_err(|error| self.unanswered(error))?.to_bytes();
        Ok(Answer { status: head.status, headers: head.headers, body })
    }

    pub(crate) fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, Error> {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request = request.header(header::HOST, &self.host);
        }
        if let Some(authorization) = &self.authorization
            && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"))
        {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Ok(request.body(Full::new(body))?)
    }
}

/// A connection of its own, for a caller that wants to say when connections are made and used, such as
/// the load of a benchmark. It knows no time limit: that is the caller's to set.
#[derive(Debug)]
pub struct Connection {
    server: Arc<Server>,
    sender: SendRequest<Full<Bytes>>,
}

/// Why a request on this connection has no answer.
pub(crate) enum Lost {
    /// Nothing of it was sent: the connection had ended before. Here it is again.
    Unsent(Box<Request<Full<Bytes>>>),
    /// It was sent, at least in part.
    Unanswered(Error),
}

impl Connection {
    /// Begins to speak HTTP on a stream. Must be called in a tokio runtime, which drives the connection.
    pub(crate) async fn open(server: Arc<Server>, stream: Box<dyn Stream>) -> hyper::Result<Self> {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // It ends with its sender. What breaks it is told by the request that meets it.
        tokio::spawn(connection);
        Ok(Self { server, sender })
    }

    /// Sends a request and reads the whole answer. Headers are sent as they are given; `Host` is added
    /// where it is not among them.
    ///
    /// # Errors
    /// All but [`Error::Problem`] and [`Error::Unexpected`]: an answer of any status is an [`Answer`].
    pub async fn request(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, Error> {
        let request = self.server.request(method, path, headers, body.into())?;
        match self.send(request).await {
            Ok(response) => self.server.read(response).await,
            Err(Lost::Unanswered(error)) => Err(error),
            Err(Lost::Unsent(_)) => Err(Error::Unreached {
                server: self.server.address.clone(),
                source: std::io::ErrorKind::NotConnected.into(),
            }),
        }
    }

    /// Sends a request, and answers with what comes back once its head is there.
    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Lost> {
        self.sender.try_send_request(request).await.map_err(|mut error| match error.take_message() {
            Some(request) => Lost::Unsent(Box::new(request)),
            None => Lost::Unanswered(self.server.unanswered(in_words(&error.into_error()))),
        })
    }

    /// Waits until the answer before is done with; says whether another request can be sent.
    pub(crate) async fn is_ready(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }
}

/// What happened to a connection, for somebody who does not know the library.
fn in_words(error: &hyper::Error) -> String {
    if error.is_parse() {
        return "what came back is not HTTP/1.1; it may serve HTTPS".to_owned();
    }
    error.to_string()
}
