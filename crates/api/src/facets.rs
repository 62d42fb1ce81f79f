//! What jobs have in common.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The commonest of what jobs have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = FacetCounts)]
pub struct Facets {
    /// What was asked for: `tag`, `host`, `timezone` or `set`.
    #[schema(example = "tag")]
    pub of: String,
    /// The commonest hundred, the commonest first.
    pub facets: Vec<Facet>,
    /// Whether all jobs are counted. Hosts and time zones are counted beside the state, and may lack jobs for some time
    /// after a start or a change; of tags, a million are counted.
    pub complete: bool,
}

/// Something that jobs have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Facet {
    /// The key of a tag; absent where it is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "team")]
    pub key: Option<String>,
    /// The value of the tag, the host, the time zone, or the set.
    #[schema(example = "billing")]
    pub value: String,
    /// How many jobs have it.
    #[schema(example = 12)]
    pub jobs: u64,
}
