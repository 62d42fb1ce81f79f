//! What a call looks like in HTTP: its path, its headers, and which status says what.

use std::error::Error;
use std::time::Duration;

use http::{HeaderName, StatusCode};

use super::PeerError;

/// The start of a call's path. The kind of the call follows.
pub(super) const PATH: &str = "/raft/";
/// The version of what this file says. A newer Chronos has to be able to call an older one, so the caller
/// adapts.
pub(super) const PROTOCOL: &str = "1";
pub(super) const PROTOCOL_HEADER: HeaderName = HeaderName::from_static("chronos-protocol");
/// The id of the caller's cluster; absent while it has none.
pub(super) const CLUSTER_HEADER: HeaderName = HeaderName::from_static("chronos-cluster");
/// The caller's name.
pub(super) const NODE_HEADER: HeaderName = HeaderName::from_static("chronos-node");
/// Where the caller is reached; absent where it is not.
pub(super) const ADDRESS_HEADER: HeaderName = HeaderName::from_static("chronos-address");
/// How many bytes of the body are the message, where more comes behind it. Absent where the body is the
/// message and nothing else.
pub(super) const MESSAGE_BYTES_HEADER: HeaderName = HeaderName::from_static("chronos-message-bytes");
/// The kind of call that needs no cluster id, because a node calls it to get one.
pub(super) const JOIN: &str = "join";

/// The limit on the bytes of a message and of an answer.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;
/// The same of a caller that has not shown that it is a node of the cluster: it may ask to join, and that is short.
pub(super) const MAX_STRANGERS_BYTES: usize = 64 * 1024;
/// A body is given up when no byte of it moved for this long.
pub(super) const STALL: Duration = Duration::from_secs(10);

/// The status that carries an error.
pub(super) fn status_of(error: &PeerError) -> StatusCode {
    match error {
        PeerError::Stranger(_) => StatusCode::CONFLICT,
        PeerError::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
        PeerError::Unreachable(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The error that a status other than 200 carries.
pub(super) fn error_of(status: StatusCode, to: &str, reason: String) -> PeerError {
    match status {
        StatusCode::CONFLICT => PeerError::Stranger(reason),
        StatusCode::UNPROCESSABLE_ENTITY => PeerError::Refused(reason),
        status => PeerError::Unreachable(format!("{to} answered {status}: {reason}")),
    }
}

/// The message of the innermost cause.
pub(super) fn root(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_cannot_have_a_header_that_makes_a_call() {
        for name in [PROTOCOL_HEADER, CLUSTER_HEADER, NODE_HEADER, ADDRESS_HEADER, MESSAGE_BYTES_HEADER] {
            assert!(name.as_str().starts_with(chronos_types::NODES_PREFIX), "{name}");
        }
    }
}
