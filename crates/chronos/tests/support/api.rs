//! The plainest of HTTP clients: one connection a request, so that nothing is shared between two.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::HeaderMap;
use hyper::http::response::Parts;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use super::soon;

/// Before the paths of the API.
const V1: &str = "/api/v1";

/// A server's API.
#[derive(Clone, Debug)]
pub struct Api {
    address: SocketAddr,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// What was asked, for messages.
    asked: String,
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; what is not UTF-8 is replaced.
    pub body: String,
}

impl Reply {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The JSON of an answer that must have this status.
    #[track_caller]
    pub fn ok(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:#?}");
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:#?}");
        self.json()
    }

    /// The problem (RFC 9457) that must have been answered with this status.
    #[track_caller]
    pub fn problem(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:#?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:#?}");
        let problem = self.json();
        assert_eq!(problem["status"], status, "{problem:#}");
        for member in ["type", "title", "detail", "code"] {
            let text = problem[member].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{member} is missing: {problem:#}");
        }
        problem
    }

    /// The fields that a 400 names, sorted.
    #[track_caller]
    pub fn bad_fields(&self) -> Vec<String> {
        let problem = self.problem(400);
        let errors = problem["errors"].as_array().unwrap_or_else(|| panic!("{problem:#}"));
        let mut fields: Vec<_> = errors
            .iter()
            .map(|error| {
                assert!(!error["message"].as_str().unwrap().is_empty(), "{problem:#}");
                error["field"].as_str().unwrap().to_owned()
            })
            .collect();
        fields.sort();
        fields
    }
}

impl Api {
    /// The API at an address.
    pub fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// GET of a path below `/api/v1`.
    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, &format!("{V1}{path}"), &[], "").await
    }

    /// GET of a path below the root.
    pub async fn root(&self, path: &str) -> Reply {
        self.send(Method::GET, path, &[], "").await
    }

    /// What is behind a path below `/api/v1`, to the byte; it must be there.
    pub async fn get_bytes(&self, path: &str) -> Bytes {
        let asked = format!("GET {path}");
        let (head, body) = self.exchange(&asked, Method::GET, &format!("{V1}{path}"), &[], "").await;
        assert_eq!(head.status, 200, "{asked}: {}", String::from_utf8_lossy(&body));
        body
    }

    /// POST of JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.call(Method::POST, path, &[], body).await
    }

    /// POST without a body.
    pub async fn act(&self, path: &str) -> Reply {
        self.send(Method::POST, &format!("{V1}{path}"), &[], "").await
    }

    /// PUT of JSON.
    pub async fn put(&self, path: &str, body: &Value) -> Reply {
        self.call(Method::PUT, path, &[], body).await
    }

    /// PATCH of JSON (RFC 7396).
    pub async fn patch(&self, path: &str, body: &Value) -> Reply {
        let kind = [("content-type", "application/merge-patch+json")];
        self.send(Method::PATCH, &format!("{V1}{path}"), &kind, body.to_string()).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, &format!("{V1}{path}"), &[], "").await
    }

    /// JSON with headers of the caller's.
    pub async fn call(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
        let mut all = vec![("content-type", "application/json")];
        all.extend_from_slice(headers);
        self.send(method, &format!("{V1}{path}"), &all, body.to_string()).await
    }

    /// Any request, to the byte.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Reply {
        let asked = format!("{method} {path}");
        let (head, body) = self.exchange(&asked, method, path, headers, body).await;
        Reply {
            asked,
            status: head.status.as_u16(),
            headers: head.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    async fn exchange(
        &self,
        asked: &str,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> (Parts, Bytes) {
        let mut request = Request::builder().method(method).uri(path).header("host", "chronos");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).unwrap();
        let exchange = async {
            let stream = TcpStream::connect(self.address).await?;
            let io = TokioIo::new(stream);
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(io).await.map_err(std::io::Error::other)?;
            let exchange = async {
                let response = sender.send_request(request).await?;
                let (head, body) = response.into_parts();
                Ok((head, body.collect().await?.to_bytes()))
            };
            let driven = async {
                // How the connection ends is told by the exchange.
                let _ = connection.await;
                std::future::pending::<()>().await;
            };
            tokio::select! {
                result = exchange => result.map_err(|error: hyper::Error| std::io::Error::other(error)),
                () = driven => unreachable!(),
            }
        };
        soon(asked, exchange).await.unwrap_or_else(|e| panic!("{asked}: {e}"))
    }
}
