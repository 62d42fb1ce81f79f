//! The cluster, as clients see it.

mod encryption;
mod time;

use chronos_types::{HostPortError, Invalid, check_host_port};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::fields::Fields;

pub use encryption::{ClusterEncryption, RotateKeyRequest, SealingProgress};
pub use time::{ClockRequest, ClusterStorage, ClusterTime, TimeWord};

/// The cluster, as the node that was asked sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClusterStatus {
    /// The cluster's id, which no other cluster has.
    pub cluster_id: String,
    /// The node that answers.
    #[schema(example = "chronos-1")]
    pub node_id: String,
    /// The node that leads; null while none is known.
    #[schema(example = "chronos-1")]
    pub leader: Option<String>,
    /// The term; each election begins a new one.
    pub term: u64,
    /// The last entry of the log that is known to be on a majority of the voters.
    pub commit_index: Option<u64>,
    /// The version of the cluster: what it brought is used. It rises by itself once every member can follow.
    pub cluster_version: u32,
    /// The time that the cluster goes by.
    pub time: ClusterTime,
    /// What the records take on this node's disk.
    pub storage: ClusterStorage,
    /// What an operator should know and is no fault, in whole sentences: that credentials are kept in the clear.
    #[schema(example = json!(["chronos-2 has no key in security.encryption_keys: nothing is sealed until all nodes have it"]))]
    pub warnings: Vec<String>,
    /// All members.
    pub nodes: Vec<ClusterNode>,
    /// Where the keys in the configurations of the members are not the same, in whole sentences. Nothing is wrong where
    /// there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys_differ: Vec<String>,
}

/// A member of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClusterNode {
    /// Its name.
    #[schema(example = "chronos-1")]
    pub id: String,
    /// `leader`, `voter` (votes and follows) or `learner` (follows). All of them fire webhooks.
    #[schema(example = "voter")]
    pub role: String,
    /// Where other nodes reach it; null where it listens for none.
    #[schema(example = "chronos-1:7000")]
    pub raft_address: Option<String>,
    /// Where its API listens.
    #[schema(example = "127.0.0.1:8080")]
    pub http_address: String,
    /// The version of Chronos that it runs.
    pub version: String,
    /// The release of its time zone rules. Nodes with different rules may plan differently.
    #[schema(example = "2026a")]
    pub tz_release: String,
    /// The highest version of the cluster that it can follow.
    pub max_cluster_version: u32,
    /// The ids of its keys in `security.encryption_keys`, in no order.
    #[schema(example = json!(["9f2c41d07be86a35"]))]
    pub encryption_keys: Vec<String>,
    /// Whether it answered just now.
    pub reachable: bool,
    /// Milliseconds since the leader heard of it, 0 for the leader itself; null if no leader answered.
    pub last_contact_ms: Option<u64>,
    /// The last entry of the log that it has applied; null if it did not answer.
    pub applied_index: Option<u64>,
    /// How many attempts it has under way; null if it did not answer.
    pub firing: Option<u64>,
    /// Whether it begins attempts; null if it did not answer.
    pub fires: Option<bool>,
    /// Whether it starts no attempts because it is not proven that a leader counts on it, or because its state is not
    /// that of most nodes; null if it did not answer.
    pub fenced: Option<bool>,
    /// Entries of the log that the leader has applied and it has not; null if no leader answered.
    pub entries_behind: Option<u64>,
    /// How far its clock is ahead of what most clocks say, in milliseconds (behind: negative), or ahead of the
    /// leader's where no majority agrees; null if no leader answered, or the leader does not hear from it.
    pub clock_skew_ms: Option<i64>,
    /// Whether its disk is full; null if it did not answer.
    pub disk_full: Option<bool>,
    /// What is wrong with it, and what it knows of states that differ, in whole sentences.
    #[schema(example = json!(["chronos-1 is 12,000 entries behind and catching up at 3 MB/s: it gets no new runs"]))]
    pub problems: Vec<String>,
}

/// What `POST /cluster/nodes` takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AddNodeRequest {
    /// Where the node listens for others, `host:port`: its `cluster.raft.advertise`.
    #[schema(example = "chronos-4:7000")]
    pub raft_address: String,
}

impl AddNodeRequest {
    /// Reads the request.
    ///
    /// # Errors
    /// Every bad field.
    pub fn parse(value: &Value) -> Result<Self, Invalid> {
        const FIELD: &str = "raft_address";
        let mut invalid = Invalid::default();
        let Some(fields) = Fields::open(value, "", &mut invalid) else { return Err(invalid) };
        fields.only(&[FIELD], &[], &mut invalid);
        fields.require(FIELD, HostPortError::EXPECTED, &mut invalid);
        let address = fields.text(FIELD, &mut invalid).unwrap_or_default();
        if invalid.is_empty()
            && let Err(error) = check_host_port(address)
        {
            invalid.add(FIELD, error.to_string());
        }
        invalid.into_result()?;
        Ok(Self { raft_address: address.to_owned() })
    }
}

/// What `POST /cluster/transfer-leadership` takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TransferRequest {
    /// The voter that is to lead; if omitted, the one whose log is furthest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "chronos-2")]
    pub to: Option<String>,
}

impl TransferRequest {
    /// Reads the request. Without a body it is null, and any voter may lead.
    ///
    /// # Errors
    /// Every bad field.
    pub fn parse(value: &Value) -> Result<Self, Invalid> {
        if value.is_null() {
            return Ok(Self::default());
        }
        let mut invalid = Invalid::default();
        let Some(fields) = Fields::open(value, "", &mut invalid) else { return Err(invalid) };
        fields.only(&["to"], &[], &mut invalid);
        let to = fields.text("to", &mut invalid).map(str::to_owned);
        invalid.into_result()?;
        Ok(Self { to })
    }
}

/// Who leads now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TransferResponse {
    /// The node that leads.
    #[schema(example = "chronos-2")]
    pub leader: String,
}
