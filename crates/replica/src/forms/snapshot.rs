//! Where a snapshot stands.

use serde::{Deserialize, Serialize};

use super::{As, Form, LogIdForm, StoredMembersForm};
use crate::types::{LogId, SnapshotMeta, StoredMembership};

/// Where the state in a snapshot stands: its last entry, and the members as of then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SnapshotForm {
    #[serde(with = "As::<Option<LogIdForm>>")]
    applied: Option<LogId>,
    #[serde(with = "As::<StoredMembersForm>")]
    membership: StoredMembership,
}

impl Form<'_, SnapshotMeta> for SnapshotForm {
    fn of(value: &SnapshotMeta) -> Self {
        let SnapshotMeta { last_log_id, last_membership } = value.clone();
        Self { applied: last_log_id, membership: last_membership }
    }

    fn into_value(self) -> Result<SnapshotMeta, String> {
        let Self { applied, membership } = self;
        Ok(SnapshotMeta { last_log_id: applied, last_membership: membership })
    }
}
