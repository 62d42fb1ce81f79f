//! What a call looks like in HTTP: its path, its headers, and which status says what.

use std::error::Error;
use std::time::Duration;

use http::{HeaderName, StatusCode};

use super::PeerError;

/// The kind of the call stands behind it.
pub(super) const PATH: &str = "/raft/";
/// Of this file. A newer Chronos has to be able to speak to an older one, so the caller adapts.
pub(super) const PROTOCOL: &str = "1";
pub(super) const PROTOCOL_HEADER: HeaderName = HeaderName::from_static("chronos-protocol");
/// The id of the caller's cluster; absent while it has none.
pub(super) const CLUSTER_HEADER: HeaderName = HeaderName::from_static("chronos-cluster");
/// The caller's name.
pub(super) const NODE_HEADER: HeaderName = HeaderName::from_static("chronos-node");
/// How many bytes of the body are the message, where more comes behind it. Absent where the message
/// is all.
pub(super) const MESSAGE_BYTES_HEADER: HeaderName = HeaderName::from_static("chronos-message-bytes");
/// The kind of call that needs no cluster id: it is asked to get one.
pub(super) const JOIN: &str = "join";

/// Of a message and of an answer. Entries travel in messages, and a batch of them is far smaller.
pub(super) const MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;
/// A body of which nothing came or went for so long is given up.
pub(super) const STALL: Duration = Duration::from_secs(10);

/// The status that says it.
pub(super) fn status_of(error: &PeerError) -> StatusCode {
    match error {
        PeerError::Stranger(_) => StatusCode::CONFLICT,
        PeerError::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
        PeerError::Unreachable(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// What a status other than 200 says.
pub(super) fn error_of(status: StatusCode, to: &str, reason: String) -> PeerError {
    match status {
        StatusCode::CONFLICT => PeerError::Stranger(reason),
        StatusCode::UNPROCESSABLE_ENTITY => PeerError::Refused(reason),
        status => PeerError::Unreachable(format!("{to} answered {status}: {reason}")),
    }
}

/// The innermost cause, in its own words.
pub(super) fn root(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}
