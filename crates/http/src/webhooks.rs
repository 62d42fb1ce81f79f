//! `/webhooks/test`: one call, outside any job.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chronos_api::{TestRequest, TestResponse};
use chronos_webhook::TestOutcome;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::body::JsonBody;
use crate::caller::Within;
use crate::code::Code;
use crate::described::{BODY, Problems, READ};
use crate::problem::ApiError;
use crate::query::NoQuery;
use crate::respond;

/// Tests at a time. Each may take a minute and hold a response; people test a webhook now and then.
pub(crate) const MAX_AT_ONCE: usize = 8;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(test))
}

/// Call a webhook once, as a job would, with sample values for the template variables. Nothing is
/// recorded and nothing is retried. It takes a minute at most, whatever the time-out. Where a job is named, its redacted
/// secrets are filled in. Secrets that the webhook names are sent, to their own hosts, and none of them is in the answer.
#[utoipa::path(
    post, path = "/api/v1/webhooks/test", tag = "tools", operation_id = "testWebhook",
    security(("key" = ["editor"])),
    request_body = TestRequest,
    responses(
        (status = 200, description = "What came of it, also where it failed", body = TestResponse),
        Problems<{ BODY | READ | Code::JobNotFound.only() }>,
    )
)]
async fn test(
    State(app): State<Shared>,
    Within(scope): Within,
    _: NoQuery,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let input = TestRequest::parse(&body.value)?;
    // Room for other bodies, while this one waits for its target.
    drop(body);
    let Ok(_place) = app.limits.tests.try_acquire() else {
        app.metrics.refused("tests");
        return Err(ApiError::busy(format!("{MAX_AT_ONCE} webhooks are being tested on this node already")));
    };
    let stored = match &input.job {
        Some(key) => Some(app.engine.jobs.find_opened(&scope, key).await?.job.spec),
        None => None,
    };
    // Of a job that cannot be read nothing is filled in.
    let stored = stored.as_ref().and_then(|spec| spec.as_ref().ok());
    let (stored, tags) = (stored.map(|spec| &spec.webhook), stored.map(|spec| &spec.tags));
    let timeout = input.timeout;
    let webhook = input.webhook(stored)?;
    let secrets = app.engine.secrets.values(&scope, &webhook, tags).await?;
    let TestOutcome { success, status_code, body, truncated, duration_ms, error, phases, request } =
        app.tester.test(webhook, &secrets, timeout).await;
    let answer = TestResponse {
        success,
        status_code: status_code.unwrap_or(0),
        response_body: body,
        truncated,
        duration_ms,
        phases: phases.into(),
        request: request.into(),
        error,
    };
    Ok(respond::json(StatusCode::OK, &answer))
}
