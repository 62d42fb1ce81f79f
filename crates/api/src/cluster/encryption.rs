//! Encryption of what is on record, as clients see it. Keys are shown by their ids alone.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How encryption stands, as the node that was asked sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClusterEncryption {
    /// The id of the encryption key that is in use; null where nothing is sealed.
    #[schema(example = "9f2c41d07be86a35")]
    pub key: Option<String>,
    /// The ids of all encryption keys that every node needs. While what is there is sealed anew, that is the old one too.
    #[schema(example = json!(["9f2c41d07be86a35"]))]
    pub needed_keys: Vec<String>,
    /// The id of the first key in `security.encryption_keys` of the node that was asked; null where it has none. A change of
    /// the key is to that one.
    #[schema(example = "9f2c41d07be86a35")]
    pub first_key: Option<String>,
    /// The nodes that lack that one.
    #[schema(example = json!(["chronos-2"]))]
    pub nodes_without: Vec<String>,
    /// How far it has come that all is sealed by the key in use; null where nothing is sealed.
    pub sealing: Option<SealingProgress>,
}

/// How far it has come that all that is there is sealed by one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SealingProgress {
    /// What it goes through now: `secrets`, `jobs`, `versions`, `runs`, `operations`, and `done` at the end.
    #[schema(example = "versions")]
    pub at: String,
    /// How many values were sealed anew.
    pub sealed: u64,
    /// How many could not be opened, and stay as they are.
    pub failed: u64,
    /// When it began.
    #[schema(format = DateTime, example = "2026-11-27T09:00:00.000Z")]
    pub begun_at: String,
    /// When it was over; null while it goes on.
    #[schema(format = DateTime, example = "2026-11-27T09:00:12.000Z")]
    pub ended_at: Option<String>,
}
