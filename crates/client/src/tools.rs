//! What needs no job: whether the node is well, what a schedule means, whether a webhook works.

use chronos_api::{Health, PreviewRequest, PreviewResponse, Readiness, TestRequest, TestResponse};
use http::{Method, StatusCode};

use crate::path::path;
use crate::{Client, Error};

impl Client {
    /// Whether the process answers.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn health(&self) -> Result<Health, Error> {
        self.get("/health").await
    }

    /// Whether the node takes writes and fires, and why not.
    ///
    /// # Errors
    /// See [`Error`]. A node that is not ready is none.
    pub async fn ready(&self) -> Result<Readiness, Error> {
        let expected = [StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE];
        self.call::<()>(Method::GET, "/ready", &[], None, &expected).await?.json()
    }

    /// What is at a path, as text: the metrics, for example, which are at `/metrics` unless the server is
    /// told otherwise.
    ///
    /// # Errors
    /// See [`Error`]; any status but 200 is one.
    pub async fn text(&self, path: &str) -> Result<String, Error> {
        Ok(self.call::<()>(Method::GET, path, &[], None, &[StatusCode::OK]).await?.text())
    }

    /// What a schedule means, and its next runs.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn preview_schedule(&self, request: &PreviewRequest) -> Result<PreviewResponse, Error> {
        let path = path(&["schedules", "preview"]);
        self.call(Method::POST, &path, &[], Some(request), &[StatusCode::OK]).await?.json()
    }

    /// Calls a webhook once.
    ///
    /// # Errors
    /// See [`Error`]. A webhook that fails is none.
    pub async fn test_webhook(&self, request: &TestRequest) -> Result<TestResponse, Error> {
        let path = path(&["webhooks", "test"]);
        self.call(Method::POST, &path, &[], Some(request), &[StatusCode::OK]).await?.json()
    }
}
