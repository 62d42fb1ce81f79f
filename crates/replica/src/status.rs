//! What a node knows of itself and of its cluster, as others see it.

use std::collections::BTreeSet;

use chronos_types::NodeName;
use openraft::Instant as _;

use crate::raft::Figures;
use crate::types::Member;

/// Who leads, as far as this node knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leadership {
    /// The term of the newest vote.
    pub term: u64,
    /// The leader's name, if one is known.
    pub leader: Option<NodeName>,
    /// Whether it is this node.
    pub is_leader: bool,
}

/// Where this node stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RaftStatus {
    /// The current term.
    pub term: u64,
    /// The leader's name, if one is known and was heard from lately.
    pub leader: Option<NodeName>,
    /// Whether it is this node.
    pub is_leader: bool,
    /// The cluster's id, once this node belongs to one.
    pub cluster: Option<String>,
    /// The version of the cluster, as of the last entry in the state.
    pub version: u32,
    /// The members, sorted by name.
    pub members: Vec<MemberStatus>,
    /// The last index in the log.
    pub last_log: Option<u64>,
    /// The last index known to be on a quorum.
    pub committed: Option<u64>,
    /// The last index in the state.
    pub applied: Option<u64>,
    /// The last index that the state holds durably without the log.
    pub snapshot: Option<u64>,
    /// The last index that the log has dropped.
    pub purged: Option<u64>,
    /// The transactions the log has made since the start; each is a sync, shared by all that waited.
    pub log_commits: u64,
    /// Why writes wait, while the disk is full.
    pub disk_full: Option<String>,
}

/// What a member may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It orders the log.
    Leader,
    /// It has a vote.
    Voter,
    /// It has all data, and no vote.
    Learner,
}

/// A member, as this node knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberStatus {
    /// Its name, `cluster.node_id`.
    pub name: NodeName,
    /// What it may do.
    pub role: Role,
    /// Where other nodes reach it, `host:port`. None where it listens for none.
    pub address: Option<String>,
    /// Where its API is.
    pub http: String,
    /// The version of Chronos that it runs.
    pub version: String,
    /// The release of its time zone rules.
    pub tz_release: String,
    /// The highest version of the cluster that it can follow.
    pub follows: u32,
    /// The ids of its encryption keys.
    pub encryption_keys: Vec<String>,
    /// Milliseconds since it was last heard from. Only a leader knows, and of itself it says 0.
    pub last_contact_ms: Option<u64>,
    /// The last index known to be in its log. Only a leader knows.
    pub matched: Option<u64>,
    /// Entries that the leader has applied and it has not. Only the leader's report says.
    pub behind: Option<u64>,
    /// How far its clock is ahead of what most clocks say, in milliseconds. Only the leader's report says.
    pub clock_skew_ms: Option<i64>,
    /// What is wrong with it, in whole sentences. Only reports say.
    pub problems: Vec<String>,
}

/// The raft ids of those with a vote, whether a change of the voters that is under way comes to its end or not. Until then
/// nothing is decided without most of those before it: whoever stops one of these because of a new voter stops the cluster.
fn settled_voters(now: &Figures) -> BTreeSet<u64> {
    let configs = now.membership_config.membership().get_joint_config();
    let all = configs.iter().cloned().reduce(|all, config| &all & &config);
    all.unwrap_or_default()
}

/// The members, sorted by name.
pub(crate) fn members(now: &Figures) -> Vec<MemberStatus> {
    let voters = settled_voters(now);
    let leads = now.state.is_leader();
    let member = |(id, member): (&u64, &Member)| {
        let heard = now.heartbeat.as_ref().and_then(|heard| *heard.get(id)?);
        let since = heard.map(|at| u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX));
        let matched = now.replication.as_ref().and_then(|matched| *matched.get(id)?);
        let itself = leads && *id == now.id;
        let Member { name, address, http, version, tz_release, follows, encryption_keys } = member.clone();
        MemberStatus {
            name,
            role: match voters.contains(id) {
                _ if now.current_leader == Some(*id) => Role::Leader,
                true => Role::Voter,
                false => Role::Learner,
            },
            address: Some(address).filter(|address| !address.is_empty()),
            http,
            version,
            tz_release,
            follows,
            encryption_keys,
            last_contact_ms: if itself { Some(0) } else { since },
            matched: if itself { now.last_log_index } else { matched.map(|id| id.index) },
            behind: None,
            clock_skew_ms: None,
            problems: Vec::new(),
        }
    };
    let mut members: Vec<_> = now.membership_config.nodes().map(member).collect();
    members.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    members
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::types::StoredMembership;

    /// The roles of nodes 1 to 4, as node 1 sees them, which leads.
    fn roles(configs: &[&[u64]]) -> Vec<Role> {
        let configs = configs.iter().map(|ids| ids.iter().copied().collect()).collect();
        let member = |id| (id, Member { name: NodeName::unchecked(&format!("n{id}")), ..Member::default() });
        let nodes: BTreeMap<u64, Member> = (1..=4).map(member).collect();
        let membership = openraft::Membership::new(configs, nodes).expect("members");
        let mut now = Figures::new_initial(1);
        now.current_leader = Some(1);
        now.membership_config = Arc::new(StoredMembership::new(None, membership));
        members(&now).into_iter().map(|member| member.role).collect()
    }

    #[test]
    fn a_node_is_told_as_a_voter_when_the_change_that_makes_it_one_is_over() {
        use Role::{Leader, Learner, Voter};
        assert_eq!(roles(&[&[1, 2]]), [Leader, Voter, Learner, Learner]);
        assert_eq!(roles(&[&[1, 2], &[1, 2, 3]]), [Leader, Voter, Learner, Learner]);
        assert_eq!(roles(&[&[1, 2, 3]]), [Leader, Voter, Voter, Learner]);
        assert_eq!(roles(&[&[1, 2, 3], &[1, 3, 4]]), [Leader, Learner, Voter, Learner]);
    }
}
