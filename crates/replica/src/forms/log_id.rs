//! A place in the log.

use openraft::impls::leader_id_adv::LeaderId;
use serde::{Deserialize, Serialize};

use super::Form;
use crate::types::LogId;

/// No entry stands behind this one: SQLite has no greater numbers, and the index behind an entry is a number too.
pub(crate) const MAX_INDEX: u64 = i64::MAX.cast_unsigned() - 1;

/// A place in the log: the entry's index, and the leader that proposed it with its term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogIdForm {
    pub term: u64,
    /// The leader's raft id.
    pub leader: u64,
    pub index: u64,
}

impl Form<'_, LogId> for LogIdForm {
    fn of(value: &LogId) -> Self {
        let LogId { leader_id: LeaderId { term, node_id }, index } = *value;
        Self { term, leader: node_id, index }
    }

    fn into_value(self) -> Result<LogId, String> {
        let Self { term, leader, index } = self;
        if index > MAX_INDEX {
            return Err(format!("no log entry can have the index {index}"));
        }
        Ok(LogId { leader_id: LeaderId { term, node_id: leader }, index })
    }
}

/// A position as people compare it.
pub(crate) fn told(position: Option<LogId>) -> String {
    position.map_or_else(
        || "before the first entry".to_owned(),
        |LogId { leader_id: leader, index }| {
            format!("term {}, leader {:016x}, entry {index}", leader.term, leader.node_id)
        },
    )
}
