//! `/cluster/encryption`: which key seals what is on record, and a change of it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chronos_api::{ClusterEncryption, RotateKeyRequest, SealingProgress};
use chronos_engine::EncryptionStatus;
use chronos_state::{SealCursor, Sealing};
use chronos_types::{NodeName, format_rfc3339};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::body::JsonBody;
use crate::caller::{Caller, NoteHeader};
use crate::code::Code;
use crate::described::{BODY, Problems, READ, WRITE};
use crate::problem::ApiError;
use crate::query::{Consistent, Fresh, NoQuery};
use crate::respond;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(status)).routes(routes!(rotate))
}

/// Say which key seals what is on record, which nodes lack it, and how far a change of it has come.
#[utoipa::path(
    get, path = "/api/v1/cluster/encryption", tag = "cluster", operation_id = "getEncryption",
    security(("key" = ["admin"])),
    params(
        Fresh,
    ),
    responses(
        (status = 200, description = "How encryption stands", body = ClusterEncryption),
        Problems<{ READ }>,
    )
)]
async fn status(
    State(app): State<Shared>,
    Consistent(consistency): Consistent,
) -> Result<Response, ApiError> {
    let status = app.engine.cluster.encryption.status(consistency).await?;
    Ok(respond::json(StatusCode::OK, &shown(status)))
}

/// Change the key: what is written from now on is sealed by the first key of the node that is asked, and what is there is
/// sealed by it anew, in the background. All nodes must have it. Where it is in use already, nothing is done. If all other
/// keys are lost, say so: what they have sealed is given up then.
#[utoipa::path(
    post, path = "/api/v1/cluster/encryption/rotate", tag = "cluster", operation_id = "rotateEncryptionKey",
    security(("key" = ["admin"])),
    params(NoteHeader),
    request_body = Option<RotateKeyRequest>,
    responses(
        (status = 200, description = "How encryption stands now", body = ClusterEncryption),
        Problems<{ BODY | WRITE | Code::EncryptionKeyMissing.only() | Code::SealingUnderWay.only() }>,
    )
)]
async fn rotate(
    State(app): State<Shared>,
    _: NoQuery,
    Caller(by): Caller,
    body: Option<JsonBody>,
) -> Result<Response, ApiError> {
    let request = body.map(|body| RotateKeyRequest::parse(&body.value)).transpose()?;
    let RotateKeyRequest { lost } = request.unwrap_or_default();
    let status = app.engine.cluster.encryption.rotate(&by, lost).await?;
    Ok(respond::json(StatusCode::OK, &shown(status)))
}

fn shown(status: EncryptionStatus) -> ClusterEncryption {
    let EncryptionStatus { key, needed, first, lacking, sealing } = status;
    ClusterEncryption {
        key: key.map(|key| key.to_string()),
        needed_keys: needed.iter().map(ToString::to_string).collect(),
        first_key: first.map(|key| key.to_string()),
        nodes_without: lacking.iter().map(NodeName::to_string).collect(),
        sealing: sealing.map(progress),
    }
}

fn progress(sealing: Sealing) -> SealingProgress {
    let Sealing { cursor, done, left, was_clear: _, begun_at, ended_at } = sealing;
    let at = match cursor {
        _ if ended_at.is_some() => "done",
        SealCursor::Start | SealCursor::Secret(_) => "secrets",
        SealCursor::Job(_) => "jobs",
        SealCursor::Version(..) => "versions",
        SealCursor::Execution(_) => "runs",
        SealCursor::Operation(_) | SealCursor::End => "operations",
    };
    SealingProgress {
        at: at.to_owned(),
        sealed: done,
        failed: left,
        begun_at: format_rfc3339(begun_at),
        ended_at: ended_at.map(format_rfc3339),
    }
}
