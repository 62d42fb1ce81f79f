//! How the time of an attempt was spent, and what an execution waited for.

use chronos_types as domain;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How long each part of an attempt took, in milliseconds, rounded to the nearest. A part that the attempt did not have
/// is null: a connection that was kept needs no look-up, connection or handshake, and an address in the URL no look-up.
/// Where redirects were followed, a part is that of all requests together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Phases {
    /// The look-up of the host's name.
    #[schema(example = 2)]
    pub dns_ms: Option<u32>,
    /// The connection.
    #[schema(example = 11)]
    pub connect_ms: Option<u32>,
    /// The TLS handshake.
    #[schema(example = 24)]
    pub tls_ms: Option<u32>,
    /// From the begin of the request to the first byte of the response.
    #[schema(example = 95)]
    pub first_byte_ms: Option<u32>,
    /// From there to the last byte.
    #[schema(example = 3)]
    pub body_ms: Option<u32>,
}

/// What an execution waited for beside the waits of its retry policy, in milliseconds, as far as its attempts have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Waited {
    /// For a slot, while all slots of its node were taken (`dispatcher.max_concurrent`).
    pub slot_ms: u64,
    /// For its target, which had as many attempts under way as one target may have, or as targets like it may.
    pub target_ms: u64,
    /// Because its target asked for it with `Retry-After`, and for longer than the retry policy does.
    pub retry_after_ms: u64,
}

impl From<domain::Phases> for Phases {
    fn from(phases: domain::Phases) -> Self {
        let domain::Phases { dns_ms, connect_ms, tls_ms, first_byte_ms, body_ms } = phases;
        Self { dns_ms, connect_ms, tls_ms, first_byte_ms, body_ms }
    }
}

impl From<domain::Waited> for Waited {
    fn from(waited: domain::Waited) -> Self {
        let domain::Waited { slot_ms, target_ms, retry_after_ms } = waited;
        Self { slot_ms, target_ms, retry_after_ms }
    }
}
