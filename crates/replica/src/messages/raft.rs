//! What openraft's own requests and answers are between nodes.
//!
//! Structs of ours with openraft's values in them, and the ways from and to openraft's structs.

use openraft::raft::{
    AppendEntriesResponse, TransferLeaderError, TransferLeaderRequest, TransferLeaderResponse, VoteRequest,
    VoteResponse,
};
use serde::{Deserialize, Serialize};

use crate::forms::{As, LogIdForm, VoteForm};
use crate::types::{LogId, Types, Vote};

/// What became of entries, or of a heartbeat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum AppendAnswer {
    /// All are in the log.
    Success,
    /// Those up to this one are in the log.
    UpTo(#[serde(with = "As::<Option<LogIdForm>>")] Option<LogId>),
    /// The log has another entry, or none, where the one before the first should be.
    Conflict,
    /// The node follows another leader.
    HigherVote(#[serde(with = "As::<VoteForm>")] Vote),
}

/// Vote for me.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskVote {
    #[serde(with = "As::<VoteForm>")]
    vote: Vote,
    /// The last entry of the log of the node that asks.
    #[serde(with = "As::<Option<LogIdForm>>")]
    last: Option<LogId>,
    /// Whether the leader has asked it to stand.
    transfer: bool,
}

/// Whether a node votes so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VoteAnswer {
    #[serde(with = "As::<VoteForm>")]
    vote: Vote,
    granted: bool,
    /// The last entry of the log of the node that answers.
    #[serde(with = "As::<Option<LogIdForm>>")]
    last: Option<LogId>,
}

/// Stand for election, for I give up the lead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Transfer {
    /// The leader's vote.
    #[serde(with = "As::<VoteForm>")]
    vote: Vote,
    /// The raft id of the node that is to lead.
    to: u64,
    /// What its log must have for that.
    #[serde(with = "As::<Option<LogIdForm>>")]
    last: Option<LogId>,
}

/// Whether a node stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum TransferAnswer {
    /// It does.
    Stands,
    /// It has another vote by now.
    VoteChanged {
        #[serde(with = "As::<VoteForm>")]
        expected: Vote,
        #[serde(with = "As::<VoteForm>")]
        actual: Vote,
    },
    /// Its log does not have the leader's last entry yet.
    LogBehind {
        #[serde(with = "As::<Option<LogIdForm>>")]
        expected: Option<LogId>,
        #[serde(with = "As::<Option<LogIdForm>>")]
        actual: Option<LogId>,
    },
}

impl From<AppendEntriesResponse<Types>> for AppendAnswer {
    fn from(answer: AppendEntriesResponse<Types>) -> Self {
        match answer {
            AppendEntriesResponse::Success => Self::Success,
            AppendEntriesResponse::PartialSuccess(last) => Self::UpTo(last),
            AppendEntriesResponse::Conflict => Self::Conflict,
            AppendEntriesResponse::HigherVote(vote) => Self::HigherVote(vote),
        }
    }
}

impl From<AppendAnswer> for AppendEntriesResponse<Types> {
    fn from(answer: AppendAnswer) -> Self {
        match answer {
            AppendAnswer::Success => Self::Success,
            AppendAnswer::UpTo(last) => Self::PartialSuccess(last),
            AppendAnswer::Conflict => Self::Conflict,
            AppendAnswer::HigherVote(vote) => Self::HigherVote(vote),
        }
    }
}

impl From<VoteRequest<Types>> for AskVote {
    fn from(request: VoteRequest<Types>) -> Self {
        let VoteRequest { vote, last_log_id, leadership_transfer } = request;
        Self { vote, last: last_log_id, transfer: leadership_transfer }
    }
}

impl From<AskVote> for VoteRequest<Types> {
    fn from(request: AskVote) -> Self {
        let AskVote { vote, last, transfer } = request;
        Self { vote, last_log_id: last, leadership_transfer: transfer }
    }
}

impl From<VoteResponse<Types>> for VoteAnswer {
    fn from(answer: VoteResponse<Types>) -> Self {
        let VoteResponse { vote, vote_granted, last_log_id } = answer;
        Self { vote, granted: vote_granted, last: last_log_id }
    }
}

impl From<VoteAnswer> for VoteResponse<Types> {
    fn from(answer: VoteAnswer) -> Self {
        let VoteAnswer { vote, granted, last } = answer;
        Self { vote, vote_granted: granted, last_log_id: last }
    }
}

impl From<TransferLeaderRequest<Types>> for Transfer {
    fn from(request: TransferLeaderRequest<Types>) -> Self {
        let last = request.last_log_id().copied();
        Self { vote: *request.from_leader(), to: *request.to_node_id(), last }
    }
}

impl From<Transfer> for TransferLeaderRequest<Types> {
    fn from(request: Transfer) -> Self {
        let Transfer { vote, to, last } = request;
        Self::new(vote, to, last)
    }
}

impl From<TransferLeaderResponse<Types>> for TransferAnswer {
    fn from(answer: TransferLeaderResponse<Types>) -> Self {
        match answer {
            Ok(()) => Self::Stands,
            Err(TransferLeaderError::VoteChanged { expected, actual }) => {
                Self::VoteChanged { expected, actual }
            }
            Err(TransferLeaderError::LogNotFlushed { expected, actual }) => {
                Self::LogBehind { expected, actual }
            }
        }
    }
}

impl From<TransferAnswer> for TransferLeaderResponse<Types> {
    fn from(answer: TransferAnswer) -> Self {
        match answer {
            TransferAnswer::Stands => Ok(()),
            TransferAnswer::VoteChanged { expected, actual } => {
                Err(TransferLeaderError::VoteChanged { expected, actual })
            }
            TransferAnswer::LogBehind { expected, actual } => {
                Err(TransferLeaderError::LogNotFlushed { expected, actual })
            }
        }
    }
}
