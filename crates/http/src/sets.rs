//! `/sets/{set}/prune`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chronos_api::{PruneRequest, PruneResponse};
use chronos_engine::Prune;
use chronos_types::SetName;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::body::{JsonBody, RepeatKey};
use crate::caller::{Caller, NoteHeader, Within};
use crate::code::Code;
use crate::described::{KEY, Problems, WRITE};
use crate::params::{Params, SetPath};
use crate::problem::ApiError;
use crate::query::NoQuery;
use crate::respond;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(prune))
}

/// Delete the jobs of a set that an apply did not name. What an apply that began later named stays, too. Their unfinished
/// executions are cancelled.
#[utoipa::path(
    post, path = "/api/v1/sets/{set}/prune", tag = "jobs", operation_id = "pruneSet",
    security(("key" = ["editor"])),
    params(
        SetPath,
        RepeatKey,
        NoteHeader,
    ),
    request_body = PruneRequest,
    responses(
        (status = 200, description = "The names of the jobs that were deleted", body = PruneResponse),
        Problems<{ KEY | WRITE | Code::NotFound.only() | Code::UnknownApply.only() | Code::PruneCount.only() }>,
    )
)]
async fn prune(
    State(app): State<Shared>,
    Within(scope): Within,
    Params(set): Params<String>,
    _: NoQuery,
    Caller(by): Caller,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let JsonBody { value, idempotency, held: _held } = body;
    let (set, asked) = match (SetName::parse(&set), PruneRequest::parse(&value)) {
        (Ok(set), Ok(asked)) => (set, asked),
        (set, asked) => {
            let mut invalid = asked.err().unwrap_or_default();
            if let Err(error) = set {
                invalid.add("set", error);
            }
            return Err(invalid.into());
        }
    };
    let chronos_api::Prune { apply, max, if_count, dry_run } = asked;
    let prune = Prune { set, apply, max, if_count, dry_run };
    let deleted = app.engine.jobs.prune(&scope, &by, idempotency, prune).await?;
    Ok(respond::json(StatusCode::OK, &PruneResponse { deleted, dry_run }))
}
