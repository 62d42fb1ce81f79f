//! Encryption of what is on record, as clients see it. Keys are shown by their ids alone.

use chronos_types::Invalid;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::fields::Fields;

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

/// What `POST /cluster/encryption/rotate` takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RotateKeyRequest {
    /// Whether all other keys are lost. Then what they have sealed is given up: the credentials and secrets have to be
    /// written anew.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schema(example = false)]
    pub lost: bool,
}

impl RotateKeyRequest {
    /// Reads the request. Without a body it is null, and nothing is lost.
    ///
    /// # Errors
    /// Every bad field.
    pub fn parse(value: &Value) -> Result<Self, Invalid> {
        if value.is_null() {
            return Ok(Self::default());
        }
        let mut invalid = Invalid::default();
        let Some(fields) = Fields::open(value, "", &mut invalid) else { return Err(invalid) };
        fields.only(&["lost"], &[], &mut invalid);
        let lost = fields.boolean("lost", &mut invalid).unwrap_or_default();
        invalid.into_result()?;
        Ok(Self { lost })
    }
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
