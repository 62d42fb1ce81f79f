//! Whom a node voted for.

use openraft::impls::leader_id_adv::LeaderId;
use serde::{Deserialize, Serialize};

use super::Form;
use crate::types::Vote;

/// Whom a node voted for, or follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VoteForm {
    pub term: u64,
    /// The raft id of the leader, or of the node that stands for election.
    pub leader: u64,
    /// Whether a majority has voted so, which makes it the leader.
    pub committed: bool,
}

impl Form<'_, Vote> for VoteForm {
    fn of(value: &Vote) -> Self {
        let Vote { leader_id: LeaderId { term, node_id }, committed } = *value;
        Self { term, leader: node_id, committed }
    }

    fn into_value(self) -> Result<Vote, String> {
        let Self { term, leader, committed } = self;
        Ok(Vote { leader_id: LeaderId { term, node_id: leader }, committed })
    }
}
