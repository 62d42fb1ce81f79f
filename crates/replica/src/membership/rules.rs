//! What may change and who comes next, judged by openraft's figures alone.

use std::collections::BTreeSet;

use chronos_types::NodeName;

use crate::error::ChangeError;
use crate::raft::Figures;
use crate::types::Member;

/// A learner that lacks no more entries than this can have a vote.
const CLOSE: u64 = 1_000;

/// The raft ids of those with a vote.
pub(super) fn voters(now: &Figures) -> BTreeSet<u64> {
    now.membership_config.voter_ids().collect()
}

/// The member of this name, with its raft id.
pub(super) fn find(now: &Figures, name: &NodeName) -> Option<(u64, Member)> {
    let mut members = now.membership_config.nodes();
    members.find(|(_, member)| member.name == *name).map(|(id, member)| (*id, member.clone()))
}

/// Whether no other member has the name or the address of a node that is to be taken in.
pub(super) fn stands_apart(now: &Figures, id: u64, member: &Member) -> Result<(), ChangeError> {
    let members = || now.membership_config.nodes().filter(|(known, _)| **known != id);
    if members().any(|(_, known)| known.name == member.name) {
        let name = &member.name;
        return Err(ChangeError::Refused(format!(
            "a node named {name} is already a member; remove it first (DELETE /api/v1/cluster/nodes/{name})"
        )));
    }
    if let Some((_, known)) = members().find(|(_, known)| known.address == member.address) {
        let Member { name, address, .. } = known;
        return Err(ChangeError::Refused(format!(
            "{address} is the address of the member {name}; advertise another one, or remove {name} first \
             (DELETE /api/v1/cluster/nodes/{name})"
        )));
    }
    Ok(())
}

/// The learner that is to have a vote next: a live one that lacks little, where there are fewer than
/// `max_voters`.
pub(super) fn next_voter(now: &Figures, live: &[NodeName], max_voters: usize) -> Option<(u64, NodeName)> {
    let voters = voters(now);
    if voters.len() >= max_voters {
        return None;
    }
    let replication = now.replication.as_ref()?;
    let learners = now.membership_config.nodes().filter(|(id, _)| !voters.contains(id));
    let ready = learners.filter_map(|(id, member)| {
        let matched = (*replication.get(id)?)?;
        let close = matched.index + CLOSE >= now.last_log_index.unwrap_or_default();
        (close && live.contains(&member.name)).then_some((matched.index, *id, member.name.clone()))
    });
    ready.max().map(|(_, id, name)| (id, name))
}

/// The voter beside this node that takes over the lead best: a live one if there is one, and then the one that
/// lacks least.
pub(super) fn nearest_voter(now: &Figures, live: &[NodeName]) -> Option<u64> {
    let replication = now.replication.as_ref();
    let matched = |id: &u64| replication.and_then(|matched| *matched.get(id)?).map(|id| id.index);
    let is_live =
        |id: &u64| now.membership_config.get_node(id).is_some_and(|member| live.contains(&member.name));
    let others = now.membership_config.voter_ids().filter(|id| *id != now.id);
    others.max_by_key(|id| (is_live(id), matched(id)))
}
