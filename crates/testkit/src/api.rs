//! The API as a test uses it: any request, to the byte, and answers that are judged.

use std::net::SocketAddr;

use bytes::Bytes;
use chronos_client::{Answer, Client, HeaderMap, Method, Tcp};
use serde_json::Value;

use crate::PATIENCE;

/// Before the paths of the API.
const V1: &str = "/api/v1";

/// A server's API. Each request has a connection of its own, so that nothing is shared between two.
#[derive(Clone, Debug)]
pub struct Api {
    address: SocketAddr,
    client: Client,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// What was asked.
    pub asked: String,
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; what is not UTF-8 is replaced.
    pub body: String,
}

impl Reply {
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The body as JSON.
    #[must_use]
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
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self::of(address, Client::new(address.to_string(), Tcp).unwrap())
    }

    /// The same through a client that connects in a way of its own.
    #[must_use]
    pub fn of(address: SocketAddr, client: Client) -> Self {
        Self { address, client: client.keep(0).patience(PATIENCE) }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The client, for calls whose answers are read as types.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
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
        let answer = self.exchange(Method::GET, &format!("{V1}{path}"), &[], "").await;
        assert_eq!(answer.status, 200, "GET {path}: {}", answer.text());
        answer.body
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
        let Answer { status, headers, body } = self.exchange(method, path, headers, body).await;
        Reply { asked, status: status.as_u16(), headers, body: String::from_utf8_lossy(&body).into_owned() }
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let asked = format!("{method} {path}");
        let answer = self.client.request(method, path, headers, body).await;
        answer.unwrap_or_else(|error| panic!("{asked}: {error}"))
    }
}
