//! How answers are built: their JSON, their entity tag, where what was made is.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use chronos_api::{Execution, Job};
use chronos_engine::Explanation;
use chronos_state::{ExecutionRow, JobRow};
use chronos_types as domain;
use serde::Serialize;

use crate::{etag, on_record};

/// Where the jobs are.
pub(crate) const JOBS: &str = "/api/v1/jobs";

/// A value as JSON text.
///
/// # Panics
/// Never: wire types are plain data with string keys.
pub(crate) fn bytes<T: Serialize>(value: &T) -> Bytes {
    let mut text = Vec::with_capacity(1024);
    serde_json::to_writer(&mut text, value).expect("wire types serialise");
    text.into()
}

/// JSON text as an answer.
pub(crate) fn ready(status: StatusCode, text: Bytes) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A value as an answer.
pub(crate) fn json<T: Serialize>(status: StatusCode, value: &T) -> Response {
    ready(status, bytes(value))
}

/// A job, with its `ETag`.
pub(crate) fn job(status: StatusCode, job: &Job) -> Response {
    let mut response = json(status, job);
    response.headers_mut().insert(header::ETAG, etag::of(&job.id, job.version));
    response
}

/// A job that was found.
pub(crate) fn job_row(row: &JobRow) -> Response {
    job(StatusCode::OK, &on_record::job(row))
}

/// An execution.
pub(crate) fn execution(status: StatusCode, row: &ExecutionRow) -> Response {
    json(status, &on_record::execution(row))
}

/// An execution, and why it did not succeed.
pub(crate) fn explained(row: &ExecutionRow, why: Option<Explanation>) -> Response {
    let explanation = why.map(on_record::explanation);
    json(StatusCode::OK, &Execution { explanation, ..on_record::execution(row) })
}

/// A new execution, as it was asked for, and where it is. It has no attempt yet, so there is no request to be shown.
pub(crate) fn accepted(execution: &domain::Execution) -> Response {
    let mut response = json(StatusCode::ACCEPTED, &Execution::shown(execution, None, None, None));
    let place = format!("{JOBS}/{}/executions/{}", execution.job_id, execution.id);
    locate(&mut response, &place);
    response
}

/// Has nobody on the way keep an answer with a secret.
pub(crate) fn keep_nowhere(response: &mut Response) {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// Sets `Location`.
pub(crate) fn locate(response: &mut Response, place: &str) {
    // Made of identifiers, so it is always a good header value.
    if let Ok(value) = HeaderValue::from_str(place) {
        response.headers_mut().insert(header::LOCATION, value);
    }
}
