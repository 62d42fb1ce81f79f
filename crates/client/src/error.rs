//! Why a call did not give what was asked for.

use std::io;

use chronos_api::Problem;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no connection to the server, so nothing was sent.
    #[error("{server} cannot be reached: {source}")]
    Unreached {
        /// The server's `host:port`.
        server: String,
        /// What the connector says.
        source: io::Error,
    },
    /// The request was sent, at least in part, and no whole answer came back. The server may have carried
    /// it out.
    #[error("{server} gave no answer ({why}); it may have carried out the request")]
    Unanswered {
        /// The server's `host:port`.
        server: String,
        /// What happened to the connection.
        why: String,
    },
    /// The server refused the call, and says why.
    #[error("{}: {} ({})", .0.title, .0.detail, .0.code)]
    Problem(Box<Problem>),
    /// The server's answer is none that the API has for this call: another program listens there, or
    /// another version of Chronos.
    #[error("an answer that is not expected from Chronos, with the status {status}: {why}")]
    Unexpected {
        /// The status of the answer.
        status: u16,
        /// What is wrong with it.
        why: String,
    },
    /// The request is no HTTP, for example because a header has a character that none may have. Nothing was
    /// sent.
    #[error("the request cannot be sent: {0}")]
    Unsendable(String),
}

impl Error {
    /// The problem that the server described.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            _ => None,
        }
    }

    /// The status of the answer, where there was one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Problem(problem) => Some(problem.status),
            Self::Unexpected { status, .. } => Some(*status),
            Self::Unreached { .. } | Self::Unanswered { .. } | Self::Unsendable(_) => None,
        }
    }
}

impl From<http::Error> for Error {
    fn from(error: http::Error) -> Self {
        Self::Unsendable(error.to_string())
    }
}
