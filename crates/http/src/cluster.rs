//! `/cluster`: how the nodes are, who is a member, who leads, and a backup.

use std::io;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chronos_api::{
    AddNodeRequest, ClockRequest, ClusterNode, ClusterStatus, ClusterStorage, ClusterTime, TimeWord,
    TransferRequest, TransferResponse,
};
use chronos_engine::{self as engine, Member, Role, StorageStatus, TimeStatus};
use chronos_types::{NodeName, format_rfc3339};
use futures::stream;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::body::JsonBody;
use crate::caller::{Asker, Caller, NoteHeader};
use crate::code::Code;
use crate::described::{BODY, MEMBERSHIP, Problems, READ, WRITE};
use crate::params::Params;
use crate::problem::ApiError;
use crate::query::{Consistent, Fresh, NoQuery};
use crate::respond;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(status))
        .routes(routes!(add))
        .routes(routes!(remove))
        .routes(routes!(transfer))
        .routes(routes!(clock))
        .routes(routes!(backup))
}

/// Say how the cluster and each of its nodes are.
#[utoipa::path(
    get, path = "/api/v1/cluster/status", tag = "cluster", operation_id = "getClusterStatus",
    security(("key" = ["viewer"])),
    responses(
        (status = 200, description = "The cluster, as this node sees it", body = ClusterStatus),
        Problems<{ READ }>,
    )
)]
async fn status(State(app): State<Shared>, _: NoQuery) -> Result<Response, ApiError> {
    let engine::ClusterStatus {
        id,
        node: own,
        leader,
        term,
        committed,
        version,
        members,
        time,
        storage,
        warnings,
        keys_differ,
    } = app.engine.cluster.status().await?;
    let StorageStatus { in_use, bound, is_reached } = storage;
    let status = ClusterStatus {
        cluster_id: id,
        node_id: own.to_string(),
        leader: leader.map(|leader| leader.to_string()),
        term,
        commit_index: committed,
        cluster_version: version,
        time: cluster_time(time),
        storage: ClusterStorage { bytes_in_use: in_use, max_bytes: bound, refuses_growth: is_reached },
        warnings,
        nodes: members.into_iter().map(node).collect(),
        keys_differ,
    };
    Ok(respond::json(StatusCode::OK, &status))
}

fn cluster_time(time: TimeStatus) -> ClusterTime {
    let TimeStatus { at, clock, suspended, ahead, is_setting_back } = time;
    ClusterTime {
        at: at.map(format_rfc3339),
        clock: format_rfc3339(clock),
        trimming_suspended: suspended,
        ahead,
        setting_back: is_setting_back,
    }
}

fn node(member: Member) -> ClusterNode {
    let Member { status, report } = member;
    let role = match status.role {
        Role::Leader => "leader",
        Role::Voter => "voter",
        Role::Learner => "learner",
    };
    ClusterNode {
        id: status.name.to_string(),
        role: role.to_owned(),
        raft_address: status.address,
        http_address: status.http,
        version: status.version,
        tz_release: status.tz_release,
        max_cluster_version: status.follows,
        encryption_keys: status.encryption_keys,
        reachable: report.is_some(),
        last_contact_ms: status.last_contact_ms,
        applied_index: report.as_ref().and_then(|report| report.applied),
        firing: report.as_ref().map(|report| report.firing),
        fires: report.as_ref().map(|report| report.fires),
        fenced: report.as_ref().map(|report| report.fenced),
        entries_behind: status.behind,
        clock_skew_ms: status.clock_skew_ms,
        disk_full: report.as_ref().map(|report| report.disk_full),
        problems: status.problems,
    }
}

/// Take in a node that waits for it. Answered when it has everything, and a vote where one is due.
#[utoipa::path(
    post, path = "/api/v1/cluster/nodes", tag = "cluster", operation_id = "addNode",
    security(("key" = ["admin"])),
    params(NoteHeader),
    request_body = AddNodeRequest,
    responses(
        (status = 201, description = "It is a member", body = ClusterNode),
        (status = 200, description = "It was a member already", body = ClusterNode),
        Problems<{ BODY | MEMBERSHIP }>,
    )
)]
async fn add(
    State(app): State<Shared>,
    _: NoQuery,
    Caller(by): Caller,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let AddNodeRequest { raft_address } = AddNodeRequest::parse(&body.value)?;
    let (member, new) = app.engine.cluster.add(&by, &raft_address).await?;
    Ok(respond::json(if new { StatusCode::CREATED } else { StatusCode::OK }, &node(member)))
}

/// Remove a node, there or not. Answered when it is no member any more.
#[utoipa::path(
    delete, path = "/api/v1/cluster/nodes/{id}", tag = "cluster", operation_id = "removeNode",
    security(("key" = ["admin"])),
    params(
        ("id" = String, Path, description = "The node's name", example = "chronos-4"),
        NoteHeader,
    ),
    responses(
        (status = 204, description = "It is no member"),
        Problems<{ MEMBERSHIP | Code::NotFound.only() }>,
    )
)]
async fn remove(
    State(app): State<Shared>,
    Params(id): Params<String>,
    _: NoQuery,
    Caller(by): Caller,
) -> Result<Response, ApiError> {
    app.engine.cluster.remove(&by, &NodeName::unchecked(&id)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Have another node lead: the one named, or, where nothing is sent, any. Answered when it does.
#[utoipa::path(
    post, path = "/api/v1/cluster/transfer-leadership", tag = "cluster", operation_id = "transferLeadership",
    security(("key" = ["admin"])),
    params(NoteHeader),
    request_body = Option<TransferRequest>,
    responses(
        (status = 200, description = "Who leads now", body = TransferResponse),
        Problems<{ BODY | MEMBERSHIP }>,
    )
)]
async fn transfer(
    State(app): State<Shared>,
    _: NoQuery,
    Caller(by): Caller,
    body: Option<JsonBody>,
) -> Result<Response, ApiError> {
    let request = body.map(|body| TransferRequest::parse(&body.value)).transpose()?;
    let TransferRequest { to } = request.unwrap_or_default();
    let leader = app.engine.cluster.transfer(&by, to.as_deref().map(NodeName::unchecked)).await?.to_string();
    Ok(respond::json(StatusCode::OK, &TransferResponse { leader }))
}

/// Say that the cluster's time is right though it jumped, or have it set back to the clock of the leader.
#[utoipa::path(
    post, path = "/api/v1/cluster/clock", tag = "cluster", operation_id = "setClock",
    security(("key" = ["admin"])),
    params(NoteHeader),
    request_body = ClockRequest,
    responses(
        (status = 200, description = "How the time stands now", body = ClusterTime),
        Problems<{ BODY | WRITE | Code::ClockNotBehind.only() }>,
    )
)]
async fn clock(
    State(app): State<Shared>,
    _: NoQuery,
    Caller(by): Caller,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let word = match ClockRequest::parse(&body.value)?.time {
        TimeWord::Right => engine::TimeWord::Right,
        TimeWord::SetBack => engine::TimeWord::SetBack,
    };
    let time = app.engine.cluster.set_time(&by, word).await?;
    Ok(respond::json(StatusCode::OK, &cluster_time(time)))
}

/// Take a backup: one file with all jobs, versions and executions, as this node has them now.
#[utoipa::path(
    get, path = "/api/v1/cluster/backup", tag = "cluster", operation_id = "takeBackup",
    security(("key" = ["admin"])),
    params(
        Fresh,
    ),
    responses(
        (status = 200, description = "The backup, for `chronos cluster restore`", body = Vec<u8>, content_type = "application/octet-stream"),
        Problems<{ READ }>,
    )
)]
async fn backup(
    State(app): State<Shared>,
    Consistent(consistency): Consistent,
    Asker { principal, address, note: _ }: Asker,
) -> Result<Response, ApiError> {
    let backup = app.engine.cluster.backup(&principal.by(address, None), consistency).await?;
    let (at, length) = (backup.at, backup.length);
    // The file is removed when the last of it is sent, or the client goes.
    let bytes = stream::try_unfold(backup, |backup| async {
        let next = backup.chunk().await?;
        Ok::<_, io::Error>(next.map(|(chunk, backup)| (Bytes::from(chunk), backup)))
    });
    let mut response = Response::new(Body::from_stream(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_LENGTH, length.into());
    let name = format!("attachment; filename=\"chronos-{at}.backup\"");
    if let Ok(name) = HeaderValue::from_str(&name) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}
