//! Why a use case or a loop did not do what was asked of it.

use chronos_replica::{ChangeError as ReplicaError, ProposeError, QueryError};
use chronos_state::{Outcome, Refusal, StateError};
use chronos_types::{Invalid, JobId, clip};

/// There is no record of what was named.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotFound {
    /// The job, by the id or the name that was given.
    #[error("there is no job with the id or name {:?}", clip(.0))]
    Job(String),
    /// The execution.
    #[error("there is no execution {:?}{}", clip(id), of_job(job.as_deref()))]
    Execution {
        /// The text that was given as its id.
        id: String,
        /// The id or the name that was given for its job, where one was.
        job: Option<String>,
    },
    /// The operation, by the text that was given as its id.
    #[error("there is no operation {:?}", clip(.0))]
    Operation(String),
    /// The key, by the text that was given as its id.
    #[error("there is no key {:?}", clip(.0))]
    Key(String),
    /// The secret, by the name that was given.
    #[error("there is no secret {:?}", clip(.0))]
    Secret(String),
    /// The version of a job.
    #[error("there is no version {:?} of job {:?}", clip(version), clip(job))]
    Version {
        /// The text that was given as its number.
        version: String,
        /// The id or the name that was given for the job.
        job: String,
    },
}

fn of_job(job: Option<&str>) -> String {
    job.map_or_else(String::new, |job| format!(" of job {:?}", clip(job)))
}

/// The cluster cannot answer now, and may be able to later. Each carries its reason, for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// This node has no place in a cluster yet, or none any more, or its state is not that of most nodes.
    #[error("{0}")]
    NoCluster(String),
    /// No node is known to lead. Nothing was written.
    #[error("{0}")]
    NoLeader(String),
    /// A disk is full. Nothing was written.
    #[error("{0}")]
    DiskFull(String),
    /// The cluster's version does not have it yet. Nothing was done.
    #[error("{0}")]
    NotInUse(String),
    /// Too many wait already. Nothing was written.
    #[error("{0}")]
    Busy(String),
    /// It is larger than what is written at once. Nothing was written, and nothing will be.
    #[error("{0}")]
    TooLarge(String),
    /// The write was begun; it may be done yet, or may have been done.
    #[error("{0}")]
    OutcomeUnknown(String),
    /// This node is stopping. The write may have been done.
    #[error("{0}")]
    Stopping(String),
    /// The answer took too long to find. Nothing was written.
    #[error("{0}")]
    TooLong(String),
}

impl From<ProposeError> for Unavailable {
    fn from(error: ProposeError) -> Self {
        let reason = error.to_string();
        match error {
            ProposeError::NoLeader { .. } => Self::NoLeader(reason),
            ProposeError::DiskFull(_) => Self::DiskFull(reason),
            ProposeError::NotInUse { .. } => Self::NotInUse(reason),
            ProposeError::Busy(_) => Self::Busy(reason),
            ProposeError::TooLarge { .. } | ProposeError::TooManyRows { .. } => Self::TooLarge(reason),
            ProposeError::Unknown(_) => Self::OutcomeUnknown(reason),
            ProposeError::Stopped(_) => Self::Stopping(reason),
        }
    }
}

/// Why there is no answer to a question.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is not there.
    #[error(transparent)]
    NotFound(#[from] NotFound),
    /// No leader can say which writes were acknowledged before the question.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The storage of this node failed.
    #[error(transparent)]
    Storage(#[from] StateError),
}

impl From<QueryError> for ReadError {
    fn from(error: QueryError) -> Self {
        let reason = error.to_string();
        match error {
            QueryError::Busy => Unavailable::Busy(reason).into(),
            QueryError::TooLong(_) => Unavailable::TooLong(reason).into(),
            QueryError::Storage(error) => error.into(),
        }
    }
}

/// Why a write was not done, or is not known to have been done.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// What is to be changed is not there.
    #[error(transparent)]
    NotFound(#[from] NotFound),
    /// The state does not allow it. Nothing was changed.
    #[error("refused: {0:?}")]
    Refused(Refusal),
    /// The version of the job that was to run cannot be read. Nothing was changed.
    #[error("version {version} of the job is on record in a form that this release refuses: {why}")]
    Unreadable {
        /// The version.
        version: u64,
        /// Why, for people.
        why: String,
    },
    /// The write cannot be done now, or nobody knows whether it was.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The storage of this node failed. The write may have been done.
    #[error(transparent)]
    Storage(#[from] StateError),
    /// The machine gave an outcome that the command cannot have: a bug.
    #[error("an outcome that does not fit its command: {0:?}")]
    Unexpected(Box<Outcome>),
}

impl WriteError {
    /// Whether nothing was done for a reason that this node found, or the machine did.
    pub(crate) fn is_refusal(&self) -> bool {
        match self {
            Self::NotFound(_) | Self::Refused(_) | Self::Unreadable { .. } => true,
            Self::Unavailable(_) | Self::Storage(_) | Self::Unexpected(_) => false,
        }
    }

    /// Of an outcome that is not the one hoped for.
    pub(crate) fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Refused { refusal } => Self::Refused(refusal),
            other => Self::Unexpected(Box::new(other)),
        }
    }
}

impl From<ReadError> for WriteError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::NotFound(error) => Self::NotFound(error),
            ReadError::Unavailable(error) => Self::Unavailable(error),
            ReadError::Storage(error) => Self::Storage(error),
        }
    }
}

impl From<ProposeError> for WriteError {
    fn from(error: ProposeError) -> Self {
        Self::Unavailable(error.into())
    }
}

/// Why a job was not created, changed or deleted, or is not known to have been.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The new specification, or what the client demands of the version, has bad fields.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// It is another job, or at another version, than the client demands.
    #[error("the job {id} is at version {current}, which is not demanded")]
    Precondition {
        /// The job.
        id: JobId,
        /// The version of the job.
        current: u64,
    },
    /// Each time the change was tried, another change came first. Nothing was changed.
    #[error("the job was changed by others each time this change was tried")]
    Contended,
    /// The write failed.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl ChangeError {
    /// As [`WriteError::is_refusal`].
    pub(crate) fn is_refusal(&self) -> bool {
        match self {
            Self::Invalid(_) | Self::Precondition { .. } | Self::Contended => true,
            Self::Write(error) => error.is_refusal(),
        }
    }
}

impl From<ReadError> for ChangeError {
    fn from(error: ReadError) -> Self {
        Self::Write(error.into())
    }
}

impl From<NotFound> for ChangeError {
    fn from(error: NotFound) -> Self {
        Self::Write(error.into())
    }
}

impl From<ProposeError> for ChangeError {
    fn from(error: ProposeError) -> Self {
        Self::Write(error.into())
    }
}

/// Why the membership was not changed, or is not known to have been. Each carries its reason, for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MembershipError {
    /// There is no such member. Nothing was changed.
    #[error("{0}")]
    NotFound(String),
    /// It must not be done. Nothing was changed.
    #[error("{0}")]
    Refused(String),
    /// It cannot be done now, or nobody knows whether it was done.
    #[error(transparent)]
    Unavailable(Unavailable),
}

impl From<ReplicaError> for MembershipError {
    fn from(error: ReplicaError) -> Self {
        let reason = error.to_string();
        match error {
            ReplicaError::NotFound(_) => Self::NotFound(reason),
            ReplicaError::Refused(_) | ReplicaError::CannotFollow { .. } => Self::Refused(reason),
            ReplicaError::NoLeader | ReplicaError::Outside(_) => {
                Self::Unavailable(Unavailable::NoLeader(reason))
            }
            ReplicaError::Unknown(_) | ReplicaError::StillThere(_) => {
                Self::Unavailable(Unavailable::OutcomeUnknown(reason))
            }
        }
    }
}

/// Why a loop could not do what was due. It tries again.
#[derive(Debug, thiserror::Error)]
pub enum LoopError {
    /// The state could not be read.
    #[error(transparent)]
    Storage(#[from] StateError),
    /// A command was not taken, or is not known to have been.
    #[error(transparent)]
    Propose(#[from] ProposeError),
    /// A list could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What is on record, or is to be, cannot be opened or sealed.
    #[error(transparent)]
    Sealing(#[from] WriteError),
}

impl From<Unavailable> for LoopError {
    fn from(error: Unavailable) -> Self {
        Self::Read(error.into())
    }
}
