//! How the time of an attempt was spent, and what an execution waited for.

/// How long each part of an attempt took, in milliseconds, rounded. A part that the attempt did not have is none: on a
/// connection that was kept there is nothing to look up, to connect or to shake, and of an address that stands in the
/// URL nothing is looked up. Where an attempt had several requests, because of redirects, a part is that of all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phases {
    /// The look-up of the host's name.
    pub dns_ms: Option<u32>,
    /// The connection.
    pub connect_ms: Option<u32>,
    /// The TLS handshake.
    pub tls_ms: Option<u32>,
    /// From the begin of the request to the first byte of the response.
    pub first_byte_ms: Option<u32>,
    /// From there to the last byte.
    pub body_ms: Option<u32>,
}

impl Phases {
    /// Whether the attempt came to none of them.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What an execution waited for beside the waits of its retry policy, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waited {
    /// For a slot, where all that the node has were taken.
    pub slot_ms: u64,
    /// For its target, which had as many attempts under way as it may have then.
    pub target_ms: u64,
    /// Because its target asked for that (`Retry-After`), and for longer than the retry policy does.
    pub retry_after_ms: u64,
}

impl Waited {
    /// Whether it waited for nothing.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what an attempt waited for.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            slot_ms: self.slot_ms.saturating_add(other.slot_ms),
            target_ms: self.target_ms.saturating_add(other.target_ms),
            retry_after_ms: self.retry_after_ms.saturating_add(other.retry_after_ms),
        }
    }
}
