//! The variable parts of a path.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use crate::problem::ApiError;

/// The parts, as text. A path that is not UTF-8 names nothing.
pub(crate) struct Params<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(Self(value)),
            Err(_) => Err(ApiError::no_such_path(parts.uri.path())),
        }
    }
}

/// Under a job.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "the document is made of it")]
pub(crate) struct JobPath {
    /// Id or name
    #[param(example = "nightly-report")]
    job: String,
}

/// Under a set.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "the document is made of it")]
pub(crate) struct SetPath {
    /// The name of the set
    #[param(example = "billing")]
    set: String,
}

/// Under an execution.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "the document is made of it")]
pub(crate) struct ExecutionPath {
    /// Id or name; the id also where the job is deleted
    #[param(example = "nightly-report")]
    job: String,
    /// The execution's id
    #[param(example = "0192f0c4-7d1e-7c53-9d0a-5b1c1f0c2a9b")]
    id: String,
}

/// An execution alone.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "the document is made of it")]
pub(crate) struct ExecutionIdPath {
    /// The execution's id
    #[param(example = "0192f0c4-7d1e-7c53-9d0a-5b1c1f0c2a9b")]
    id: String,
}
