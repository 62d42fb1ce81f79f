//! The client itself: it makes and keeps connections, and bounds how long a call takes and how much of an
//! answer is read.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::connection::{Lost, Server};
use crate::{Answer, Connect, Connection, Error};

/// For one call. The server itself may take some seconds to find a leader, and as long to take in a node.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest body that is read: a page of 500 jobs, each with the largest webhook body there may be
/// (256 KiB), and as much again for escapes.
const LARGEST_ANSWER: usize = 256 << 20;
/// Connections that are kept for later calls: more than a program has calls under way.
const KEPT: usize = 64;
/// A connection whose answer was read is ready at once, unless the server answered before it had read all
/// of the request.
const SETTLES: Duration = Duration::from_millis(100);

/// A client of one server. Cheap to clone; clones share the connections that are kept.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) server: Arc<Server>,
    connector: Arc<dyn Connect>,
    idle: Arc<Mutex<Vec<Connection>>>,
    patience: Duration,
    kept: usize,
}

impl Client {
    /// A client of the server at `server`, a `host:port`. It connects when the first call is made.
    ///
    /// # Errors
    /// [`Error::Unsendable`]: `server` has a character that no header may have.
    pub fn new(server: impl Into<String>, connector: impl Connect + 'static) -> Result<Self, Error> {
        let address = server.into();
        let host = HeaderValue::from_str(&address).map_err(http::Error::from)?;
        let authorization = None;
        let server = Arc::new(Server { address, host, authorization, largest_answer: LARGEST_ANSWER });
        let connector = Arc::new(connector);
        Ok(Self { server, connector, idle: Arc::default(), patience: PATIENCE, kept: KEPT })
    }

    /// Shows the token of a key with each request.
    ///
    /// # Errors
    /// [`Error::Unsendable`]: the token has a character that no header may have.
    pub fn token(self, token: &str) -> Result<Self, Error> {
        let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(http::Error::from)?;
        value.set_sensitive(true);
        let Server { address, host, authorization: _, largest_answer } = &*self.server;
        let (address, host) = (address.clone(), host.clone());
        let server = Server { address, host, authorization: Some(value), largest_answer: *largest_answer };
        // Connections that were kept are of the server as it was.
        Ok(Self { server: Arc::new(server), idle: Arc::default(), ..self })
    }

    /// Gives a call so long, its connection included; 60 s where nothing is said.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Keeps at most so many connections for later calls; with 0 each request has a connection of its own.
    #[must_use]
    pub fn keep(self, kept: usize) -> Self {
        Self { kept, ..self }
    }

    /// The server's `host:port`.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server.address
    }

    /// Sends any request, and reads the whole answer, whatever its status. Headers are sent as they are
    /// given; `Host` is added where it is not among them.
    ///
    /// # Errors
    /// All but [`Error::Problem`] and [`Error::Unexpected`].
    pub async fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, Error> {
        let request = self.server.request(method, path, headers, body.into())?;
        let deadline = Instant::now() + self.patience;
        let (connection, response) = self.send(request, deadline).await?;
        let answer = self.by(deadline, self.server.read(response)).await??;
        self.give_back(connection);
        Ok(answer)
    }

    /// A connection of its own.
    ///
    /// # Errors
    /// [`Error::Unreached`].
    pub async fn connection(&self) -> Result<Connection, Error> {
        self.connect(Instant::now() + self.patience).await
    }

    /// Sends a request on a connection that was kept, or on a new one. Answers with the head of the answer,
    /// and with the connection on which its body comes.
    pub(crate) async fn send(
        &self,
        mut request: Request<Full<Bytes>>,
        deadline: Instant,
    ) -> Result<(Connection, Response<Incoming>), Error> {
        loop {
            let (mut connection, is_new) = match self.take().await {
                Some(connection) => (connection, false),
                None => (self.connect(deadline).await?, true),
            };
            match self.by(deadline, connection.send(request)).await? {
                Ok(response) => return Ok((connection, response)),
                Err(Lost::Unanswered(error)) => return Err(error),
                // The server closes a connection on which nothing was asked for a while.
                Err(Lost::Unsent(again)) if !is_new => request = *again,
                Err(Lost::Unsent(_)) => return Err(self.unreached(io::ErrorKind::ConnectionAborted)),
            }
        }
    }

    /// When a call that begins now is to be over.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.patience
    }

    /// Awaits what the server is to do until then.
    pub(crate) async fn by<F: Future>(&self, deadline: Instant, future: F) -> Result<F::Output, Error> {
        let late = |_| self.server.unanswered(format!("within {:?}", self.patience));
        tokio::time::timeout_at(deadline, future).await.map_err(late)
    }

    async fn connect(&self, deadline: Instant) -> Result<Connection, Error> {
        let connecting = async {
            let stream = self.connector.connect(&self.server.address).await?;
            Connection::open(Arc::clone(&self.server), stream).await.map_err(io::Error::other)
        };
        let connected = tokio::time::timeout_at(deadline, connecting).await;
        connected
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(|error| self.unreached(error))
    }

    fn unreached(&self, source: impl Into<io::Error>) -> Error {
        Error::Unreached { server: self.server.address.clone(), source: source.into() }
    }

    /// A connection that was kept, and that can be used.
    async fn take(&self) -> Option<Connection> {
        loop {
            // The one that was used last: the server closes those that are not needed any more.
            let mut connection = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            if matches!(tokio::time::timeout(SETTLES, connection.is_ready()).await, Ok(true)) {
                return Some(connection);
            }
        }
    }

    fn give_back(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.kept {
            idle.push(connection);
        }
    }
}

/// What the typed calls are made of.
impl Client {
    /// Sends JSON, or nothing; the answer must have one of these statuses.
    pub(crate) async fn call<B: Serialize + ?Sized>(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&B>,
        expected: &[StatusCode],
    ) -> Result<Answer, Error> {
        let mut all = Vec::with_capacity(headers.len() + 1);
        let bytes = match body {
            None => Bytes::new(),
            Some(body) => {
                // RFC 7396 has a media type of its own.
                let is_patch = method == Method::PATCH;
                let kind = if is_patch { "application/merge-patch+json" } else { "application/json" };
                all.push(("content-type", kind));
                let text = serde_json::to_vec(body);
                text.map_err(|error| Error::Unsendable(error.to_string()))?.into()
            }
        };
        all.extend_from_slice(headers);
        self.request(method, path, &all, bytes).await?.expect(expected)
    }

    /// Reads what is at a path.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.call::<()>(Method::GET, path, &[], None, &[StatusCode::OK]).await?.json()
    }
}
