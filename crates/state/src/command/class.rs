//! [`Class`]: which commands go before which on their way into the log.

use super::{AuditWord, ClockWord, Command, KeyWord, OperationWord, SecretWord};

/// Commands of one class wait in one line. A class goes before those after it, and leaves them some room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// What runs are on time by, and what the cluster stands on. Only nodes ask for it.
    Scheduled,
    /// What a client of the API waits for.
    Api,
    /// What can be very much, in portions, and keeps nobody from what is due now.
    Bulk,
}

impl Class {
    /// All of them, in their order.
    pub const ALL: [Self; 3] = [Self::Scheduled, Self::Api, Self::Bulk];
}

impl Command {
    /// Its class. The command alone tells it, so the leader finds what other nodes send it in the same class.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            // The end of a pause has jobs fall due at that instant.
            Self::Plan(_)
            | Self::Report(_)
            | Self::Reassign(_)
            | Self::EndPauses(_)
            | Self::RaiseVersion { .. } => Class::Scheduled,
            // Jobs that are written together come in portions, each of which a client waits for.
            Self::PutJob(_)
            | Self::PutJobs(_)
            | Self::DeleteJob(_)
            | Self::PruneSet(_)
            | Self::Trigger(_)
            | Self::Cancel(_)
            | Self::Confirm(_)
            | Self::Pause(_)
            | Self::Resume(_)
            | Self::Skip(_) => Class::Api,
            Self::Secret(SecretWord::Reseal(_)) => Class::Bulk,
            Self::Secret(_) => Class::Api,
            Self::Operation(OperationWord::Begin(_) | OperationWord::Cancel { .. }) => Class::Api,
            Self::Operation(OperationWord::Step(_)) => Class::Bulk,
            Self::Keys(KeyWord::Used { .. }) => Class::Bulk,
            Self::Keys(_) => Class::Api,
            Self::Audit(AuditWord::Note { .. }) => Class::Api,
            Self::Audit(AuditWord::Forget { .. }) => Class::Bulk,
            // A word of a few bytes, by which instants are told and records are kept. What is computed anew after it
            // can be as much as there are jobs.
            Self::Clock(ClockWord::Passes | ClockWord::Right { .. } | ClockWord::Back) => Class::Scheduled,
            Self::Clock(ClockWord::Anew(_)) | Self::Trim(_) | Self::Portion | Self::Compare(_) => Class::Bulk,
            #[cfg(feature = "next")]
            Self::Probe => Class::Bulk,
        }
    }
}
