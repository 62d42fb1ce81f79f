//! What is told of changes while they happen: the types of events.

use crate::Status;
use crate::choice::choice;

choice! {
    /// What an event tells.
    EventType "an event type" {
        /// A job was created.
        JobCreated "job.created",
        /// A job has a new version, another set, or other coming runs that are to be skipped.
        JobChanged "job.changed",
        /// A job was deleted.
        JobDeleted "job.deleted",
        /// A job was paused, or its pause has another reason or end.
        JobPaused "job.paused",
        /// The pause of a job is over.
        JobResumed "job.resumed",
        /// A run was asked for: by hand, as a replay or by an operation.
        ExecutionTriggered "execution.triggered",
        /// An attempt is under way that lasts.
        ExecutionStarted "execution.started",
        /// An attempt failed, and the next one waits for its time.
        ExecutionRetrying "execution.retrying",
        /// Delivered.
        ExecutionSucceeded "execution.succeeded",
        /// Given up.
        ExecutionFailed "execution.failed",
        /// Ended by a user or by a newer run.
        ExecutionCancelled "execution.cancelled",
        /// Not delivered, because another run was unfinished.
        ExecutionSkipped "execution.skipped",
        /// A stretch of instants that the missed-runs policy passes over.
        ExecutionMissed "execution.missed",
        /// An operation was made.
        OperationStarted "operation.started",
        /// An operation has come further.
        OperationProgressed "operation.progressed",
        /// An operation is over.
        OperationDone "operation.done",
        /// An operation was ended before its end.
        OperationCancelled "operation.cancelled",
        /// Another node leads, or none that is known.
        ClusterLeader "cluster.leader_changed",
        /// A node became a member.
        ClusterJoined "cluster.node_joined",
        /// A node is no member any more.
        ClusterLeft "cluster.node_left",
        /// A node gets runs.
        ClusterReady "cluster.node_ready",
        /// A node gets no new runs.
        ClusterUnready "cluster.node_unready",
    }
}

impl EventType {
    /// What it is about: the part of its name before the dot.
    #[must_use]
    pub fn topic(self) -> &'static str {
        self.as_str().split('.').next().unwrap_or_default()
    }

    /// Where an execution stands that has come to it; none of what is about no execution.
    #[must_use]
    pub fn status(self) -> Option<Status> {
        match self {
            Self::ExecutionTriggered => Some(Status::Pending),
            Self::ExecutionStarted => Some(Status::Running),
            Self::ExecutionRetrying => Some(Status::Retrying),
            Self::ExecutionSucceeded => Some(Status::Success),
            Self::ExecutionFailed => Some(Status::Failed),
            Self::ExecutionCancelled => Some(Status::Cancelled),
            Self::ExecutionSkipped | Self::ExecutionMissed => Some(Status::Skipped),
            Self::JobCreated
            | Self::JobChanged
            | Self::JobDeleted
            | Self::JobPaused
            | Self::JobResumed
            | Self::OperationStarted
            | Self::OperationProgressed
            | Self::OperationDone
            | Self::OperationCancelled
            | Self::ClusterLeader
            | Self::ClusterJoined
            | Self::ClusterLeft
            | Self::ClusterReady
            | Self::ClusterUnready => None,
        }
    }

    /// What an execution comes to with a status.
    #[must_use]
    pub fn of(status: Status) -> Self {
        match status {
            Status::Pending => Self::ExecutionTriggered,
            Status::Running => Self::ExecutionStarted,
            Status::Retrying => Self::ExecutionRetrying,
            Status::Success => Self::ExecutionSucceeded,
            Status::Failed => Self::ExecutionFailed,
            Status::Cancelled => Self::ExecutionCancelled,
            Status::Skipped => Self::ExecutionSkipped,
        }
    }

    /// Whether the execution is over with it.
    #[must_use]
    pub fn is_end(self) -> bool {
        self.status().is_some_and(Status::is_finished)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_event_and_each_topic_its_types() {
        assert!(Status::ALL.iter().all(|status| EventType::of(*status).status() == Some(*status)));
        assert!(Status::ALL.iter().all(|status| EventType::of(*status).is_end() == status.is_finished()));
        for what in EventType::ALL {
            let is_run = what.status().is_some();
            assert_eq!(what.topic() == "execution", is_run, "{what:?}");
            assert!(["job", "execution", "operation", "cluster"].contains(&what.topic()), "{what:?}");
        }
    }
}
