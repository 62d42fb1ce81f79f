//! The audit: what was changed, by whom, and from where. Most of its entries are written with the commands that
//! somebody asks for. These are about the others.

use chronos_types::Millis;
use serde::{Deserialize, Serialize};

use super::MAX_ROWS;

/// The version of the cluster from which on changes are audited.
pub const AUDIT_SINCE: u32 = 2;
/// So many entries are forgotten at once for their age.
pub(crate) const AUDIT_AT_ONCE: usize = MAX_ROWS;

/// A word about the audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum AuditWord {
    /// Put on record what changes no state: a change of the members, or a backup that is handed out. Who asks is that
    /// of the proposal.
    Note {
        /// What was asked for, such as `backup.download`.
        what: String,
        /// Of what, where it is of something.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<String>,
    },
    /// Forget entries from before an instant, the oldest first, as many as may go at once.
    Forget {
        /// The instant.
        before: Millis,
    },
}

impl AuditWord {
    /// How many rows it changes.
    pub(super) fn rows(&self) -> usize {
        match self {
            Self::Note { .. } => 1,
            Self::Forget { .. } => AUDIT_AT_ONCE,
        }
    }

    /// A rough count of its bytes in the log.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Note { what, target } => 60 + what.len() + target.as_ref().map_or(0, String::len),
            Self::Forget { .. } => 60,
        }
    }
}
