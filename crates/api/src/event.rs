//! Events as clients hear them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// What `GET /events` sends as the `data` of an event. The name of the event is its `type`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum StreamEvent {
    /// Something happened to an execution.
    Execution(ExecutionEvent),
    /// Something happened to a job.
    Job(JobEvent),
    /// Something happened to an operation.
    Operation(OperationEvent),
    /// Something happened to the cluster.
    Cluster(ClusterEvent),
    /// Events summed up.
    Digest(EventDigest),
    /// Something may be missing.
    Reset(EventReset),
}

/// Something happened to an execution. The execution itself says more: `GET /jobs/{job_id}/executions/{execution_id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "type": "execution.failed", "time": "2026-11-23T10:05:00.412Z",
    "execution_id": "019ab2c4-7d1e-8c53-9d0a-5b1c1f0c2a9b",
    "job_id": "019ab2c4-5d6e-7f80-9a0b-1c2d3e4f5a6b", "job_name": "nightly-report",
    "trigger": "schedule", "scheduled_time": "2026-11-23T10:05:00.000Z", "status": "failed",
    "attempts": 3, "status_code": 503, "error_kind": "status", "duration_ms": 7412
}))]
pub struct ExecutionEvent {
    /// `execution.triggered` (a run was asked for: by hand, as a replay or by an operation), `execution.started` (an
    /// attempt is under way that lasts), `execution.retrying`, `execution.succeeded`, `execution.failed`,
    /// `execution.cancelled`, `execution.skipped`, or `execution.missed` (a stretch of instants that the job's
    /// missed-runs policy passes over).
    #[serde(rename = "type")]
    #[schema(example = "execution.failed")]
    pub kind: String,
    /// When it was put on record.
    #[schema(format = DateTime)]
    pub time: String,
    /// The execution.
    pub execution_id: String,
    /// Its job; null where that is not on record any more.
    pub job_id: Option<String>,
    /// The name that the job has now, or had last; null where the job is not on record any more.
    #[schema(example = "nightly-report")]
    pub job_name: Option<String>,
    /// `schedule`, `manual`, `catch_up`, `replay` or `backfill`.
    #[schema(example = "schedule")]
    pub trigger: String,
    /// The instant it was scheduled for.
    #[schema(format = DateTime)]
    pub scheduled_time: String,
    /// The status that it has come to.
    #[schema(example = "failed")]
    pub status: String,
    /// Attempts begun.
    pub attempts: u32,
    /// The status of the response to the last attempt, where there was one.
    pub status_code: Option<u16>,
    /// What went wrong last.
    #[schema(example = "status")]
    pub error_kind: Option<String>,
    /// How long it took as a whole, waits included, where it is over and had begun.
    pub duration_ms: Option<u64>,
}

/// Something happened to a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "type": "job.changed", "time": "2026-11-23T10:05:00.412Z",
    "job_id": "019ab2c4-5d6e-7f80-9a0b-1c2d3e4f5a6b", "job_name": "nightly-report", "job_version": 4
}))]
pub struct JobEvent {
    /// `job.created`, `job.changed` (it has a new version, another set, or other coming runs that are to be skipped),
    /// `job.deleted`, `job.paused` (also with another reason or end) or `job.resumed` (its pause is over).
    #[serde(rename = "type")]
    #[schema(example = "job.changed")]
    pub kind: String,
    /// When it was put on record.
    #[schema(format = DateTime)]
    pub time: String,
    /// The job.
    pub job_id: String,
    /// Its name then.
    #[schema(example = "nightly-report")]
    pub job_name: String,
    /// Its version then; of one that was deleted, the last one.
    pub job_version: u64,
}

/// Something happened to an operation. The operation itself says more: `GET /operations/{operation_id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "type": "operation.progressed", "time": "2026-11-23T10:05:00.412Z",
    "operation_id": "019ab2c4-5d6e-7f80-9a0b-1c2d3e4f5a6b", "done": 120, "refused": 2
}))]
pub struct OperationEvent {
    /// `operation.started`, `operation.progressed`, `operation.done` or `operation.cancelled`.
    #[serde(rename = "type")]
    #[schema(example = "operation.progressed")]
    pub kind: String,
    /// When it was put on record.
    #[schema(format = DateTime)]
    pub time: String,
    /// The operation.
    pub operation_id: String,
    /// With so many it was done by then.
    pub done: u64,
    /// With so many it could not be done.
    pub refused: u64,
}

/// Something happened to the cluster, as the node that tells it has noticed. It has no id, and is not told again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "type": "cluster.leader_changed", "time": "2026-11-23T10:05:00.412Z", "node": "chronos-2"
}))]
pub struct ClusterEvent {
    /// `cluster.leader_changed`, `cluster.node_joined`, `cluster.node_left`, `cluster.node_ready` (it gets runs) or
    /// `cluster.node_unready` (it gets no new ones).
    #[serde(rename = "type")]
    #[schema(example = "cluster.leader_changed")]
    pub kind: String,
    /// When it was noticed.
    #[schema(format = DateTime)]
    pub time: String,
    /// The node that it is about; null where no leader is known.
    #[schema(example = "chronos-2")]
    pub node: Option<String>,
}

/// Events of one topic, summed up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "type": "execution.digest", "time": "2026-11-23T10:05:01.000Z", "topic": "execution", "count": 42,
    "types": {"execution.succeeded": 40, "execution.failed": 2},
    "job_ids": ["019ab2c4-5d6e-7f80-9a0b-1c2d3e4f5a6b"], "has_more_jobs": false
}))]
pub struct EventDigest {
    /// The topic and `.digest`.
    #[serde(rename = "type")]
    #[schema(example = "execution.digest")]
    pub kind: String,
    /// When the last of them was put on record.
    #[schema(format = DateTime)]
    pub time: String,
    /// What they are about: the part of their types before the dot.
    #[schema(example = "execution")]
    pub topic: String,
    /// How many there were.
    pub count: u64,
    /// How many of each type.
    pub types: BTreeMap<String, u64>,
    /// The jobs that they are about, 100 at most.
    pub job_ids: Vec<String>,
    /// Whether they are about other jobs too.
    pub has_more_jobs: bool,
}

/// It does not go on where the client has been: read again what you show. It goes on from now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "type": "reset", "reason": "too_old", "detail": "events are kept for an hour, or 64 MiB of them"
}))]
pub struct EventReset {
    /// `reset`.
    #[serde(rename = "type")]
    #[schema(example = "reset")]
    pub kind: String,
    /// `other_cluster` (the id is one of another cluster), `too_old` (what came after it is not kept any more) or
    /// `not_reached` (this node has not come to it within a minute).
    #[schema(example = "too_old")]
    pub reason: String,
    /// The same, for people.
    pub detail: String,
}

impl StreamEvent {
    /// Its type, which is the name of the event.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Execution(event) => &event.kind,
            Self::Job(event) => &event.kind,
            Self::Operation(event) => &event.kind,
            Self::Cluster(event) => &event.kind,
            Self::Digest(event) => &event.kind,
            Self::Reset(event) => &event.kind,
        }
    }

    /// Reads the data of an event by its name. None where it is of a later release.
    ///
    /// # Errors
    /// It is not what an event of that name says.
    pub fn read(kind: &str, data: Value) -> serde_json::Result<Option<Self>> {
        Ok(Some(match kind.split_once('.') {
            Some((_, "digest")) => Self::Digest(serde_json::from_value(data)?),
            Some(("execution", _)) => Self::Execution(serde_json::from_value(data)?),
            Some(("job", _)) => Self::Job(serde_json::from_value(data)?),
            Some(("operation", _)) => Self::Operation(serde_json::from_value(data)?),
            Some(("cluster", _)) => Self::Cluster(serde_json::from_value(data)?),
            None if kind == "reset" => Self::Reset(serde_json::from_value(data)?),
            _ => return Ok(None),
        }))
    }
}
