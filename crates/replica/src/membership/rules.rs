//! What may change and who comes next, judged by openraft's figures alone.

use std::collections::BTreeSet;

use chronos_types::NodeName;

use crate::error::ChangeError;
use crate::raft::Figures;
use crate::state::version::followed_by_all;
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

/// Whether a node can follow a cluster of this version.
pub(super) fn can_follow(version: u32, member: &Member) -> Result<(), ChangeError> {
    let Member { name, follows, .. } = member;
    if *follows < version {
        return Err(ChangeError::CannotFollow { name: name.clone(), follows: *follows, version });
    }
    Ok(())
}

/// The version that the cluster is to be raised to: the next one, where every member and `own`, this binary,
/// can follow it. This node may run an older one than the members know yet.
pub(super) fn next_version(now: &Figures, version: u32, own: u32) -> Option<u32> {
    let next = version + 1;
    (next <= own && next <= followed_by_all(now.membership_config.nodes())).then_some(next)
}

/// The learner that is to have a vote next, where there are fewer than `max_voters`: one that lacks little, and has
/// done its part for a while. A node that takes entries in for a moment only, because its disk is full soon, is none.
pub(super) fn next_voter(
    now: &Figures,
    is_steady: impl Fn(u64) -> bool,
    max_voters: usize,
) -> Option<(u64, NodeName)> {
    let voters = voters(now);
    if voters.len() >= max_voters {
        return None;
    }
    let replication = now.replication.as_ref()?;
    let learners = now.membership_config.nodes().filter(|(id, _)| !voters.contains(id));
    let ready = learners.filter_map(|(id, member)| {
        let matched = (*replication.get(id)?)?;
        let close = matched.index + CLOSE >= now.last_log_index.unwrap_or_default();
        (close && is_steady(*id)).then_some((matched.index, *id, member.name.clone()))
    });
    ready.max().map(|(_, id, name)| (id, name))
}

/// The voter beside this node that takes over the lead best: one that does its part (`well`) if there is one, and then
/// the one that lacks least.
pub(super) fn nearest_voter(now: &Figures, well: &[NodeName]) -> Option<u64> {
    let replication = now.replication.as_ref();
    let matched = |id: &u64| replication.and_then(|matched| *matched.get(id)?).map(|id| id.index);
    let is_well =
        |id: &u64| now.membership_config.get_node(id).is_some_and(|member| well.contains(&member.name));
    let others = now.membership_config.voter_ids().filter(|id| *id != now.id);
    others.max_by_key(|id| (is_well(id), matched(id)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::types::{LogId, StoredMembership};

    /// What the leader, node 1, sees: of the nodes `one` to `four` the first `voters` have a vote, and of each it
    /// knows how far its log is. Its own ends at 5,000.
    fn leader_of(voters: u64, matched: [u64; 4]) -> Figures {
        let names = ["one", "two", "three", "four"];
        let members = names.iter().zip(1..).map(|(name, id): (_, u64)| (id, member(name)));
        let members: BTreeMap<u64, Member> = members.collect();
        let membership = openraft::Membership::new(vec![(1..=voters).collect()], members).expect("members");
        let at = |index| LogId {
            leader_id: openraft::impls::leader_id_adv::LeaderId { term: 1, node_id: 1 },
            index,
        };
        let mut now = Figures::new_initial(1);
        now.membership_config = Arc::new(StoredMembership::new(Some(at(1)), membership));
        now.last_log_index = Some(5_000);
        now.replication = Some((1..).zip(matched.map(|index| Some(at(index)))).collect());
        now
    }

    fn member(name: &str) -> Member {
        Member { name: named(name), address: format!("{name}:1"), ..Member::default() }
    }

    fn named(name: &str) -> NodeName {
        NodeName::unchecked(name)
    }

    fn well(names: &[&str]) -> Vec<NodeName> {
        names.iter().map(|name| named(name)).collect()
    }

    #[test]
    fn a_vote_goes_to_the_steady_learner_that_lacks_least() {
        let all = [1, 2, 3, 4];
        let next =
            |now: &Figures, steady: &[u64]| next_voter(now, |id| steady.contains(&id), 3).map(|(id, _)| id);
        let now = leader_of(1, [5_000, 4_100, 4_900, 3_999]);
        assert_eq!(next(&now, &all), Some(3));
        assert_eq!(next(&now, &[1, 2, 4]), Some(2), "one that does not do its part gets none");
        assert_eq!(next(&now, &[1, 4]), None, "it lacks too much");
        assert_eq!(next(&leader_of(3, [5_000; 4]), &all), None, "there are enough");
    }

    #[test]
    fn the_lead_goes_to_a_voter_that_does_its_part_first_and_then_to_the_one_that_lacks_least() {
        let now = leader_of(3, [5_000, 4_000, 4_900, 5_000]);
        assert_eq!(nearest_voter(&now, &well(&["one", "two", "three", "four"])), Some(3));
        assert_eq!(nearest_voter(&now, &well(&["one", "two", "four"])), Some(2));
        assert_eq!(nearest_voter(&now, &[]), Some(3), "of the others too, if there is none that does");
        assert_eq!(nearest_voter(&leader_of(1, [5_000; 4]), &[]), None);
    }

    #[test]
    fn the_version_rises_by_one_where_every_member_and_this_node_can_follow() {
        let next = |follows: [u32; 4], version, own| {
            let mut now = leader_of(3, [0; 4]);
            let members = now.membership_config.nodes().zip(follows);
            let members: BTreeMap<u64, Member> =
                members.map(|((id, member), follows)| (*id, Member { follows, ..member.clone() })).collect();
            let membership = openraft::Membership::new(vec![[1, 2, 3].into()], members).expect("members");
            now.membership_config = Arc::new(StoredMembership::new(None, membership));
            next_version(&now, version, own)
        };
        assert_eq!(next([3; 4], 1, 3), Some(2), "step by step");
        assert_eq!(next([3; 4], 3, 3), None, "it is there");
        assert_eq!(next([3, 3, 3, 1], 1, 3), None, "a learner counts");
        assert_eq!(next([3, 2, 3, 3], 1, 3), Some(2));
        assert_eq!(next([3; 4], 1, 1), None, "this node went back, and the members do not know yet");
        assert_eq!(next_version(&Figures::new_initial(1), 1, 3), None, "nobody is a member");
    }

    #[test]
    fn a_node_that_follows_less_than_the_cluster_is_refused_with_both_numbers() {
        let old = Member { follows: 1, ..member("nine") };
        assert_eq!(can_follow(1, &old), Ok(()));
        let why = can_follow(2, &old).expect_err("refused").to_string();
        let said = "nine can follow cluster versions up to 1, and this cluster is at version 2; start a newer Chronos on it";
        assert_eq!(why, said);
    }

    #[test]
    fn neither_the_name_nor_the_address_of_a_member_is_taken_by_another() {
        let now = leader_of(3, [0; 4]);
        assert_eq!(stands_apart(&now, 2, &member("two")), Ok(()), "it is itself");
        assert_eq!(stands_apart(&now, 9, &member("nine")), Ok(()));
        let why = stands_apart(&now, 9, &member("two")).expect_err("refused").to_string();
        assert!(why.contains("a node named two is already a member"), "{why}");
        let moved = Member { address: "two:1".into(), ..member("nine") };
        let why = stands_apart(&now, 9, &moved).expect_err("refused").to_string();
        assert!(why.contains("two:1 is the address of the member two"), "{why}");
    }
}
